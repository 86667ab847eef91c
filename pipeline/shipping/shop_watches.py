"""How far the watches of a shop have read: its newest shipment, and its finished orders in rounds.

A finished order's Magento order may still change for some days. A round reads all such orders of a
shop, oldest first, in shares of a bounded size: a run costs the same with any history.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, SQLColumnExpression, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Order, Status
from pipeline.shipping.tables import ShopWatch

MAY_CHANGE = timedelta(days=7)
"""How long a finished order is read again."""

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Share(NamedTuple):
    """A part of a round: Magento entity id → order id, and where the next share begins, if any."""

    orders: dict[int, int]
    read_to: datetime | None
    read_to_order: int


class ShopWatches:
    """The stored positions of the watches of each shop."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def newest_shipment(self, shop: str) -> int:
        """The entity id of the newest shipment that was read; 0 before the first."""
        with self._sessions() as session:
            watch = session.get(ShopWatch, shop)
            return watch.newest_shipment_id if watch else 0

    def note_shipment(self, shop: str, entity_id: int) -> None:
        """Note the newest shipment that was read."""
        with self._sessions() as session, session.begin():
            _row(session, shop).newest_shipment_id = entity_id

    def next_share(self, shop: str, now: datetime, every: timedelta, most: int) -> Share | None:
        """At most so many orders of the shop's round; None until the next round is due.

        A round begins `every` after the beginning of the last, or when that has ended.
        """
        with self._sessions() as session, session.begin():
            watch = _row(session, shop)
            if watch.read_to is None:
                if watch.round_begun_at is not None and now < watch.round_begun_at + every:
                    return None
                watch.round_begun_at, watch.read_to, watch.read_to_order = now, _BEGINNING, 0
            begun_at = watch.round_begun_at or now
            rows = _finished(session, shop, watch, begun_at - MAY_CHANGE, most)
        orders = {row.magento_order_id: row.id for row in rows}
        if len(rows) < most:
            return Share(orders, None, 0)
        return Share(orders, rows[-1].at, rows[-1].id)

    def pass_over(self, shop: str, share: Share) -> None:
        """Note that the share was read, or is left to the next round."""
        with self._sessions() as session, session.begin():
            watch = _row(session, shop)
            watch.read_to, watch.read_to_order = share.read_to, share.read_to_order


def _row(session: Session, shop: str) -> ShopWatch:
    session.execute(insert(ShopWatch).values(shop=shop).on_conflict_do_nothing())
    return session.get_one(ShopWatch, shop, with_for_update=True)


def _finished(
    session: Session, shop: str, watch: ShopWatch, since: datetime, most: int
) -> list[Row[Any, Any, Any]]:
    """The next finished orders whose Magento order may still change, by time and id.

    Either a package was confirmed at or after `since`, or the order came since then and the watch
    has not seen its invoice. Held FBA orders with an invoice are included, since the watch of open
    orders leaves them out. An order with packages of several times comes several times.
    """
    done = Order.status == Status.DONE
    reached = watch.read_to or _BEGINNING, watch.read_to_order
    # A single comparison, so that the index is entered there and nothing older is passed over.
    lately = max(reached, (since, 0))
    queries = (
        _after(lately, Shipment.confirmed_at, Shipment.order_id, most)
        .join(Shipment, Shipment.order_id == Order.id)
        .where(Shipment.shop == shop, done),
        _after(lately, Order.created_at, Order.id, most).where(
            Order.shop == shop, done, Order.magento_invoiced.is_(None)
        ),
        _after(reached, Order.created_at, Order.id, most).where(
            Order.shop == shop,
            Order.fulfilled_by == FulfilledBy.AMAZON,
            Order.status == Status.HELD,
            Order.magento_invoiced.is_not(None),
        ),
    )
    rows = [row for query in queries for row in session.execute(query)]
    return sorted(rows, key=lambda row: (row.at, row.id))[:most]


def _after(
    place: tuple[datetime, int],
    at: SQLColumnExpression[Any],
    order_id: SQLColumnExpression[int],
    most: int,
) -> Select[Any, Any, Any]:
    return (
        select(at.label("at"), Order.id, Order.magento_order_id)
        .where(Order.magento_order_id.is_not(None), tuple_(at, order_id) > place)
        .order_by(at, order_id)
        .limit(most)
    )
