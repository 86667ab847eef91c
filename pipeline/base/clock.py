"""The current time, elapsed seconds, and durations from settings."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

FAR_AHEAD = timedelta(days=1)
"""A remote's time that is further ahead of our clock than this is ignored."""

YEARS = range(1990, 2200)
"""The years in which an order can be placed, shipped or delivered."""


# Only Linux has CLOCK_BOOTTIME. Elsewhere the monotonic clock counts suspension, or no clock does.
_BOOT: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def utc_now() -> datetime:
    """The only function that reads the clock; all other code gets the time as an argument."""
    return datetime.now(UTC)


def elapsed() -> float:
    """Seconds since this machine was started, including the seconds in which it was suspended.

    All durations are measured with this function. On Linux time.monotonic() stands still in
    suspend: a token, a lease or a promise that expired in suspend would count as valid.
    """
    return time.clock_gettime(_BOOT) if _BOOT is not None else time.monotonic()


def seconds(value: float) -> timedelta:
    """A duration from a setting in seconds."""
    return timedelta(seconds=value)
