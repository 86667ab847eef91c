"""Held orders grouped by cause: a single missing SKU may hold a dozen orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, case, cast, func, literal, select, true
from sqlalchemy.dialects.postgresql import JSONPATH, aggregate_order_by, array

from pipeline.base.db import Sessions
from pipeline.base.money import ZERO
from pipeline.orders.channel_order import FulfilledBy, RemoteStatus
from pipeline.orders.outcome import ABOUT_PRODUCTS, HoldCode
from pipeline.orders.tables import Order, Status

NAMED = 5
MOST = 300
TO_SHIP = (RemoteStatus.UNSHIPPED, RemoteStatus.PARTIALLY_SHIPPED)
# For these codes the hold's sentence names the cause, and all orders of the cause share it.
_BY_SENTENCE = (
    HoldCode.STORE_UNKNOWN,
    HoldCode.CURRENCY,
    HoldCode.SETTING_MISSING,
    HoldCode.CARRIER_UNMAPPED,
    HoldCode.CUSTOMER_REFUSED,
    HoldCode.ORDER_REFUSED,
    HoldCode.INVOICE_REFUSED,
    HoldCode.STATUS_REFUSED,
    HoldCode.REMOTE_REFUSED,
    HoldCode.UNKNOWN_STATUS,
)


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause that holds `orders` orders, worth `totals` by currency.

    `fact` is the SKU or the sentence that the orders share, empty where each order has its own.
    `ship_by_at` is the earliest ship-by time of the orders that are ours to ship. `named` are ids
    and Amazon numbers of the most urgent orders. `accounts` are the accounts of the orders.
    """

    code: str
    fact: str
    is_sku: bool
    orders: int
    totals: Mapping[str, Decimal]
    ship_by_at: datetime | None
    named: Sequence[tuple[int, str]]
    accounts: Sequence[str]


def causes(sessions: Sessions) -> list[Cause]:
    """The causes of held orders, the most urgent first. One query of at most 300 rows."""
    held = _held().subquery()
    first = func.min(held.c.ship_by_at)
    urgent_first = (held.c.ship_by_at.asc().nulls_last(), held.c.id)
    number = func.jsonb_build_array(held.c.id, held.c.external_id)
    query = (
        select(
            held.c.hold_code,
            held.c.fact,
            held.c.currency,
            func.count().label("orders"),
            func.coalesce(func.sum(held.c.grand_total), 0).label("total"),
            first.label("ship_by_at"),
            func.jsonb_path_query_array(
                func.jsonb_agg(aggregate_order_by(number, *urgent_first)),
                cast(literal(f"$[0 to {NAMED - 1}]"), JSONPATH),
            ).label("named"),
            func.array_agg(held.c.account.distinct()).label("accounts"),
        )
        .group_by(held.c.hold_code, held.c.fact, held.c.currency)
        .order_by(first.asc().nulls_last(), func.count().desc(), held.c.hold_code, held.c.fact)
        .limit(MOST)
    )
    causes: dict[tuple[str, str], Cause] = {}
    with sessions() as session:
        for row in session.execute(query):
            key = (row.hold_code, row.fact)
            causes[key] = _with(causes.get(key), row)
    return list(causes.values())


def is_held_by(code: str, fact: str) -> ColumnElement[bool]:
    """Whether the cause holds an order."""
    held = _held().subquery()
    return Order.id.in_(select(held.c.id).where(held.c.hold_code == code, held.c.fact == fact))


def ship_by() -> ColumnElement[datetime | None]:
    """The order's ship-by time, null when the order is not ours to ship."""
    is_to_ship = (Order.fulfilled_by == FulfilledBy.MERCHANT) & Order.remote_status.in_(TO_SHIP)
    return case((is_to_ship, Order.ship_by_at))


def _held() -> Select[Any]:
    """Each held order once for each fact that holds it: an order that lacks two SKUs comes
    twice."""
    skus = func.nullif(Order.hold_facts["skus"].astext, "")
    sentence = case((Order.hold_code.in_(_BY_SENTENCE), Order.hold_reason), else_="")
    facts = (
        func.unnest(
            case(
                (
                    Order.hold_code.in_(ABOUT_PRODUCTS) & skus.is_not(None),
                    func.string_to_array(skus, ", "),
                ),
                else_=array([func.coalesce(sentence, "")]),
            )
        )
        .table_valued("fact")
        .render_derived()
    )
    return (
        select(
            Order.id,
            Order.account,
            Order.external_id,
            Order.hold_code,
            facts.c.fact,
            func.coalesce(Order.currency, "").label("currency"),
            Order.grand_total,
            ship_by().label("ship_by_at"),
        )
        .join_from(Order, facts, true())
        .where(Order.status == Status.HELD)
        .distinct()
    )


def _with(known: Cause | None, row: Any) -> Cause:
    named = [(int(order_id), str(number)) for order_id, number in row.named]
    totals = {row.currency: row.total} if row.currency else {}
    if known is None:
        return Cause(
            row.hold_code,
            row.fact,
            row.hold_code in ABOUT_PRODUCTS and bool(row.fact),
            row.orders,
            totals,
            row.ship_by_at,
            named,
            sorted(row.accounts),
        )
    summed = {**known.totals}
    for currency, total in totals.items():
        summed[currency] = summed.get(currency, ZERO) + total
    times = [deadline for deadline in (known.ship_by_at, row.ship_by_at) if deadline is not None]
    return Cause(
        known.code,
        known.fact,
        known.is_sku,
        known.orders + row.orders,
        summed,
        min(times, default=None),
        [*known.named, *named][:NAMED],
        sorted({*known.accounts, *row.accounts}),
    )
