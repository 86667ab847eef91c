"""What brings orders back: the sweep, news, a person's release, and a late cancellation."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.orders.machine import STEPS, Orders, reopen, wake
from pipeline.orders.outcome import Cancelled, Done
from pipeline.orders.tables import Note, Order, Status
from pipeline.settings.model import Timing
from tests.builders import NOW, a_vault, an_order, loaded, stored

TIMING = Timing(lease_s=30, resend_s=60)
SECOND = timedelta(seconds=1)
HELD: dict[str, Any] = {"status": Status.HELD, "hold_code": "currency", "hold_reason": "no rate"}
LIVE: list[dict[str, Any]] = [
    {"status": Status.READY},
    {"status": Status.RUNNING},
    {"status": Status.WAITING},
    HELD,
]
ENDED: list[dict[str, Any]] = [
    {"status": Status.DONE, "due_at": None},
    {"status": Status.CANCELLED, "due_at": None},
]


@pytest.fixture
def orders(sessions: Sessions) -> Orders:
    return Orders(sessions, a_vault(), TIMING)


@pytest.mark.parametrize("changes", LIVE, ids=lambda one: one["status"])
def test_every_live_order_whose_time_has_come_is_sent_with_its_step(
    changes: dict[str, Any], sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order(step=STEPS[3], due_at=NOW, **changes))
    assert orders.due(NOW - SECOND, 10) == []
    assert orders.due(NOW, 10) == [(order_id, STEPS[3])]
    row = loaded(sessions, order_id)
    # Sending changes nothing else: a run that is going on keeps its claim.
    assert (row.sent_at, row.due_at, row.version) == (NOW, NOW, 1)


@pytest.mark.parametrize("changes", ENDED, ids=lambda one: one["status"])
def test_an_ended_order_is_never_sent(
    changes: dict[str, Any], sessions: Sessions, orders: Orders
) -> None:
    stored(sessions, an_order(**changes))
    assert orders.due(NOW + timedelta(days=400), 10) == []


@pytest.mark.parametrize("changes", LIVE, ids=lambda one: one["status"])
def test_it_is_sent_again_only_after_a_while(
    changes: dict[str, Any], sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order(due_at=NOW, **changes))
    interval = timedelta(seconds=10 if changes["status"] is Status.RUNNING else 60)
    assert len(orders.due(NOW, 10)) == 1
    assert orders.due(NOW + interval - SECOND, 10) == []
    assert orders.due(NOW + interval, 10) == [(order_id, STEPS[0])]
    assert orders.due(NOW + interval, 10) == []


def test_a_run_whose_worker_is_gone_is_sent_when_a_third_of_the_lease_has_passed(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order())
    assert orders.claim(order_id, STEPS[0], task_id="t", worker="w", now=NOW) is not None
    assert orders.due(NOW + 9 * SECOND, 10) == []
    assert orders.due(NOW + 10 * SECOND, 10) == [(order_id, STEPS[0])]


def test_the_longest_due_come_first_and_never_more_than_asked_for(
    sessions: Sessions, orders: Orders
) -> None:
    ids = [stored(sessions, an_order(due_at=NOW - age * SECOND)) for age in (1, 3, 2)]
    assert sorted(orders.due(NOW, 2)) == sorted([(ids[1], STEPS[0]), (ids[2], STEPS[0])])
    assert orders.due(NOW, 2) == [(ids[0], STEPS[0])]


def test_a_sweep_passes_over_what_is_in_other_hands(sessions: Sessions, orders: Orders) -> None:
    taken, free = (stored(sessions, an_order()) for _ in range(2))
    with sessions() as session, session.begin():
        session.get_one(Order, taken, with_for_update=True)
        assert orders.due(NOW, 10) == [(free, STEPS[0])]
    assert orders.due(NOW, 10) == [(taken, STEPS[0])]


def test_two_sweeps_at_once_share_the_orders_out(sessions: Sessions, orders: Orders) -> None:
    ids = [stored(sessions, an_order()) for _ in range(40)]
    ready = threading.Barrier(4)
    sent: list[int] = []

    def sweep() -> None:
        ready.wait()
        for _ in range(10):
            sent.extend(order_id for order_id, _ in orders.due(NOW, 5))

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sent) == sorted(ids)


def test_positions_are_those_of_orders_that_no_worker_has(
    sessions: Sessions, orders: Orders
) -> None:
    ids = [stored(sessions, an_order(step=STEPS[2], **columns)) for columns in LIVE + ENDED]
    ready, running, waiting, held, *_ = ids
    assert sorted(orders.positions(ids, NOW)) == [
        (ready, STEPS[2]),
        (waiting, STEPS[2]),
        (held, STEPS[2]),
    ]
    marked = {one: loaded(sessions, one).sent_at for one in ids}
    assert {one for one in ids if marked[one] == NOW} == {ready, waiting, held}
    assert marked[running] is None
    assert orders.positions([], NOW) == []


def woken(sessions: Sessions, *order_ids: int) -> list[int]:
    with sessions() as session, session.begin():
        return wake(session, order_ids, NOW)


def test_news_make_parked_orders_due_and_are_counted_for_every_live_one(
    sessions: Sessions,
) -> None:
    then = NOW + timedelta(hours=1)
    ids = [
        stored(sessions, an_order(**{"due_at": then, "sent_at": NOW, **columns}))
        for columns in LIVE + ENDED
    ]
    ready, running, waiting, held, *ended = ids
    assert sorted(woken(sessions, *ids)) == [ready, running, waiting, held]
    rows = {one: loaded(sessions, one) for one in ids}
    for one in (waiting, held):
        assert (rows[one].due_at, rows[one].sent_at, rows[one].news) == (NOW, None, 1)
    for one in (ready, running):
        assert (rows[one].due_at, rows[one].sent_at, rows[one].news) == (then, NOW, 1)
    for one in ended:
        assert (rows[one].due_at, rows[one].news) == (None, 0)
    assert {row.version for row in rows.values()} == {1}
    assert rows[held].hold_code == "currency"


def test_news_of_nothing_are_nothing(sessions: Sessions) -> None:
    assert woken(sessions) == []
    assert woken(sessions, 4711) == []


@pytest.mark.parametrize("changes", [{"status": Status.WAITING}, HELD])
def test_a_released_order_is_looked_at_now_and_says_who_wanted_it(
    changes: dict[str, Any], sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order(due_at=NOW + timedelta(hours=1), sent_at=NOW, **changes))
    assert orders.release(order_id, author="anna", now=NOW)
    assert orders.due(NOW, 10) == [(order_id, STEPS[0])]
    with sessions() as session:
        [note] = session.scalars(select(Note))
        assert (note.order_id, note.at, note.author, note.text) == (
            order_id,
            NOW,
            "anna",
            "released",
        )


@pytest.mark.parametrize("changes", [LIVE[0], LIVE[1], *ENDED], ids=lambda one: str(one["status"]))
def test_what_is_neither_waiting_nor_held_is_not_released(
    changes: dict[str, Any], sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order(**changes))
    assert not orders.release(order_id, author="anna", now=NOW)
    assert not orders.release(4711, author="anna", now=NOW)
    assert loaded(sessions, order_id).news == 0
    with sessions() as session:
        assert session.scalars(select(Note)).all() == []


def test_a_late_cancellation_opens_the_last_step_of_what_was_through(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order(step=STEPS[-1]))
    old = orders.claim(order_id, STEPS[-1], task_id="t", worker="w", now=NOW)
    assert old is not None
    assert orders.record(old, Done(), now=NOW)
    with sessions() as session, session.begin():
        reopen(session, [order_id], NOW + SECOND)
    row = loaded(sessions, order_id)
    assert (row.step, row.status) == (STEPS[-1], Status.WAITING)
    assert (row.due_at, row.sent_at) == (NOW + SECOND, None)
    claim = orders.claim(order_id, STEPS[-1], task_id="t2", worker="w", now=NOW + SECOND)
    assert claim is not None
    assert orders.record(claim, Cancelled("cancelled on Amazon"), now=NOW + SECOND)


def test_a_late_cancellation_touches_nothing_that_was_not_through(sessions: Sessions) -> None:
    others = [*LIVE, ENDED[1]]
    ids = [stored(sessions, an_order(step=STEPS[2], **one)) for one in others]
    with sessions() as session, session.begin():
        reopen(session, ids, NOW + SECOND)
    rows = [loaded(sessions, one) for one in ids]
    assert [row.status for row in rows] == [one["status"] for one in others]
    assert {(row.step, row.version) for row in rows} == {(STEPS[2], 1)}
