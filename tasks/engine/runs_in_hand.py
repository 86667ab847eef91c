"""The current runs of this process, and the runs that it could not record.

A run that began and never ended counts as a crash. A run that this process knows of is handed back
instead, when the process is stopped, or when the database was unavailable at the run's end.
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

# Errors of a database that is unavailable or overloaded; any other error is our own defect.
AWAY = (OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class Run:
    """A run of an order's step, identified by its Celery task."""

    order_id: int
    task_id: str


class Runs:
    """The runs of a process, shared by its threads."""

    def __init__(self, sessions: Sessions, worker: str, now: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._worker = worker
        self._now = now
        self._guard = Lock()
        self._in_hand: list[Run] = []  # A duplicate message appears twice in this list.
        self._broken_off: set[Run] = set()

    @contextmanager
    def in_hand(self, order_id: int, task_id: str) -> Iterator[None]:
        """Keep a run in hand from before its claim until it is recorded.

        An AWAY error of the database passes through, and the run is remembered, since it may have
        begun.
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
        """Hand back the interrupted runs, to be retried after a delay that depends on the attempts.

        Raises one of AWAY while the database is unavailable.
        """
        with self._guard:
            runs = self._broken_off.difference(self._in_hand)
        for run in runs:
            self._hand_back(
                run, "Orderbridge's database was unavailable when the step ended", delay_after
            )
            with self._guard:
                self._broken_off.discard(run)

    def stop(self) -> None:
        """Hand back all runs at the end of the process. Raises one of AWAY as `settle` does."""
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
