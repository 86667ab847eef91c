"""Each wanted order is read once, new ones first, and none is forgotten because a worker died."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.quota import Lane
from pipeline.intake.fetch_list import TAKEN_FOR, Fetching, Wanted, ask
from pipeline.intake.tables import Backfill, BackfillState, ToFetch
from tests.builders import ACCOUNT, NOW

SECOND = timedelta(seconds=1)
LATER = NOW + SECOND


@pytest.fixture
def fetching(sessions: Sessions) -> Fetching:
    return Fetching(sessions)


def rows(sessions: Sessions) -> list[tuple[str, str, datetime, int]]:
    """Number, lane, due time and tries of what is wanted."""
    with sessions() as session:
        rows = session.scalars(select(ToFetch).order_by(ToFetch.external_id)).all()
        return [(one.external_id, one.lane, one.due_at, one.tries) for one in rows]


def a_backfill(sessions: Sessions) -> int:
    with sessions() as session, session.begin():
        backfill = Backfill(
            account=ACCOUNT,
            author="somebody",
            state=BackfillState.RUNNING,
            due_at=NOW,
            created_at=NOW,
        )
        session.add(backfill)
        session.flush()
        return backfill.id


def counts(sessions: Sessions, backfill_id: int) -> tuple[int, int, int]:
    with sessions() as session:
        row = session.get_one(Backfill, backfill_id)
        return row.calls, row.orders_seen, row.orders_new


def one(fetching: Fetching, at: datetime = NOW) -> Wanted:
    [wanted] = fetching.take(ACCOUNT, at, 10)
    return wanted


def numbers(wanted: list[Wanted]) -> list[str]:
    return [each.external_id for each in wanted]


def test_an_order_named_often_is_wanted_once(sessions: Sessions, fetching: Fetching) -> None:
    fetching.ask(ACCOUNT, ["B", "A", "B"], Lane.NEW, NOW)
    fetching.ask(ACCOUNT, ["A"], Lane.NEW, LATER)
    assert rows(sessions) == [("A", "new", NOW, 0), ("B", "new", NOW, 0)]


def test_orders_that_may_tell_more_by_now_all_have_a_turn_behind_the_new(
    fetching: Fetching,
) -> None:
    for number in range(30):
        fetching.ask_again(ACCOUNT, f"901-{number:03}", NOW)
        fetching.ask_again(ACCOUNT, f"901-{number:03}", LATER)
    fetching.ask(ACCOUNT, ["902"], Lane.NEW, LATER)
    taken = fetching.take(ACCOUNT, LATER, 99)
    assert numbers(taken) == ["902", *(f"901-{number:03}" for number in range(30))]


def test_the_same_number_in_two_accounts_is_two_orders(fetching: Fetching) -> None:
    fetching.ask(ACCOUNT, ["A"], Lane.NEW, NOW)
    fetching.ask("us", ["A"], Lane.NEW, NOW)
    assert [wanted.account for wanted in fetching.take("us", NOW, 10)] == ["us"]
    assert [wanted.account for wanted in fetching.take(ACCOUNT, NOW, 10)] == [ACCOUNT]


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        (Lane.BACKFILL, Lane.NEW, "new"),
        (Lane.NEW, Lane.BACKFILL, "new"),
        (Lane.BACKFILL, Lane.BACKFILL, "backfill"),
    ],
)
def test_the_more_urgent_lane_counts(
    sessions: Sessions, fetching: Fetching, first: Lane, second: Lane, left: str
) -> None:
    fetching.ask(ACCOUNT, ["A"], first, NOW)
    fetching.ask(ACCOUNT, ["A"], second, LATER)
    assert rows(sessions) == [("A", left, NOW, 0)]


def test_an_ask_within_a_transaction_that_fails_never_was(sessions: Sessions) -> None:
    with sessions() as session:
        ask(session, ACCOUNT, ["A"], Lane.NEW, NOW)
        session.rollback()
    assert rows(sessions) == []


def test_new_ones_are_taken_first_then_the_longest_due(fetching: Fetching) -> None:
    fetching.ask(ACCOUNT, ["old"], Lane.BACKFILL, NOW - 9 * SECOND)
    fetching.ask(ACCOUNT, ["B"], Lane.NEW, NOW - SECOND)
    fetching.ask(ACCOUNT, ["A"], Lane.NEW, NOW)
    fetching.ask(ACCOUNT, ["later"], Lane.NEW, LATER)
    assert numbers(fetching.take(ACCOUNT, NOW, 2)) == ["B", "A"]
    assert numbers(fetching.take(ACCOUNT, NOW, 2)) == ["old"]
    assert fetching.take(ACCOUNT, NOW, 2) == []


def test_lanes_that_are_not_named_are_left(fetching: Fetching) -> None:
    fetching.ask(ACCOUNT, ["old"], Lane.BACKFILL, NOW)
    assert fetching.take(ACCOUNT, NOW, 10, (Lane.NEW,)) == []
    assert numbers(fetching.take(ACCOUNT, NOW, 10, (Lane.BACKFILL,))) == ["old"]


def test_what_a_dead_worker_had_taken_is_given_out_again(fetching: Fetching) -> None:
    fetching.ask(ACCOUNT, ["A"], Lane.NEW, NOW)
    assert numbers(fetching.take(ACCOUNT, NOW, 10)) == ["A"]
    assert fetching.take(ACCOUNT, NOW + TAKEN_FOR - SECOND, 10) == []
    assert numbers(fetching.take(ACCOUNT, NOW + TAKEN_FOR, 10)) == ["A"]


def test_what_is_read_is_wanted_no_more(sessions: Sessions, fetching: Fetching) -> None:
    fetching.ask(ACCOUNT, ["A", "B"], Lane.NEW, NOW)
    [first] = fetching.take(ACCOUNT, NOW, 1)
    fetching.done(first)
    assert [row[0] for row in rows(sessions)] == ["B"]


@pytest.mark.parametrize("end", ["done", "drop", "retry", "put_back"])
def test_what_is_named_again_while_it_is_read_is_read_again(
    sessions: Sessions, fetching: Fetching, end: str
) -> None:
    fetching.ask(ACCOUNT, ["A"], Lane.NEW, NOW)
    wanted = one(fetching)
    fetching.ask(ACCOUNT, ["A"], Lane.NEW, LATER)
    if end in ("retry", "put_back"):
        getattr(fetching, end)(wanted, NOW + timedelta(hours=1))
    else:
        getattr(fetching, end)(wanted)
    assert rows(sessions) == [("A", "new", LATER, 0)]


def test_each_failure_is_counted_until_the_order_is_named_again(
    sessions: Sessions, fetching: Fetching
) -> None:
    fetching.ask(ACCOUNT, ["A"], Lane.NEW, NOW)
    fetching.retry(one(fetching), LATER)
    fetching.put_back(one(fetching, LATER), LATER)
    assert rows(sessions) == [("A", "new", LATER, 1)]
    fetching.retry(one(fetching, LATER), LATER)
    assert one(fetching, LATER).tries == 2
    fetching.ask(ACCOUNT, ["A"], Lane.NEW, LATER + SECOND)
    assert one(fetching, LATER + SECOND).tries == 0


def test_a_backfill_learns_what_was_read_for_it(sessions: Sessions, fetching: Fetching) -> None:
    backfill_id = a_backfill(sessions)
    fetching.ask(ACCOUNT, ["A", "B", "C"], Lane.BACKFILL, NOW, backfill_id)
    fetching.ask(ACCOUNT, ["A"], Lane.NEW, NOW)
    new, known, unknown = fetching.take(ACCOUNT, NOW, 10)
    fetching.done(new, new=1)
    fetching.done(known)
    fetching.retry(unknown, NOW)
    fetching.drop(one(fetching))
    assert rows(sessions) == []
    assert counts(sessions, backfill_id) == (4, 2, 1)


def test_a_notification_counts_once_however_often_it_comes(
    sessions: Sessions, fetching: Fetching
) -> None:
    assert fetching.notified(ACCOUNT, {"n1": "A", "n2": "A", "n3": "B"}, NOW) == 3
    for wanted in fetching.take(ACCOUNT, NOW, 10):
        fetching.done(wanted)
    assert fetching.notified(ACCOUNT, {"n1": "A", "n3": "B"}, LATER) == 0
    assert rows(sessions) == []
    assert fetching.notified(ACCOUNT, {"n3": "B", "n4": "B"}, LATER) == 1
    assert fetching.notified(ACCOUNT, {}, LATER) == 0
    assert rows(sessions) == [("B", "new", LATER, 0)]


def test_two_readers_at_once_share_the_orders_out(fetching: Fetching) -> None:
    fetching.ask(ACCOUNT, [f"{number:02}" for number in range(40)], Lane.NEW, NOW)
    ready = threading.Barrier(4)
    taken: list[str] = []

    def read() -> None:
        ready.wait()
        while batch := fetching.take(ACCOUNT, NOW, 3):
            taken.extend(numbers(batch))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # One that finds all that is left locked stops early; what it left is somebody else's.
    assert sorted(taken) == [f"{number:02}" for number in range(40)]


def test_two_askers_with_the_same_orders_never_block_each_other(
    sessions: Sessions, fetching: Fetching
) -> None:
    many = [f"{number:03}" for number in range(200)]
    ready = threading.Barrier(2)
    seen: list[int] = []

    def hear(named: dict[str, str]) -> None:
        ready.wait()
        seen.append(fetching.notified(ACCOUNT, named, NOW))

    forwards = {f"n{number}": number for number in many}
    backwards = dict(reversed(forwards.items()))
    threads = [threading.Thread(target=hear, args=(one,)) for one in (forwards, backwards)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(seen) == 200
    assert len(rows(sessions)) == 200
