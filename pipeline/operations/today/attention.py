"""What needs a person now: held orders by reason, and orders that have to ship soon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from pipeline.base.money import ZERO
from pipeline.operations.lists.causes import ship_by
from pipeline.operations.lists.filters import ShipBy, has_to_leave
from pipeline.orders.tables import Order, Status

# None of the filters that are counted asks for a day.
_UTC = ZoneInfo("UTC")


@dataclass(slots=True)
class Held:
    """The held orders of a hold code, worth `totals` by currency.

    `ship_by_at` is the earliest ship-by time of those that are ours to ship.
    """

    code: str
    orders: int = 0
    totals: dict[str, Decimal] = field(default_factory=dict)
    ship_by_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ToShip:
    """How many orders are late, or have to leave within one or two days; `is_any` tells whether
    there is any order at all."""

    late: int
    within_a_day: int
    within_two_days: int
    is_any: bool


def held(session: Session) -> Sequence[Held]:
    """The held orders that the list shows, the most urgent reason first. One query."""
    rows = session.execute(
        select(
            Order.hold_code,
            Order.currency,
            func.count(),
            func.sum(Order.grand_total),
            func.min(ship_by()),
        )
        .where(Order.status == Status.HELD, Order.shown.is_(True))
        .group_by(Order.hold_code, Order.currency)
        .order_by(Order.hold_code, Order.currency)
    )
    by_code: dict[str, Held] = {}
    for code, currency, number, total, first in rows:
        one = by_code.setdefault(str(code), Held(str(code)))
        one.orders += number
        if currency and total:
            one.totals[currency] = one.totals.get(currency, ZERO) + total
        if first is not None:
            one.ship_by_at = min(first, one.ship_by_at or first)
    return sorted(by_code.values(), key=_urgency)


def _urgency(one: Held) -> tuple[bool, float, int, str]:
    first = one.ship_by_at
    return first is None, first.timestamp() if first else 0.0, -one.orders, one.code


def worth(all_held: Sequence[Held]) -> Mapping[str, Decimal]:
    """What all held orders are worth, by currency."""
    totals: dict[str, Decimal] = {}
    for one in all_held:
        for currency, total in one.totals.items():
            totals[currency] = totals.get(currency, ZERO) + total
    return dict(sorted(totals.items()))


def to_ship(session: Session, now: datetime) -> ToShip:
    """The orders that each ship-by filter of the list shows. One query."""
    figures = [
        *(
            select(func.count())
            .select_from(Order)
            .where(Order.shown.is_(True), has_to_leave(when, _UTC, now))
            .scalar_subquery()
            for when in (ShipBy.OVERDUE, ShipBy.DAY, ShipBy.TWO_DAYS)
        ),
        exists(select(Order.id)),
    ]
    late, day, two_days, is_any = session.execute(select(*figures)).one()
    return ToShip(late, day, two_days, is_any)
