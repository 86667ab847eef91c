"""The time, and durations from settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FAR_AHEAD = timedelta(days=1)
"""No remote's clock is that much ahead of ours: what says so is not believed."""

YEARS = range(1990, 2200)
"""Those in which orders are placed, shipped and delivered."""


def utc_now() -> datetime:
    """The one place that reads the clock; everything else is told the time."""
    return datetime.now(UTC)


def seconds(value: float) -> timedelta:
    """A duration from a setting in seconds."""
    return timedelta(seconds=value)
