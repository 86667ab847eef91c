"""The list of orders, by page or in slices, and a single order in full."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import selectinload

from pipeline.access.tables import PersonRecord
from pipeline.access.work_tables import Assignment
from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.base.row_ids import row_id
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.numbers import numbers_and_skus
from pipeline.operations.lists.sorting import KEYS, Place, Sort, Zone, zones
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Order, OrderItem, OrderPrivate

PAGE_SIZE = 50
READ_AT_ONCE = 500
_BY_THE_WAY = {"yield_per": 10_000}
"""A driver keeps a whole result in memory otherwise."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An order of the list. `items` are pairs of SKU and quantity, `buyer` holds initials."""

    id: int
    account: str
    external_id: str
    marketplace_id: str
    fulfilled_by: str
    remote_status: str
    step: str
    status: str
    shop: str | None
    magento_order_id: int | None
    magento_increment_id: str | None
    buyer: str
    programs: Sequence[str]
    currency: str | None
    grand_total: Decimal | None
    purchased_at: datetime | None
    ship_by_at: datetime | None
    due_at: datetime | None
    updated_at: datetime
    hold_code: str | None
    hold_reason: str | None
    last_note: str
    items: Sequence[tuple[str, int]]
    tracking_numbers: Sequence[str]
    assignee: str

    @property
    def note(self) -> str:
        """The reason for the order's status."""
        return self.hold_reason or self.last_note


@dataclass(frozen=True, slots=True)
class Page:
    """A page of orders, and the places of the pages before and after; None at the list's ends."""

    orders: Sequence[Listed]
    previous: Place | None
    following: Place | None


class Listing:
    """Reads orders. Each method is its own short transaction with a fixed number of queries."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def numbers_and_skus(self, text: str) -> str:
        """What of a search may stand in an address: see `numbers.numbers_and_skus`. One query."""
        with self._sessions() as session:
            return numbers_and_skus(session, text)

    def page(
        self,
        filters: Filters,
        *,
        after: Place | None = None,
        before: Place | None = None,
        limit: int = PAGE_SIZE,
    ) -> Page:
        """At most `limit` orders: the first orders, or those after `after`, or those before
        `before`.

        One query; two where orders without a value begin on the page.
        """
        backwards = before is not None
        rows: list[Listed] = []
        with self._sessions() as session:
            for zone in zones(filters.sort, before or after, backwards=backwards):
                query = _in_zone(filters, zone, *_COLUMNS).limit(limit + 1 - len(rows))
                rows += [Listed(**row._mapping) for row in session.execute(query)]
                if len(rows) > limit:
                    break
        there_is_more, listed = len(rows) > limit, rows[:limit]
        if backwards:
            listed.reverse()
        if not listed:
            return Page([], None, None)
        first, last = _place(filters.sort, listed[0]), _place(filters.sort, listed[-1])
        if backwards:
            return Page(listed, first if there_is_more else None, last)
        return Page(listed, first if after else None, last if there_is_more else None)

    def matching(self, filters: Filters, most: int | None = None) -> array[int]:
        """The ids of all orders that match the filters now, in their order; `most` at most."""
        ids = array("q")
        with self._sessions() as session:
            # An order that gets its first value is in one of the zones, and not in both.
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            for zone in zones(filters.sort):
                query = _in_zone(filters, zone, Order.id)
                if most is not None:
                    query = query.limit(most - len(ids))
                for some in session.scalars(query, execution_options=_BY_THE_WAY).partitions():
                    ids.extend(some)
        return ids

    def read(self, ids: Sequence[int]) -> Iterator[Sequence[Listed]]:
        """These orders in this order, some hundred at a time, without the deleted ones.

        Each slice is as of when it is read, so that no transaction is open while its reader pauses.
        """
        for start in range(0, len(ids), READ_AT_ONCE):
            some = ids[start : start + READ_AT_ONCE]
            with self._sessions() as session:
                rows = session.execute(select(*_COLUMNS).where(among(Order.id, some))).all()
            orders = {row.id: Listed(**row._mapping) for row in rows}
            yield [orders[order_id] for order_id in some if order_id in orders]

    def find(self, number: str) -> list[int]:
        """Ids of the orders with this Amazon number, in any account, or with this id of ours."""
        names: list[ColumnElement[bool]] = [Order.external_id == number]
        if (order_id := row_id(number)) is not None:
            names.append(Order.id == order_id)
        with self._sessions() as session:
            return list(session.scalars(select(Order.id).where(or_(*names)).order_by(Order.id)))

    def order(self, order_id: int) -> Order | None:
        """An order with its lines and shipments, detached."""
        with self._sessions() as session:
            return session.get(
                Order,
                order_id,
                options=(
                    selectinload(Order.items),
                    selectinload(Order.shipments).selectinload(Shipment.items),
                ),
            )


def _in_zone(filters: Filters, zone: Zone, *columns: Any) -> Select[Any]:
    wanted: list[ColumnElement[bool]] = [*filters.conditions(), *zone.conditions]
    return select(*columns).where(*wanted).order_by(*zone.order_by)


def _place(sort: Sort, order: Listed) -> Place:
    return sort.place_of(getattr(order, KEYS[sort.key].column.key), order.id)


_ITEMS = (
    select(
        func.coalesce(
            func.jsonb_agg(
                aggregate_order_by(
                    func.jsonb_build_array(OrderItem.sku, OrderItem.quantity), OrderItem.id
                )
            ),
            func.jsonb_build_array(),
        )
    )
    .where(OrderItem.order_id == Order.id)
    .scalar_subquery()
)
_TRACKING_NUMBERS = (
    select(
        func.coalesce(
            func.jsonb_agg(aggregate_order_by(Shipment.tracking_number, Shipment.id)),
            func.jsonb_build_array(),
        )
    )
    .where(Shipment.order_id == Order.id, Shipment.tracking_number != "")
    .scalar_subquery()
)
_BUYER = (
    select(OrderPrivate.buyer_initials).where(OrderPrivate.order_id == Order.id).scalar_subquery()
)
_ASSIGNEE = (
    select(PersonRecord.name)
    .join(Assignment, Assignment.person_id == PersonRecord.id)
    .where(Assignment.order_id == Order.id)
    .scalar_subquery()
)
_COLUMNS = (
    Order.id,
    Order.account,
    Order.external_id,
    Order.marketplace_id,
    Order.fulfilled_by,
    Order.remote_status,
    Order.step,
    Order.status,
    Order.shop,
    Order.magento_order_id,
    Order.magento_increment_id,
    func.coalesce(_BUYER, "").label("buyer"),
    Order.programs,
    Order.currency,
    Order.grand_total,
    Order.purchased_at,
    Order.ship_by_at,
    Order.due_at,
    Order.updated_at,
    Order.hold_code,
    Order.hold_reason,
    Order.last_note,
    _ITEMS.label("items"),
    _TRACKING_NUMBERS.label("tracking_numbers"),
    func.coalesce(_ASSIGNEE, "").label("assignee"),
)
