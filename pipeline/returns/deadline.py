"""When a return that arrived has to be refunded. Pure.

Amazon refunds on the seller's behalf, and charges the seller, when a return has not been refunded
within two business days of its delivery. Monday to Friday count; public holidays are not known
here, so that the real deadline is never earlier.
"""

from __future__ import annotations

from datetime import date, timedelta

BUSINESS_DAYS = 2
_SATURDAY = 5
_DAY = timedelta(days=1)


def refund_by(arrived_on: date) -> date:
    """The last day on which the seller may refund."""
    day, left = arrived_on, BUSINESS_DAYS
    while left:
        day += _DAY
        left -= day.weekday() < _SATURDAY
    return day


def days_left(arrived_on: date, today: date) -> int:
    """The business days from today until that day, 0 on it; negative once it has passed."""
    last = refund_by(arrived_on)
    if today > last:
        return -max(1, _business_days(last, today))
    return _business_days(today, last)


def _business_days(after: date, until: date) -> int:
    """How many business days follow `after`, up to `until`; whole weeks are counted at once."""
    weeks, rest = divmod((until - after).days, 7)
    days = (after + _DAY * n for n in range(1, rest + 1))
    return weeks * 5 + sum(day.weekday() < _SATURDAY for day in days)
