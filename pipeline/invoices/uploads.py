"""The invoices of an account in the database. Each method is its own short transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import ColumnElement

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.invoices.tables import NEED_A_PERSON, OPEN, InvoiceUpload, UploadState
from pipeline.magento.records import NumberedInvoice
from pipeline.orders.tables import Order, Status

REACH = timedelta(days=30)
"""Orders that changed longer ago get no upload by themselves, as after the first switch-on."""

SEVERAL = "the Magento order has several invoices, and Amazon takes one: choose it"


@dataclass(frozen=True, slots=True)
class Shipped:
    """An order that Amazon counts as shipped and Magento as invoiced, without an upload."""

    order_id: int
    shop: str | None
    magento_order_id: int | None
    marketplace_id: str


class Uploads:
    """Keeps the uploads of an account."""

    def __init__(self, sessions: Sessions, account: str) -> None:
        self._sessions = sessions
        self._account = account

    def shipped(self, marketplace_ids: Collection[str], now: datetime, limit: int) -> list[Shipped]:
        """Orders of these marketplaces that are to get an upload, the oldest first."""
        has_upload = exists().where(InvoiceUpload.order_id == Order.id)
        with self._sessions() as session:
            rows = session.execute(
                select(Order.id, Order.shop, Order.magento_order_id, Order.marketplace_id)
                .where(
                    Order.account == self._account,
                    among(Order.marketplace_id, marketplace_ids),
                    Order.status == Status.DONE,
                    Order.remote_status == "SHIPPED",
                    Order.updated_at >= now - REACH,
                    Order.shop.is_not(None),
                    Order.magento_order_id.is_not(None),
                    Order.magento_invoiced > 0,
                    Order.purged_at.is_(None),
                    ~has_upload,
                )
                .order_by(Order.id)
                .limit(limit)
            ).all()
        return [Shipped(*row) for row in rows]

    def add(
        self,
        orders: Iterable[Shipped],
        invoices: Mapping[int, Sequence[NumberedInvoice]],
        now: datetime,
    ) -> int:
        """Keep the invoices of these orders, to be uploaded; an order with several is held.

        `invoices` are by Magento's id of the order. Returns how many are new.
        """
        rows = []
        for order in orders:
            found = invoices.get(order.magento_order_id or 0, ())
            if not found:
                continue
            several = len(found) > 1
            rows.append(
                {
                    "order_id": order.order_id,
                    "account": self._account,
                    "marketplace_id": order.marketplace_id,
                    "state": UploadState.HELD if several else UploadState.WAITING,
                    "trouble": SEVERAL if several else None,
                    "increment_id": found[0].increment_id,
                    "numbers": [each.increment_id for each in found],
                    "grand_total": found[0].grand_total,
                    "tax_total": found[0].tax_total,
                    "created_at": now,
                    "due_at": now,
                }
            )
        if not rows:
            return 0
        adding = insert(InvoiceUpload).values(rows).on_conflict_do_nothing()
        with self._sessions() as session, session.begin():
            return len(session.scalars(adding.returning(InvoiceUpload.order_id)).all())

    def due(
        self, marketplace_ids: Collection[str], now: datetime, limit: int
    ) -> Sequence[InvoiceUpload]:
        """The open uploads of these marketplaces that are due, and all that Amazon may have, which
        come first."""
        with self._sessions() as session:
            return session.scalars(
                select(InvoiceUpload)
                .where(
                    InvoiceUpload.account == self._account,
                    InvoiceUpload.state.in_(OPEN),
                    InvoiceUpload.due_at <= now,
                    or_(
                        InvoiceUpload.submitted_at.is_not(None),
                        among(InvoiceUpload.marketplace_id, marketplace_ids),
                    ),
                )
                .order_by(InvoiceUpload.submitted_at.is_(None), InvoiceUpload.due_at)
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

    def external_id(self, upload: InvoiceUpload) -> str:
        """The marketplace's number of the order."""
        with self._sessions() as session:
            return session.scalars(
                select(Order.external_id).where(Order.id == upload.order_id)
            ).one()

    def intend(self, upload: InvoiceUpload, now: datetime) -> bool:
        """Record that createFeed is about to be called; False when another worker calls it."""
        with self._sessions() as session, session.begin():
            ours = session.scalar(
                update(InvoiceUpload)
                .where(
                    InvoiceUpload.order_id == upload.order_id,
                    InvoiceUpload.state == UploadState.UPLOADED,
                    InvoiceUpload.submitted_at.is_(None),
                )
                .values(submitted_at=now)
                .returning(InvoiceUpload.order_id)
            )
        return ours is not None

    def change(self, upload: InvoiceUpload, **values: Any) -> None:
        """Write these columns of an open upload, if another worker has not moved it on, or sent it
        anew."""
        as_read = InvoiceUpload.submitted_at.is_not_distinct_from(upload.submitted_at)
        self._write(upload, as_read, **values)

    def _write(
        self, upload: InvoiceUpload, *conditions: ColumnElement[bool], **values: Any
    ) -> None:
        with self._sessions() as session, session.begin():
            session.execute(
                update(InvoiceUpload)
                .where(
                    InvoiceUpload.order_id == upload.order_id,
                    InvoiceUpload.state == upload.state,
                    InvoiceUpload.state.in_(OPEN),
                    *conditions,
                )
                .values(**values)
            )

    def submitted(self, upload: InvoiceUpload, feed_id: str, due_at: datetime) -> None:
        """Amazon has the feed, under this id. An answer that comes after another worker found no
        such feed counts as well, before that one creates its own."""
        self._write(
            upload,
            state=UploadState.SUBMITTED,
            submitted_at=upload.submitted_at,
            feed_ids=func.array_append(InvoiceUpload.feed_ids, feed_id),
            due_at=due_at,
            trouble=None,
        )

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


def listed(sessions: Sessions, *, every: bool, limit: int) -> list[tuple[str, InvoiceUpload]]:
    """The uploads that need a person, or all, the newest first, with the order's number."""
    query = (
        select(Order.external_id, InvoiceUpload)
        .join(InvoiceUpload, InvoiceUpload.order_id == Order.id)
        .order_by(InvoiceUpload.created_at.desc(), Order.id.desc())
        .limit(limit)
    )
    if not every:
        query = query.where(InvoiceUpload.state.in_(NEED_A_PERSON))
    with sessions() as session:
        return [(row[0], row[1]) for row in session.execute(query)]
