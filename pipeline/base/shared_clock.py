"""All workers use the database's time.

Workers compare times that other workers wrote, to decide when an order is due and when a write may
be sent again. So each worker reads the database's clock and counts on from it, by a clock of its
machine that goes on in suspend. A machine whose own time is wrong does no harm.
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
    """Returns the time. The first call, and a call once a minute, asks the database."""

    def __init__(self, sessions: Sessions, elapsed: Callable[[], float] = clock.elapsed) -> None:
        self._sessions = sessions
        self._elapsed = elapsed
        self._asking = threading.Lock()
        self._last_answer: tuple[datetime, float] | None = None

    def __call__(self) -> datetime:
        """Now, in UTC. Raises DBAPIError when the database has never answered this process."""
        answer = self._last_answer
        if answer is None:
            with self._asking:
                answer = self._last_answer = self._last_answer or self._ask()
        elif self._elapsed() - answer[1] > ASK_AGAIN_AFTER_S and self._asking.acquire(False):
            try:
                answer = self._last_answer = self._ask()
            except DBAPIError:
                log.warning("clock.unavailable")  # counting on is exact for longer than a minute
            finally:
                self._asking.release()
        return answer[0] + timedelta(seconds=self._elapsed() - answer[1])

    def _ask(self) -> tuple[datetime, float]:
        with self._sessions() as session:
            session.connection()  # connect first, so that connecting is not measured
            for _ in range(_ASKED_AT_MOST):
                before = self._elapsed()
                at: datetime = session.scalars(select(func.clock_timestamp())).one()
                after = self._elapsed()
                if after - before < _A_LONG_WAY_S:
                    break  # otherwise the machine slept before or after the answer
        return at.astimezone(UTC), (before + after) / 2
