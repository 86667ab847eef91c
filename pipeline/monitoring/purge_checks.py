"""Whether personal data is kept too long, and which orders are about to end for want of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select

from pipeline.base.db import Sessions
from pipeline.monitoring.purging import (
    MARGIN,
    OVERDUE,
    SPARED,
    PurgeClock,
    oldest_personal_data,
)
from pipeline.orders.tables import Order


def kept_too_long(sessions: Sessions, days: int, now: datetime) -> str:
    """A sentence about personal data that the hourly job should have destroyed by now."""
    with sessions() as session:
        oldest = oldest_personal_data(session, now)
    if oldest is None or oldest <= timedelta(days=days) - OVERDUE:
        return ""
    hours = oldest // timedelta(hours=1)
    return (
        f"personal data is kept for {hours // 24} days and {hours % 24} hours after the delivery, "
        f"although it is due for destruction {MARGIN // timedelta(hours=1)} hours before "
        f"purge_after_days ({days}): check that the job purge runs, or run `orderbridge purge`"
    )


def ending_soon(sessions: Sessions, days: int, now: datetime) -> str:
    """A sentence about live orders that end soon, since their buyers' data must be destroyed."""
    kept_for = timedelta(days=days) - MARGIN
    ends_at = func.greatest(Order.delivery_at + kept_for, Order.created_at + SPARED)
    with sessions() as session:
        count, first = session.execute(
            select(func.count(), func.min(ends_at)).where(PurgeClock(now, days).ending_soon())
        ).one()
    if not count:
        return ""
    return (
        f"{count} order(s) that are held or wait lose the buyer's data and end, the first on "
        f"{max(first, now):%Y-%m-%d %H:%M} UTC: settle or dismiss them before; `orderbridge orders "
        "list --status held` tells why they are held"
    )
