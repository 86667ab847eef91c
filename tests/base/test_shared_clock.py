"""The workers' time is the database's, whatever their machines believe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.shared_clock import SharedClock

CLOSE = timedelta(seconds=5)


class Machine:
    """A monotonic clock that only the test moves, and a count of the questions asked."""

    def __init__(self, sessions: Sessions) -> None:
        self.at, self.asked, self.is_away = 1000.0, 0, False
        self._sessions = sessions

    def __call__(self) -> float:
        return self.at

    def sessions(self) -> Session:
        self.asked += 1
        if self.is_away:
            raise OperationalError("SELECT", {}, Exception("away"))
        return self._sessions()


@pytest.fixture
def machine(sessions: Sessions) -> Machine:
    return Machine(sessions)


def database_time(sessions: Sessions) -> datetime:
    with sessions() as session:
        at: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return at


def test_it_tells_the_databases_time_and_counts_on_alone(
    sessions: Sessions, machine: Machine
) -> None:
    clock = SharedClock(machine.sessions, machine)
    first = clock()
    assert first.tzinfo is UTC
    assert abs(first - database_time(sessions)) < CLOSE
    machine.at += 30
    assert clock() - first == timedelta(seconds=30)
    assert machine.asked == 1


def test_it_asks_once_a_minute(sessions: Sessions, machine: Machine) -> None:
    clock = SharedClock(machine.sessions, machine)
    clock()
    machine.at += 3600  # the machine slept, or its clock runs fast
    assert abs(clock() - database_time(sessions)) < CLOSE
    assert machine.asked == 2


def test_it_counts_on_while_the_database_is_away(machine: Machine) -> None:
    clock = SharedClock(machine.sessions, machine)
    first = clock()
    machine.at += 90
    machine.is_away = True
    assert clock() - first == timedelta(seconds=90)
    assert machine.asked == 2


def test_without_any_answer_there_is_no_time(machine: Machine) -> None:
    machine.is_away = True
    with pytest.raises(OperationalError):
        SharedClock(machine.sessions, machine)()
