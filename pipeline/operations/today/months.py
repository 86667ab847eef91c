"""How it went by month, for the owner: a row for each month, currency and channel."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy.orm import Session

from pipeline.base.money import ZERO
from pipeline.operations.today.figures import Span, confirmed, on_time, ordered, to_magento
from pipeline.orders.tables import Order


@dataclass(slots=True)
class Month:
    """The orders of a currency and a channel that were placed in a month, `total` without the
    cancelled ones. Of the minutes each is a median and a 90th percentile; `due` had to leave in
    that month, `in_time` did. None and 0 where there was nothing to measure."""

    month: date
    currency: str
    channel: str
    orders: int = 0
    cancelled: int = 0
    total: Decimal = ZERO
    to_magento: tuple[float, float] | None = None
    to_confirmed: tuple[float, float] | None = None
    due: int = 0
    in_time: int = 0


def months(session: Session, span: Span, shops: Collection[str]) -> list[Month]:
    """All months of the span with orders, the latest first. Four queries."""
    by = (Order.currency, Order.fulfilled_by)
    found: dict[tuple[date, str, str], Month] = {}

    def of(month: date, currency: str | None, channel: str) -> Month:
        key = (month, currency or "", channel)
        return found.setdefault(key, Month(*key))

    for *key, number, total, cancelled in ordered(session, span, *by):
        one = of(*key)
        one.orders, one.total, one.cancelled = number, total, cancelled
    for *key, minutes in to_magento(session, span, *by):
        of(*key).to_magento = tuple(minutes)
    for *key, minutes in confirmed(session, span, shops, *by):
        of(*key).to_confirmed = tuple(minutes)
    for *key, due, in_time in on_time(session, span, *by):
        one = of(*key)
        one.due, one.in_time = due, in_time
    return sorted(
        found.values(), key=lambda one: (-one.month.toordinal(), one.currency, one.channel)
    )
