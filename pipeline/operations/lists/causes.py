"""Held orders grouped by cause: a single missing SKU may hold a dozen orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, case, cast, func, literal, select, true
from sqlalchemy.dialects.postgresql import JSONPATH, aggregate_order_by, array

from pipeline.base.db import Sessions
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.decision_table import STILL_TO_SHIP
from pipeline.orders.outcome import ABOUT_PRODUCTS, HoldCode
from pipeline.orders.tables import Order, Status

NAMED = 5
PAGE_SIZE = 50
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


@dataclass(frozen=True, slots=True)
class HeldAs:
    """A hold code, its held orders and its causes. An order that lacks two SKUs has two causes."""

    code: str
    orders: int
    causes: int


def held_by_code(sessions: Sessions) -> list[HeldAs]:
    """All hold codes with held orders, the most orders first. One query."""
    held = _held().subquery()
    orders = func.count(held.c.id.distinct())
    query = (
        select(held.c.hold_code, orders, func.count(held.c.fact.distinct()))
        .group_by(held.c.hold_code)
        .order_by(orders.desc(), held.c.hold_code)
    )
    with sessions() as session:
        return [HeldAs(*row) for row in session.execute(query)]


def causes(sessions: Sessions, code: str = "", page: int = 1) -> list[Cause]:
    """A page of the causes of held orders, of all codes or of one, the most urgent first.

    One query of at most 50 rows; `held_by_code` tells how many causes there are.
    """
    held = _held().where(Order.hold_code == code) if code else _held()
    each = held.cte("held")
    by_currency = (
        select(each.c.hold_code, each.c.fact, each.c.currency)
        .add_columns(cast(func.coalesce(func.sum(each.c.grand_total), 0), Text).label("total"))
        .where(each.c.currency != "")
        .group_by(each.c.hold_code, each.c.fact, each.c.currency)
        .subquery()
    )
    totals = (
        select(by_currency.c.hold_code, by_currency.c.fact)
        .add_columns(func.jsonb_object_agg(by_currency.c.currency, by_currency.c.total).label("by"))
        .group_by(by_currency.c.hold_code, by_currency.c.fact)
        .subquery()
    )
    first, number = func.min(each.c.ship_by_at), func.count()
    urgent_first = (each.c.ship_by_at.asc().nulls_last(), each.c.id)
    names = func.jsonb_agg(
        aggregate_order_by(func.jsonb_build_array(each.c.id, each.c.external_id), *urgent_first)
    )
    grouped = (
        select(
            each.c.hold_code,
            each.c.fact,
            number.label("orders"),
            first.label("ship_by_at"),
            func.jsonb_path_query_array(
                names, cast(literal(f"$[0 to {NAMED - 1}]"), JSONPATH)
            ).label("named"),
            func.array_agg(each.c.account.distinct()).label("accounts"),
        )
        .group_by(each.c.hold_code, each.c.fact)
        .order_by(first.asc().nulls_last(), number.desc(), each.c.hold_code, each.c.fact)
        .limit(PAGE_SIZE)
        .offset((page - 1) * PAGE_SIZE)
        .subquery()
    )
    of_it = and_(grouped.c.hold_code == totals.c.hold_code, grouped.c.fact == totals.c.fact)
    query = (
        select(grouped, totals.c.by)
        .join_from(grouped, totals, of_it, isouter=True)
        .order_by(
            grouped.c.ship_by_at.asc().nulls_last(),
            grouped.c.orders.desc(),
            grouped.c.hold_code,
            grouped.c.fact,
        )
    )
    with sessions() as session:
        return [_cause(row) for row in session.execute(query)]


def is_held_by(code: str, fact: str) -> ColumnElement[bool]:
    """Whether the cause holds an order."""
    held = _held().subquery()
    return Order.id.in_(select(held.c.id).where(held.c.hold_code == code, held.c.fact == fact))


def ship_by() -> ColumnElement[datetime | None]:
    """The order's ship-by time, null when the order is not ours to ship."""
    is_ours = Order.fulfilled_by == FulfilledBy.MERCHANT
    is_to_ship = is_ours & Order.remote_status.in_(STILL_TO_SHIP)
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
        .where(Order.status == Status.HELD, Order.shown.is_(True))
        .distinct()
    )


def _cause(row: Any) -> Cause:
    return Cause(
        code=row.hold_code,
        fact=row.fact,
        is_sku=row.hold_code in ABOUT_PRODUCTS and bool(row.fact),
        orders=row.orders,
        totals={currency: Decimal(total) for currency, total in sorted((row.by or {}).items())},
        ship_by_at=row.ship_by_at,
        named=[(int(order_id), str(number)) for order_id, number in row.named],
        accounts=sorted(row.accounts),
    )
