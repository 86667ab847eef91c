"""One time for all workers: the database's.

Who may send a write again, and when an order is due, is decided by comparing times that different
workers wrote down. So each of them counts on from what the database's clock said, by a clock
of its machine's that goes on in suspend, and it does not matter what time that machine believes it
is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from pipeline.base import clock
from pipeline.base.db import Sessions
from pipeline.base.log import log

ASK_AGAIN_AFTER_S = 60.0
_A_LONG_WAY_S, _ASKED_AT_MOST = 2.0, 3


class SharedClock:
    """Tells the time. Asks the database at first and once a minute, by whichever thread comes."""

    def __init__(self, sessions: Sessions, elapsed: Callable[[], float] = clock.elapsed) -> None:
        self._sessions = sessions
        self._elapsed = elapsed
        self._asking = threading.Lock()
        self._told: tuple[datetime, float] | None = None

    def __call__(self) -> datetime:
        """Now, in UTC. Raises DBAPIError when the database has never answered this process."""
        told = self._told
        if told is None:
            with self._asking:
                told = self._told = self._told or self._ask()
        elif self._elapsed() - told[1] > ASK_AGAIN_AFTER_S and self._asking.acquire(False):
            try:
                told = self._told = self._ask()
            except DBAPIError:
                log.warning("clock.unavailable")  # its own counting does for longer than a minute
            finally:
                self._asking.release()
        return told[0] + timedelta(seconds=self._elapsed() - told[1])

    def _ask(self) -> tuple[datetime, float]:
        with self._sessions() as session:
            session.connection()  # connecting takes time; what counts is the answer's way back
            for _ in range(_ASKED_AT_MOST):
                before = self._elapsed()
                at: datetime = session.scalars(select(func.clock_timestamp())).one()
                after = self._elapsed()
                if after - before < _A_LONG_WAY_S:
                    break  # else the machine slept meanwhile, before the answer or after it
        return at.astimezone(UTC), (before + after) / 2
