"""The state machine, one run at a time: claim, record, and what a lost run leaves behind."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.errors import NotSent
from pipeline.base.vault import Vault
from pipeline.orders.machine import MAX_UNFINISHED, STEPS, Claim, Orders, wake
from pipeline.orders.outcome import Cancelled, Done, Hold, HoldCode, Outcome, Skipped, Wait
from pipeline.orders.tables import Attempt, Order, OrderItem, OrderPrivate, Status
from pipeline.settings.model import Timing
from tests.builders import NOW, a_raw_order, a_shipment, a_vault, an_item, an_order, loaded, stored

TIMING = Timing(lease_s=30, resend_s=60, recheck_held_s=900)
LATER = NOW + timedelta(seconds=5)
HOUR = timedelta(hours=1)
HOLD = Hold(HoldCode.SKU_NOT_FOUND, "MUG-BLUE is not in the catalogue", {"sku": "MUG-BLUE"})
STARTABLE: dict[Status, dict[str, Any]] = {
    Status.READY: {"due_at": NOW + HOUR},
    Status.RUNNING: {"due_at": NOW + HOUR, "tries": 1, "unfinished": 1},
    Status.WAITING: {"due_at": NOW},
    Status.HELD: {"due_at": NOW, "hold_code": "currency", "hold_reason": "no rate"},
}


@pytest.fixture
def orders(sessions: Sessions) -> Orders:
    return Orders(sessions, a_vault(), TIMING)


def claimed(orders: Orders, order_id: int, step: str = STEPS[0], now: datetime = NOW) -> Claim:
    claim = orders.claim(order_id, step, task_id="task", worker="worker:1", now=now)
    assert claim is not None
    return claim


def run(orders: Orders, order_id: int, outcome: Outcome, now: datetime = NOW) -> bool:
    return orders.record(claimed(orders, order_id, now=now), outcome, now=now)


def attempts(sessions: Sessions, order_id: int) -> list[Attempt]:
    with sessions() as session:
        query = select(Attempt).where(Attempt.order_id == order_id).order_by(Attempt.id)
        return list(session.scalars(query))


@pytest.mark.parametrize("status", STARTABLE)
def test_a_claim_marks_the_order_before_the_step_runs(
    status: Status, sessions: Sessions, orders: Orders
) -> None:
    changes: dict[str, Any] = {"tries": 0, "unfinished": 0, **STARTABLE[status]}
    raw = a_raw_order()
    order_id = stored(
        sessions, an_order(raw=raw, status=status, sent_at=NOW, items=[an_item()], **changes)
    )
    claim = orders.claim(order_id, STEPS[0], task_id="t-7", worker="host:9", now=NOW)
    assert claim is not None
    assert claim.order.report.raw == raw
    assert [item.sku for item in claim.order.items] == ["MUG-BLUE"]
    assert (claim.news, claim.keeps_crashing) == (0, False)
    row = loaded(sessions, order_id)
    assert (row.status, row.step) == (Status.RUNNING, STEPS[0])
    assert (row.tries, row.unfinished) == (changes["tries"] + 1, changes["unfinished"] + 1)
    # Looked at again when a third of the lease has passed without an end.
    assert (row.due_at, row.sent_at) == (NOW + timedelta(seconds=10), None)
    [attempt] = attempts(sessions, order_id)
    assert (attempt.id, attempt.step, attempt.task_id) == (claim.attempt_id, STEPS[0], "t-7")
    assert (attempt.worker, attempt.started_at) == ("host:9", NOW)
    assert (attempt.ended_at, attempt.outcome) == (None, None)


def test_shipments_and_their_lines_come_with_the_claim(sessions: Sessions, orders: Orders) -> None:
    order_id = stored(sessions, an_order(shipments=[a_shipment(items={501: 2, 502: 1})]))
    [shipment] = claimed(orders, order_id).order.shipments
    assert {part.magento_item_id: part.quantity for part in shipment.items} == {501: 2, 502: 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"step": STEPS[1]},
        {"status": Status.DONE, "due_at": None},
        {"status": Status.CANCELLED, "due_at": None},
        {"status": Status.WAITING, "due_at": NOW + timedelta(microseconds=1)},
        {"status": Status.HELD, "hold_code": "currency", "due_at": NOW + timedelta(hours=1)},
    ],
    ids=["another step", "done", "cancelled", "waiting", "held"],
)
def test_a_claim_of_what_is_elsewhere_ended_or_not_due_changes_nothing(
    changes: dict[str, Any], sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order(**changes))
    before = loaded(sessions, order_id).version
    assert orders.claim(order_id, STEPS[0], task_id="t", worker="w", now=NOW) is None
    assert loaded(sessions, order_id).version == before
    assert attempts(sessions, order_id) == []


def test_there_is_nothing_to_claim_of_an_order_that_is_not_there(orders: Orders) -> None:
    assert orders.claim(4711, STEPS[0], task_id="t", worker="w", now=NOW) is None


@pytest.mark.parametrize("damage", ["purged", "cut off"])
def test_data_that_cannot_be_opened_is_claimed_without(
    damage: str, sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order(raw=a_raw_order()))
    with sessions() as session, session.begin():
        private = session.get_one(OrderPrivate, order_id)
        if damage == "purged":
            private.wrapped_key = None
        if damage == "cut off" and private.sealed is not None:
            private.sealed = private.sealed[:3]
    assert claimed(orders, order_id).order.report.raw is None


def test_data_under_a_master_key_that_is_not_here_is_no_missing_data(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order(raw=a_raw_order()), vault=Vault(bytes(32)))
    with pytest.raises(NotSent, match="which this process lacks"):
        _ = claimed(orders, order_id).order.report.raw


ENDS: list[tuple[Outcome, dict[str, Any], tuple[str, str | None, str | None]]] = [
    (
        Done(),
        {"step": STEPS[1], "status": "ready", "due_at": LATER + timedelta(seconds=60)},
        ("done", None, None),
    ),
    (
        Skipped("shown only"),
        {
            "step": STEPS[1],
            "status": "ready",
            "due_at": LATER + timedelta(seconds=60),
            "last_note": "shown only",
        },
        ("skipped", None, "shown only"),
    ),
    (
        Wait("not paid yet", HOUR),
        {"status": "waiting", "due_at": LATER + HOUR, "last_note": "not paid yet"},
        ("wait", None, "not paid yet"),
    ),
    (
        HOLD,
        {
            "status": "held",
            "due_at": LATER + timedelta(seconds=900),
            "hold_code": "sku_not_found",
            "hold_reason": "MUG-BLUE is not in the catalogue",
            "hold_facts": {"sku": "MUG-BLUE"},
            "last_note": "MUG-BLUE is not in the catalogue",
            "shown": True,
        },
        ("hold", "sku_not_found", "MUG-BLUE is not in the catalogue"),
    ),
    (
        Cancelled("cancelled on Amazon"),
        {"status": "cancelled", "due_at": None, "last_note": "cancelled on Amazon"},
        ("cancelled", None, "cancelled on Amazon"),
    ),
]


@pytest.mark.parametrize("status", STARTABLE)
@pytest.mark.parametrize(("outcome", "changes", "told"), ENDS, ids=lambda one: type(one).__name__)
def test_each_outcome_from_each_status(
    outcome: Outcome,
    changes: dict[str, Any],
    told: tuple[str, str | None, str | None],
    status: Status,
    sessions: Sessions,
    orders: Orders,
) -> None:
    order_id = stored(sessions, an_order(status=status, **STARTABLE[status]))
    claim = claimed(orders, order_id)
    assert orders.record(claim, outcome, now=LATER, request_id="r-7")
    row = loaded(sessions, order_id)
    expected = {
        "step": STEPS[0],
        "hold_code": None,
        "hold_reason": None,
        "hold_facts": {},
        "last_note": "",
        "shown": False,
        "tries": 0,
        "unfinished": 0,
        "news": 0,
        "sent_at": None,
        **changes,
    }
    assert {name: getattr(row, name) for name in expected} == expected
    [attempt] = attempts(sessions, order_id)
    assert (attempt.ended_at, attempt.request_id) == (LATER, "r-7")
    assert (attempt.outcome, attempt.code, attempt.detail) == told


@pytest.mark.parametrize("outcome", [Done(), Skipped("nothing to confirm")])
def test_after_the_last_step_the_order_is_through(
    outcome: Outcome, sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order(step=STEPS[-1]))
    assert orders.record(claimed(orders, order_id, STEPS[-1]), outcome, now=NOW)
    row = loaded(sessions, order_id)
    assert (row.step, row.status, row.due_at) == (STEPS[-1], Status.DONE, None)


def test_facts_are_committed_with_the_outcome(sessions: Sessions, orders: Orders) -> None:
    order_id = stored(sessions, an_order(items=[an_item()], shipments=[a_shipment()]))
    claim = claimed(orders, order_id)
    claim.order.magento_order_id = 4711
    claim.order.items[0].magento_item_id = 501
    claim.order.items.append(an_item(external_item_id="I2", sku="MUG-RED"))
    claim.order.shipments[0].confirmation = "accepted"
    assert loaded(sessions, order_id).magento_order_id is None
    assert orders.record(claim, Done(), now=NOW)
    row = loaded(sessions, order_id)
    assert row.magento_order_id == 4711
    assert [item.magento_item_id for item in row.items] == [501, None]
    assert row.shipments[0].confirmation == "accepted"


def test_tries_count_failures_in_a_row(sessions: Sessions, orders: Orders) -> None:
    order_id = stored(sessions, an_order())
    seen = []
    for outcome in (
        Wait("busy", timedelta(0), is_trouble=True),
        Wait("busy", timedelta(0), is_trouble=True),
        Wait("not paid yet", timedelta(0)),
        Wait("busy", timedelta(0), is_trouble=True),
    ):
        assert run(orders, order_id, outcome)
        seen.append(loaded(sessions, order_id).tries)
    assert seen == [1, 2, 0, 1]


def test_a_run_that_was_overtaken_leaves_nothing_but_the_end_of_its_attempt(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order(items=[an_item()]))
    lost = claimed(orders, order_id)
    lost.order.magento_order_id = 1
    lost.order.items[0].magento_item_id = 1
    lost.order.items.append(an_item(external_item_id="I2"))
    ours = claimed(orders, order_id, now=LATER)
    ours.order.magento_order_id = 2
    assert not orders.record(lost, Done(), now=LATER, request_id="r-1")
    middle = loaded(sessions, order_id)
    assert (middle.status, middle.step, middle.magento_order_id) == ("running", STEPS[0], None)
    assert orders.record(ours, Wait("not paid yet", HOUR), now=LATER)
    row = loaded(sessions, order_id)
    assert (row.status, row.magento_order_id) == (Status.WAITING, 2)
    assert [(item.external_item_id, item.magento_item_id) for item in row.items] == [("I1", None)]
    assert [attempt.outcome for attempt in attempts(sessions, order_id)] == ["superseded", "wait"]
    assert attempts(sessions, order_id)[0].request_id == "r-1"


def test_a_run_that_was_overtaken_and_left_behind_keeps_out(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order())
    lost = claimed(orders, order_id)
    assert run(orders, order_id, Done())
    assert not orders.record(lost, Cancelled("too late"), now=LATER)
    row = loaded(sessions, order_id)
    assert (row.step, row.status, row.last_note) == (STEPS[1], Status.READY, "")


@pytest.mark.parametrize("outcome", [Wait("not paid yet", HOUR), HOLD])
def test_news_during_a_run_make_it_due_at_once(
    outcome: Outcome, sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order())
    claim = claimed(orders, order_id)
    with sessions() as session, session.begin():
        assert wake(session, [order_id], LATER) == [order_id]
    assert orders.record(claim, outcome, now=LATER)
    assert loaded(sessions, order_id).due_at == LATER
    assert orders.due(LATER, 10) == [(order_id, STEPS[0])]


def test_news_from_before_a_run_do_not(sessions: Sessions, orders: Orders) -> None:
    order_id = stored(sessions, an_order())
    with sessions() as session, session.begin():
        wake(session, [order_id], NOW)
    assert run(orders, order_id, Wait("not paid yet", HOUR))
    assert loaded(sessions, order_id).due_at == NOW + HOUR


def test_news_that_are_committed_while_a_run_is_recorded_are_not_lost(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order())
    claim = claimed(orders, order_id)
    recorder = threading.Thread(
        target=orders.record, args=(claim, Wait("not paid yet", HOUR)), kwargs={"now": NOW}
    )
    with sessions() as session, session.begin():
        wake(session, [order_id], LATER)
        session.flush()
        recorder.start()
        # Long enough for it to have come to the order's row, where it has to wait for this commit.
        recorder.join(0.3)
    recorder.join()
    assert loaded(sessions, order_id).due_at == NOW


def test_a_sweep_during_a_run_does_not_put_off_the_next_one(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order())
    claim = claimed(orders, order_id)
    swept = NOW + timedelta(seconds=15)
    assert orders.due(swept, 10) == [(order_id, STEPS[0])]
    assert orders.record(claim, Wait("busy", timedelta(seconds=10)), now=swept)
    assert orders.due(swept + timedelta(seconds=10), 10) == [(order_id, STEPS[0])]


def test_a_step_that_keeps_ending_its_worker_ends_in_a_hold_with_one_careful_try_a_timer(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order())
    for _ in range(MAX_UNFINISHED):
        assert not claimed(orders, order_id).keeps_crashing
    claim = claimed(orders, order_id)
    assert claim.keeps_crashing
    hold = Hold(HoldCode.KEEPS_CRASHING, "see the worker's log")
    assert orders.record(claim, hold, now=NOW)

    again = NOW + timedelta(seconds=900)
    assert orders.due(again - timedelta(seconds=1), 10) == []
    for _ in range(3):
        assert not claimed(orders, order_id, now=again).keeps_crashing  # and it crashes
        claim = claimed(orders, order_id, now=again)
        assert claim.keeps_crashing
        assert orders.record(claim, hold, now=again)
        again += timedelta(seconds=900)

    assert run(orders, order_id, Wait("not paid yet", HOUR), now=again)
    assert loaded(sessions, order_id).unfinished == 0


def test_two_workers_that_claim_at_once_are_two_attempts_and_one_record(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order())
    ready = threading.Barrier(2)
    recorded: list[bool] = []

    def work() -> None:
        ready.wait()
        claim = claimed(orders, order_id)
        ready.wait()
        claim.order.tries = 0
        recorded.append(orders.record(claim, Done(), now=NOW))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(recorded) == [False, True]
    assert loaded(sessions, order_id).step == STEPS[1]
    ends = sorted(str(attempt.outcome) for attempt in attempts(sessions, order_id))
    assert ends == ["done", "superseded"]


def test_a_held_order_always_has_its_code(sessions: Sessions, orders: Orders) -> None:
    order_id = stored(sessions, an_order())
    assert run(orders, order_id, HOLD)
    assert run(orders, order_id, Wait("not paid yet", HOUR), now=NOW + HOUR)
    with sessions() as session:
        row = session.get_one(Order, order_id)
        assert (row.hold_code, row.hold_reason, row.hold_facts) == (None, None, {})
        assert row.shown
        assert session.scalars(select(OrderItem)).all() == []
