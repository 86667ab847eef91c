"""The figures of the last 30 days, as the charts of the first page show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from pipeline.operations.today.figures import (
    Row,
    Span,
    confirmed,
    held_by_day,
    on_time,
    ordered,
    to_magento,
)
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.tables import Order

DAYS = 30
REASONS = 5
"""How many reasons to hold orders have a colour of their own; the others share one."""
Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Charts:
    """A value for each day of each series; None where nothing was measured.

    `to_magento` and `to_confirmed` are minutes: the median and the 90th percentile. `on_time` is a
    share in percent. `held` has the hold codes with the most orders; "" is all others.
    """

    days: Sequence[date]
    orders: Mapping[str, Values]
    to_magento: tuple[Values, Values]
    to_confirmed: tuple[Values, Values]
    on_time: Values
    held: Mapping[str, Values]


def charts(session: Session, span: Span, shops: Collection[str]) -> Charts:
    """All charts, in five queries."""
    days = span.days()
    by_channel: dict[str, dict[date, float]] = {str(channel): {} for channel in FulfilledBy}
    for day, channel, number, *_ in ordered(session, span, Order.fulfilled_by):
        by_channel.setdefault(channel, {})[day] = number
    shares = {day: 100 * left / due for day, due, left in on_time(session, span) if due}
    return Charts(
        days=days,
        orders={name: [of.get(day, 0) for day in days] for name, of in by_channel.items()},
        to_magento=_quantiles(to_magento(session, span), days),
        to_confirmed=_quantiles(confirmed(session, span, shops), days),
        on_time=[shares.get(day) for day in days],
        held=_held(held_by_day(session, span), days),
    )


def _quantiles(rows: Sequence[Row], days: Sequence[date]) -> tuple[Values, Values]:
    both = {day: minutes for day, minutes in rows if minutes}
    return (
        [both[day][0] if day in both else None for day in days],
        [both[day][1] if day in both else None for day in days],
    )


def _held(rows: Sequence[Row], days: Sequence[date]) -> Mapping[str, Values]:
    numbers: Counter[str] = Counter()
    for _, code, number in rows:
        numbers[code] += number
    own = [code for code, _ in numbers.most_common(REASONS)]
    by_code: dict[str, Counter[date]] = {code: Counter() for code in own}
    for day, code, number in rows:
        by_code.setdefault(code if code in own else "", Counter())[day] += number
    return {code: [of[day] for day in days] for code, of in by_code.items()}
