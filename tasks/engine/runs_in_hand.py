"""The runs that this process has in hand, and those it could not record.

A run that was begun and never ended counts as a crash. One that this process knows about is handed
back instead: because the process is told to stop, or because the database was away at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy.exc import InterfaceError, OperationalError

from pipeline.base.db import Sessions
from pipeline.base.log import log
from pipeline.orders.state_changes import hand_back

# What a database does that is away, or has no time: anything else it says is our own defect.
AWAY = (OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an order's step, by the Celery task that it is."""

    order_id: int
    task_id: str


class Runs:
    """One per process; its threads share it."""

    def __init__(self, sessions: Sessions, worker: str, now: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._worker = worker
        self._now = now
        self._guard = Lock()
        self._in_hand: list[Run] = []  # a message that came twice is there twice
        self._broken_off: set[Run] = set()

    @contextmanager
    def in_hand(self, order_id: int, task_id: str) -> Iterator[None]:
        """A run, from before its claim until it is recorded.

        Lets through that the database is AWAY, and remembers the run: it may have been begun.
        """
        run = Run(order_id, task_id)
        with self._guard:
            self._in_hand.append(run)
        try:
            yield
        except AWAY:
            with self._guard:
                self._broken_off.add(run)
            raise
        finally:
            with self._guard:
                self._in_hand.remove(run)

    def settle(self, delay_after: Callable[[int], timedelta]) -> None:
        """Hand back what was broken off, to be tried again so long after so many tries.

        Raises one of AWAY while the database still is.
        """
        with self._guard:
            runs = self._broken_off.difference(self._in_hand)
        for run in runs:
            self._hand_back(run, "our own database was away at its end", delay_after)
            with self._guard:
                self._broken_off.discard(run)

    def stop(self) -> None:
        """Hand back everything: the process ends. Raises one of AWAY while the database is."""
        with self._guard:
            runs = [*self._in_hand, *self._broken_off]
        for run in runs:
            self._hand_back(run, "its worker was stopped", lambda _: timedelta())

    def _hand_back(self, run: Run, reason: str, delay_after: Callable[[int], timedelta]) -> None:
        with self._sessions() as session, session.begin():
            is_back = hand_back(
                session,
                run.order_id,
                task_id=run.task_id,
                worker=self._worker,
                reason=reason,
                now=self._now(),
                delay_after=delay_after,
            )
        if is_back:
            log.info("run.handed_back", order=run.order_id)
