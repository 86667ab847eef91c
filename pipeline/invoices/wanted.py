"""Which shipped orders want an invoice, and which invoice each has in its shop.

An order that has none there yet is looked at ever more rarely, so that orders without an invoice
keep no other waiting. Each method is its own short transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    DateTime,
    Interval,
    Numeric,
    Text,
    bindparam,
    cast,
    exists,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.invoices.tables import InvoiceUpload, UploadState
from pipeline.magento.records import NumberedInvoice
from pipeline.orders.tables import Order, Status

REACH = timedelta(days=30)
"""Orders that changed longer ago get no upload by themselves, as after the first switch-on."""
SOONEST_LOOK = timedelta(minutes=5)
LOOKED_FOR = timedelta(days=3)
"""After this time without an invoice in the shop a person has to help."""

UNREADABLE = (
    "the shop's answer about its invoices cannot be read: check them in the shop's admin, and the "
    "extensions that change them"
)
SEVERAL = "the Magento order has several invoices, and Amazon takes one: choose it"

_MOST_TOLD = 500
_LEARNT = (
    *("trouble", "ended_at", "increment_id", "numbers", "grand_total", "tax_total"),
    *("created_at", "due_at"),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order whose invoice is to be looked for in its shop."""

    order_id: int
    shop: str | None
    magento_order_id: int | None


class WantedInvoices:
    """The invoices of an account that are still to be found in the shops."""

    def __init__(self, sessions: Sessions, account: str) -> None:
        self._sessions = sessions
        self._account = account

    def want(self, marketplace_ids: Collection[str], now: datetime, limit: int) -> int:
        """Want the invoices of these marketplaces' orders that Amazon counts as shipped and Magento
        as invoiced, the oldest first; returns how many are new."""
        has_upload = exists().where(InvoiceUpload.order_id == Order.id)
        orders = (
            select(
                Order.id,
                Order.account,
                Order.marketplace_id,
                literal(UploadState.WANTED, Text),
                literal("", Text),
                cast([], ARRAY(Text)),
                literal(0, Numeric),
                literal(0, Numeric),
                literal(now, DateTime(timezone=True)),
                literal(now, DateTime(timezone=True)),
            )
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
        )
        names = (
            *("order_id", "account", "marketplace_id", "state", "increment_id", "numbers"),
            *("grand_total", "tax_total", "created_at", "due_at"),
        )
        adding = insert(InvoiceUpload).from_select(names, orders).on_conflict_do_nothing()
        with self._sessions() as session, session.begin():
            return len(session.scalars(adding.returning(InvoiceUpload.order_id)).all())

    def due(self, marketplace_ids: Collection[str], now: datetime, limit: int) -> list[Wanted]:
        """The orders of these marketplaces to be looked at now; who waits longest comes first."""
        with self._sessions() as session:
            rows = session.execute(
                select(Order.id, Order.shop, Order.magento_order_id)
                .join(InvoiceUpload, InvoiceUpload.order_id == Order.id)
                .where(
                    InvoiceUpload.account == self._account,
                    InvoiceUpload.state == UploadState.WANTED,
                    InvoiceUpload.due_at <= now,
                    among(InvoiceUpload.marketplace_id, marketplace_ids),
                )
                .order_by(InvoiceUpload.due_at, Order.id)
                .limit(limit)
            ).all()
        return [Wanted(*row) for row in rows]

    def found(self, invoices: Mapping[int, Sequence[NumberedInvoice]], now: datetime) -> int:
        """Have these orders' invoices uploaded; an order with several is held for a person.

        `invoices` are by our id of the order. Returns how many orders.
        """
        rows = [
            {
                "of_order": order_id,
                "now": UploadState.HELD if len(own) > 1 else UploadState.WAITING,
                "trouble": SEVERAL if len(own) > 1 else None,
                "ended_at": now if len(own) > 1 else None,
                "increment_id": own[0].increment_id,
                "numbers": [each.increment_id for each in own],
                "grand_total": own[0].grand_total,
                "tax_total": own[0].tax_total,
                "created_at": now,
                "due_at": now,
            }
            for order_id, own in invoices.items()
            if own
        ]
        if rows:
            with self._sessions() as session, session.begin():
                session.connection().execute(_FOUND, rows)
        return len(rows)

    def not_found(self, order_ids: Collection[int], now: datetime, why: str | None = None) -> None:
        """The shop showed no invoice of these orders: look again after a tenth of the time since.

        With `why`, the shop was asked, and the order's page says so; after three days a person has
        to help.
        """
        own = (
            among(InvoiceUpload.order_id, order_ids),
            InvoiceUpload.state == UploadState.WANTED,
        )
        at = literal(now, DateTime(timezone=True))
        tenth = func.age(at, InvoiceUpload.created_at).op("/", return_type=Interval())(10)
        later = at + func.greatest(SOONEST_LOOK, tenth, type_=Interval())
        with self._sessions() as session, session.begin():
            session.execute(update(InvoiceUpload).where(*own).values(due_at=later))
            if why is not None:
                session.execute(update(InvoiceUpload).where(*own).values(trouble=why))
                session.execute(
                    update(InvoiceUpload)
                    .where(*own, InvoiceUpload.created_at <= now - LOOKED_FOR)
                    .values(state=UploadState.HELD, ended_at=now)
                )

    def unreadable(self, marketplace_ids: Collection[str]) -> dict[str, list[int]]:
        """The Magento orders, by shop, whose invoices could not be read at the last look."""
        found: dict[str, list[int]] = defaultdict(list)
        with self._sessions() as session:
            for shop, entity_id in session.execute(
                select(Order.shop, Order.magento_order_id)
                .join(InvoiceUpload, InvoiceUpload.order_id == Order.id)
                .where(
                    InvoiceUpload.account == self._account,
                    InvoiceUpload.state == UploadState.WANTED,
                    InvoiceUpload.trouble == UNREADABLE,
                    among(InvoiceUpload.marketplace_id, marketplace_ids),
                )
                .order_by(Order.id)
                .limit(_MOST_TOLD)
            ):
                if shop is not None and entity_id is not None:
                    found[shop].append(entity_id)
        return found


_UPLOADS = InvoiceUpload.__table__
_FOUND = (
    update(_UPLOADS)  # type: ignore[arg-type]
    .where(_UPLOADS.c.order_id == bindparam("of_order"), _UPLOADS.c.state == UploadState.WANTED)
    .values({"state": bindparam("now"), **{name: bindparam(name) for name in _LEARNT}})
)
