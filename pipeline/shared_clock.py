"""One time for all workers: the database's.

Who may send a write again, and when an order is due, is decided by comparing times that different
workers wrote down. So each of them counts on from what the database's clock said, by its own
monotonic clock, and it does not matter what its machine believes the time to be.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from pipeline.db import Sessions
from pipeline.log import log

ASK_AGAIN_AFTER_S = 60.0


class SharedClock:
    """Tells the time. Asks the database at first and once a minute, by whichever thread comes."""

    def __init__(self, sessions: Sessions, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._sessions = sessions
        self._monotonic = monotonic
        self._asking = threading.Lock()
        self._told: tuple[datetime, float] | None = None

    def __call__(self) -> datetime:
        """Now, in UTC. Raises DBAPIError when the database has never answered this process."""
        told = self._told
        if told is None:
            with self._asking:
                told = self._told = self._told or self._ask()
        elif self._monotonic() - told[1] > ASK_AGAIN_AFTER_S and self._asking.acquire(False):
            try:
                told = self._told = self._ask()
            except DBAPIError:
                log.warning("clock.unavailable")  # its own counting does for longer than a minute
            finally:
                self._asking.release()
        return told[0] + timedelta(seconds=self._monotonic() - told[1])

    def _ask(self) -> tuple[datetime, float]:
        with self._sessions() as session:
            session.connection()  # connecting takes time; what counts is the answer's way back
            before = self._monotonic()
            at: datetime = session.scalars(select(func.clock_timestamp())).one()
        return at.astimezone(UTC), (before + self._monotonic()) / 2
