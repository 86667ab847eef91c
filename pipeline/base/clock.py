"""The time, how much of it has passed, and durations from settings."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

FAR_AHEAD = timedelta(days=1)
"""No remote's clock is that much ahead of ours: what says so is not believed."""

YEARS = range(1990, 2200)
"""Those in which orders are placed, shipped and delivered."""


# Elsewhere than on Linux the monotonic clock counts suspension itself, or nothing does.
_BOOT: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def utc_now() -> datetime:
    """The one place that reads the clock; everything else is told the time."""
    return datetime.now(UTC)


def elapsed() -> float:
    """Seconds since this machine was started, those included in which it was suspended.

    The one place that measures how long something takes. time.monotonic() stands still in suspend
    on Linux: a token, a lease or a promise that ran out meanwhile would count as good.
    """
    return time.clock_gettime(_BOOT) if _BOOT is not None else time.monotonic()


def seconds(value: float) -> timedelta:
    """A duration from a setting in seconds."""
    return timedelta(seconds=value)
