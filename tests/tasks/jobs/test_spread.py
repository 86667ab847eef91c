"""Beat's timetable for many accounts: each at its own second, after a pause of beat as well."""

from __future__ import annotations

import pickle
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from celery import Celery

from tasks.jobs.schedule import timetable
from tasks.jobs.spread import Spread
from tests.builders import settings

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ACCOUNTS = 360


def spread(share: float, now: datetime, every_s: float = 180) -> Spread:
    found = Spread(every_s, share, lambda: now)
    found.app = Celery(set_as_current=False)
    return found


def test_a_job_of_many_accounts_is_sent_in_the_whole_of_its_period() -> None:
    one = settings()
    accounts = {f"a{number}": one.accounts["eu"] for number in range(ACCOUNTS)}
    entries = timetable(one.model_copy(update={"accounts": accounts}))
    polls = [entry["schedule"] for entry in entries.values() if "poll" in entry["task"]]
    seconds = Counter(int(poll.share * poll.every_s + 1e-6) for poll in polls)
    assert set(seconds.values()) == {ACCOUNTS // 180}
    assert len(seconds) == 180


@pytest.mark.parametrize("share", [0.0, 0.25, 0.99])
def test_it_is_due_once_in_each_period_at_its_phase(share: float) -> None:
    last, sent = NOON, []
    for second in range(1, 3 * 180 + 1):
        now = NOON + timedelta(seconds=second)
        state = spread(share, now).is_due(last)
        if state.is_due:
            last = now
            sent.append(second)
    assert [second % 180 for second in sent] == [-(-180 * share // 1) % 180] * 3


def test_after_a_pause_all_are_due_at_once_and_then_at_their_own_second_again() -> None:
    paused_until = NOON + timedelta(hours=2)
    waits = []
    for share in (0.1, 0.5, 0.9):
        state = spread(share, paused_until).is_due(NOON)
        assert state.is_due
        waits.append(round(state.next))
    assert waits == [18, 90, 162]


def test_beats_file_keeps_it() -> None:
    kept = pickle.loads(pickle.dumps(Spread(180, 0.5)))  # noqa: S301 - our own
    assert kept == Spread(180, 0.5)
    assert kept != Spread(180, 0.25)
