"""Compares the state, status and totals of Magento orders with their orders, and stores changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from pipeline.base.id_lists import among
from pipeline.magento.records import ENDED, HOLDED, MagentoOrder, MagentoShipment
from pipeline.orders.tables import Order, OrderItem

_UPDATE = update(Order.__table__).where(  # type: ignore[arg-type]
    Order.__table__.c.id == bindparam("of_order")
)
_COLUMNS = ("magento_state", "magento_status", "magento_invoiced", "magento_refunded")


class StateChange(NamedTuple):
    """The new column values of an order, and whether its step must run for them."""

    values: dict[str, Any]
    is_news: bool


def changed_states(
    session: Session,
    seen: Mapping[int, MagentoOrder],
    by_order: Mapping[int, Sequence[MagentoShipment]],
) -> dict[int, StateChange]:
    """The changed states and totals, by order id."""
    passing = _passing(session, seen, by_order)
    rows = session.execute(
        select(
            Order.id,
            Order.magento_state,
            Order.magento_status,
            Order.magento_invoiced,
            Order.magento_refunded,
            Order.grand_total,
        ).where(among(Order.id, seen))
    )
    changed: dict[int, StateChange] = {}
    for row in rows:
        order = seen[row.id]
        if row.id in passing:
            continue
        totals = (order.total_invoiced, order.total_refunded) if order.is_invoiced else (None, None)
        now = (order.state, order.status, *totals)
        had = (row.magento_state, row.magento_status, row.magento_invoiced, row.magento_refunded)
        if now == had:
            continue
        values = dict(zip(_COLUMNS, now, strict=True))
        stops = {order.state, row.magento_state} & {*ENDED, HOLDED}
        # The step compares with Amazon's total; the row's total is precise enough to wake it.
        differs = totals != had[2:] and totals[0] not in (None, row.grand_total)
        changed[row.id] = StateChange(
            {"of_order": row.id, **values},
            is_news=(bool(stops) and order.state != row.magento_state) or differs,
        )
    return changed


def store_states(session: Session, states: Collection[StateChange]) -> None:
    """Store the new column values."""
    if states:
        session.execute(_UPDATE, [state.values for state in states])


def _passing(
    session: Session,
    seen: Mapping[int, MagentoOrder],
    by_order: Mapping[int, Sequence[MagentoShipment]],
) -> set[int]:
    """Orders that look cancelled while `magento.seeding` corrects their stock.

    Such an order counts more units as shipped than its shipments contain together with the units
    that were fulfilled before its import.
    """
    cancelled = {order_id: order for order_id, order in seen.items() if order.state == "canceled"}
    if not cancelled:
        return set()
    left_before = session.execute(
        select(OrderItem.order_id, func.sum(OrderItem.quantity_fulfilled_before))
        .where(among(OrderItem.order_id, cancelled))
        .group_by(OrderItem.order_id)
    )
    shipped = {order_id: Decimal(units) for order_id, units in left_before}
    return {
        order_id
        for order_id, order in cancelled.items()
        if sum(item.quantity_shipped for item in order.items)
        > shipped.get(order_id, 0)
        + sum(sum(part.items.values()) for part in by_order.get(order_id, ()))
    }
