"""A period of beat's timetable with a phase: a thousand entries are not due in one second."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from math import floor

from celery.schedules import schedstate, schedule


class Spread(schedule):
    """Due once in each period, at a share of it: 0.25 of 60 s is second 15 of every minute.

    The phase is of the clock and not of the last run: entries that were all late, after a pause of
    beat, are on their own second again in the next period.
    """

    def __init__(
        self, every_s: float, share: float, nowfun: Callable[[], datetime] | None = None
    ) -> None:
        super().__init__(run_every=timedelta(seconds=every_s), nowfun=nowfun)
        self.every_s, self.share = every_s, share

    def remaining_estimate(self, last_run_at: datetime) -> timedelta:
        """The time until it is due, negative when it is overdue."""
        phase = self.share * self.every_s
        last = self.maybe_make_aware(last_run_at).timestamp()
        due = (floor((last - phase) / self.every_s) + 1) * self.every_s + phase
        return timedelta(seconds=due - self.now().timestamp())

    def is_due(self, last_run_at: datetime) -> schedstate:
        """Whether it is due, and the seconds until beat has to look again."""
        remaining_s = self.remaining_estimate(last_run_at).total_seconds()
        if remaining_s > 0:
            return schedstate(False, remaining_s)
        return schedstate(True, self.remaining_estimate(self.now()).total_seconds())

    def __reduce__(self) -> tuple[type[Spread], tuple[float, float]]:
        return type(self), (self.every_s, self.share)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spread):
            return NotImplemented
        return (self.every_s, self.share) == (other.every_s, other.share)

    __hash__ = None  # type: ignore[assignment] # as of its base
