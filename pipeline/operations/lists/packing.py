"""What is to be packed of some orders: a pick list by SKU, and the lines of each order.

Nothing of it names a buyer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.operations.acts.ship import obstacle, units_left
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Order, OrderItem

MOST = 200
"""Orders on paper at once."""


@dataclass(frozen=True, slots=True)
class Picked:
    """A SKU with all its units, and how many of them each order gets."""

    sku: str
    title: str
    units: int
    orders: Sequence[tuple[Order, int]]


@dataclass(frozen=True, slots=True)
class Packing:
    """The orders that can be packed, in the sequence asked for, and why the others cannot."""

    orders: Sequence[Order]
    left_out: Sequence[tuple[Order, str]]

    def lines(self, order: Order) -> list[tuple[OrderItem, int]]:
        """The lines of an order with the units that are left to pack."""
        left = units_left(order)
        return [
            (item, left[item.external_item_id])
            for item in order.items
            if item.external_item_id in left
        ]

    @property
    def picked(self) -> list[Picked]:
        """The pick list, by SKU."""
        titles: dict[str, str] = {}
        orders: defaultdict[str, dict[int, tuple[Order, int]]] = defaultdict(dict)
        for order in self.orders:
            for item, units in self.lines(order):
                titles.setdefault(item.sku, item.title)
                _, before = orders[item.sku].get(order.id, (order, 0))
                orders[item.sku][order.id] = (order, before + units)
        return [
            Picked(sku, titles[sku], sum(units for _, units in of.values()), list(of.values()))
            for sku, of in sorted(orders.items(), key=lambda pair: pair[0].casefold())
        ]


def packing(sessions: Sessions, order_ids: Sequence[int]) -> Packing:
    """What is to be packed of these orders. A fixed number of queries."""
    with sessions() as session:
        rows = session.scalars(
            select(Order)
            .where(among(Order.id, order_ids))
            .options(
                selectinload(Order.items),
                selectinload(Order.shipments).selectinload(Shipment.items),
            )
        )
        orders = {order.id: order for order in rows}
    known = [orders[order_id] for order_id in order_ids if order_id in orders]
    reasons = {order.id: obstacle(order) for order in known}
    return Packing(
        [order for order in known if not reasons[order.id]],
        [(order, reasons[order.id]) for order in known if reasons[order.id]],
    )
