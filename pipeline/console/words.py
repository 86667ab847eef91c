"""Formats values for a page."""

from __future__ import annotations

from datetime import datetime, timedelta

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def utc(at: datetime) -> str:
    """A time to the minute, in UTC."""
    return at.strftime("%Y-%m-%d %H:%M")


def short(at: datetime, now: datetime) -> str:
    """A time for a narrow column: the hour in this year, the year instead in any other."""
    return f"{at.day} {at:%b} " + (f"{at:%H:%M}" if at.year == now.year else f"{at:%Y}")


def ago(at: datetime, now: datetime) -> str:
    """The distance to a time: in 5 h, 3 d ago, now."""
    distance = abs(at - now)
    if distance < _MINUTE:
        return "now"
    if distance < _HOUR:
        amount = f"{distance // _MINUTE} min"
    elif distance < 2 * _DAY:
        amount = f"{distance // _HOUR} h"
    else:
        amount = f"{distance // _DAY} d"
    return f"in {amount}" if at > now else f"{amount} ago"


def lasting(time: timedelta) -> str:
    """A duration: 40 ms, 2.5 s, 3 min."""
    seconds = time.total_seconds()
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min"


def spaced(code: str) -> str:
    """A code such as PARTIALLY_SHIPPED or create_order in small letters and with spaces."""
    return code.replace("_", " ").lower()
