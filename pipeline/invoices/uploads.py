"""The invoices of an account in the database. Each method is its own short transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, exists, func, or_, select, update

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.invoices.tables import NEED_A_PERSON, OPEN, InvoiceUpload, UploadState
from pipeline.orders.tables import Order

_TO_SEND = tuple(state for state in OPEN if state is not UploadState.WANTED)
_DECIDED = (UploadState.ACCEPTED, UploadState.REFUSED, UploadState.MADE_BY_AMAZON)


class Owner(NamedTuple):
    """Whose invoice it is: the marketplace's number of the order, and its shop."""

    external_id: str
    shop: str | None


class Uploads:
    """Keeps the uploads of an account."""

    def __init__(self, sessions: Sessions, account: str) -> None:
        self._sessions = sessions
        self._account = account

    def due(
        self, marketplace_ids: Collection[str], now: datetime, limit: int
    ) -> Sequence[InvoiceUpload]:
        """The uploads of these marketplaces that are due, and all that Amazon may have, which come
        first."""
        with self._sessions() as session:
            return session.scalars(
                select(InvoiceUpload)
                .where(
                    InvoiceUpload.account == self._account,
                    InvoiceUpload.state.in_(_TO_SEND),
                    InvoiceUpload.due_at <= now,
                    or_(
                        InvoiceUpload.submitted_at.is_not(None),
                        among(InvoiceUpload.marketplace_id, marketplace_ids),
                    ),
                )
                .order_by(
                    InvoiceUpload.submitted_at.is_(None),
                    InvoiceUpload.due_at,
                    InvoiceUpload.order_id,
                )
                .limit(limit)
            ).all()

    def has_lost(self) -> bool:
        """Whether an answer of createFeed was lost: Amazon may have a feed of unknown id."""
        with self._sessions() as session:
            return session.scalars(
                select(
                    exists().where(
                        InvoiceUpload.account == self._account,
                        InvoiceUpload.state == UploadState.UPLOADED,
                        InvoiceUpload.submitted_at.is_not(None),
                    )
                )
            ).one()

    def owner(self, upload: InvoiceUpload) -> Owner:
        """The order of the invoice."""
        with self._sessions() as session:
            query = select(Order.external_id, Order.shop).where(Order.id == upload.order_id)
            return Owner(*session.execute(query).one())

    def bears_its_number(self, upload: InvoiceUpload, shop: str) -> bool:
        """Whether an invoice of another order of this shop has the same number."""
        return self._is_other(
            upload, InvoiceUpload.increment_id == upload.increment_id, Order.shop == shop
        )

    def has_its_file(self, upload: InvoiceUpload, digest: str) -> bool:
        """Whether the file with this digest was uploaded for another order of any account."""
        return self._is_other(upload, InvoiceUpload.digest == digest)

    def _is_other(self, upload: InvoiceUpload, *conditions: ColumnElement[bool]) -> bool:
        others = (
            select(InvoiceUpload.order_id)
            .join(Order, Order.id == InvoiceUpload.order_id)
            .where(InvoiceUpload.order_id != upload.order_id, *conditions)
        )
        with self._sessions() as session:
            return session.scalars(select(others.exists())).one()

    def refused_in_succession(self, count: int, since: datetime | None) -> bool:
        """Whether Amazon refused the account's last `count` invoices that ended after `since`."""
        ended = [InvoiceUpload.account == self._account, InvoiceUpload.state.in_(_DECIDED)]
        if since is not None:
            ended.append(InvoiceUpload.ended_at > since)
        with self._sessions() as session:
            last = session.scalars(
                select(InvoiceUpload.state)
                .where(*ended)
                .order_by(InvoiceUpload.ended_at.desc())
                .limit(count)
            ).all()
        return len(last) == count and UploadState.ACCEPTED not in last

    def change(self, upload: InvoiceUpload, **values: Any) -> bool:
        """Write these columns of an open upload that is as it was read; else False.

        Another worker or a person has moved it on meanwhile: a late answer counts for nothing.
        """
        as_read = InvoiceUpload.submitted_at.is_not_distinct_from(upload.submitted_at)
        return self._write(upload, as_read, **values)

    def submitted(self, upload: InvoiceUpload, feed_id: str, due_at: datetime) -> bool:
        """Amazon has the feed, under this id.

        The answer counts also after another worker found no such feed, until that one creates its
        own: else the invoice would be uploaded twice.
        """
        as_read_or_free = or_(
            InvoiceUpload.submitted_at == upload.submitted_at, InvoiceUpload.submitted_at.is_(None)
        )
        return self._write(
            upload,
            as_read_or_free,
            state=UploadState.SUBMITTED,
            submitted_at=upload.submitted_at,
            feed_ids=func.array_append(InvoiceUpload.feed_ids, feed_id),
            due_at=due_at,
            lost=0,
            trouble=None,
        )

    def _write(self, upload: InvoiceUpload, sent_at: ColumnElement[bool], **values: Any) -> bool:
        with self._sessions() as session, session.begin():
            changed = session.scalar(
                update(InvoiceUpload)
                .where(
                    InvoiceUpload.order_id == upload.order_id,
                    InvoiceUpload.state == upload.state,
                    InvoiceUpload.state.in_(OPEN),
                    InvoiceUpload.created_at == upload.created_at,
                    InvoiceUpload.tries == upload.tries,
                    sent_at,
                    InvoiceUpload.document_id.is_not_distinct_from(upload.document_id),
                )
                .values(**values)
                .returning(InvoiceUpload.order_id)
            )
        return changed is not None

    def known_feeds(self, feed_ids: Collection[str]) -> set[str]:
        """Those of Amazon's feeds that belong to an upload."""
        with self._sessions() as session:
            owned = session.scalars(
                select(func.unnest(InvoiceUpload.feed_ids)).where(
                    InvoiceUpload.account == self._account,
                    InvoiceUpload.feed_ids.overlap(list(feed_ids)),
                )
            ).all()
        return set(owned) & set(feed_ids)


def of_orders(sessions: Sessions, order_ids: Collection[int]) -> dict[int, InvoiceUpload]:
    """The uploads of these orders."""
    with sessions() as session:
        rows = session.scalars(
            select(InvoiceUpload).where(among(InvoiceUpload.order_id, order_ids))
        ).all()
    return {row.order_id: row for row in rows}


def waiting(sessions: Sessions) -> dict[str, int]:
    """How many invoices need a person, by account; without the accounts that have none."""
    query = select(InvoiceUpload.account, func.count().label("number")).group_by(
        InvoiceUpload.account
    )
    with sessions() as session:
        rows = session.execute(query.where(InvoiceUpload.state.in_(NEED_A_PERSON)))
        return {row.account: row.number for row in rows}
