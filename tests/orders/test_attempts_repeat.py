"""A run that ends as the one before it takes its place: what is held for ever stays a few rows."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.operations.lists.orders import Listing
from pipeline.operations.lists.timeline import Event, Kind, timeline
from pipeline.orders.machine import STEPS, Claim, Orders, reopen
from pipeline.orders.outcome import Done, Hold, HoldCode, Outcome, Skipped, Wait
from pipeline.orders.state_changes import hand_back
from pipeline.orders.tables import Attempt, Note, Status
from pipeline.settings.model import Timing
from tests.builders import NOW, a_vault, an_order, stored

QUARTER = timedelta(minutes=15)
SOLD_OUT = Hold(HoldCode.OUT_OF_STOCK, "sold out")
WAITS = Wait("waiting for the warehouse", timedelta(0))


@pytest.fixture
def orders(sessions: Sessions) -> Orders:
    return Orders(sessions, a_vault(), Timing())


def begun(orders: Orders, order_id: int, at: datetime, step: str = STEPS[0]) -> Claim:
    claim = orders.claim(order_id, step, task_id="t", worker="w", now=at)
    assert claim is not None
    return claim


def looked(
    orders: Orders, order_id: int, at: datetime, outcome: Outcome, step: str = STEPS[0]
) -> None:
    assert orders.record(begun(orders, order_id, at, step), outcome, now=at, request_id=f"r{at}")


def rows(sessions: Sessions, order_id: int) -> list[tuple[str | None, int, datetime | None]]:
    with sessions() as session:
        attempts_kept = session.scalars(
            select(Attempt).where(Attempt.order_id == order_id).order_by(Attempt.id)
        )
        return [(one.outcome, one.times, one.first_at) for one in attempts_kept]


def shown(sessions: Sessions, order_id: int) -> list[Event]:
    order = Listing(sessions).order(order_id)
    assert order is not None
    return [one for one in timeline(sessions, order) if one.kind is Kind.ATTEMPT]


@pytest.mark.parametrize(
    ("outcome", "name"), [(SOLD_OUT, "hold"), (WAITS, "wait")], ids=["held", "waits"]
)
def test_a_day_of_looks_with_the_same_outcome_is_one_row(
    outcome: Outcome, name: str, sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order())
    for look in range(96):
        looked(orders, order_id, NOW + look * QUARTER, outcome)
    last = NOW + 95 * QUARTER
    assert rows(sessions, order_id) == [(name, 96, NOW)]
    [told] = shown(sessions, order_id)
    assert (told.times, told.first_at, told.at, told.ended_at) == (96, NOW, last, last)
    assert told.reference == f"r{last}"


def test_an_end_that_differs_in_anything_is_a_row_of_its_own(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order())
    ends: list[Outcome] = [
        SOLD_OUT,
        Hold(HoldCode.OUT_OF_STOCK, "two are left"),
        Hold(HoldCode.SKU_NOT_FOUND, "two are left"),
        Wait("two are left", timedelta(0)),
        SOLD_OUT,
        SOLD_OUT,
    ]
    for look, outcome in enumerate(ends):
        looked(orders, order_id, NOW + look * QUARTER, outcome)
    assert rows(sessions, order_id) == [
        ("hold", 1, None),
        ("hold", 1, None),
        ("hold", 1, None),
        ("wait", 1, None),
        ("hold", 2, NOW + 4 * QUARTER),
    ]


def test_another_step_and_another_order_keep_theirs(sessions: Sessions, orders: Orders) -> None:
    order_id, other = (stored(sessions, an_order()) for _ in range(2))
    looked(orders, order_id, NOW, WAITS)
    looked(orders, other, NOW, WAITS)
    looked(orders, order_id, NOW, Done())
    looked(orders, order_id, NOW, WAITS, STEPS[1])
    assert [name for name, _, _ in rows(sessions, order_id)] == ["wait", "done", "wait"]
    assert rows(sessions, other) == [("wait", 1, None)]


def test_a_run_that_has_not_ended_is_there_and_a_crash_stays(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order())
    looked(orders, order_id, NOW, SOLD_OUT)
    begun(orders, order_id, NOW + QUARTER)
    assert rows(sessions, order_id) == [("hold", 1, None), (None, 1, None)]
    for look in (2, 3):
        looked(orders, order_id, NOW + look * QUARTER, SOLD_OUT)
    assert rows(sessions, order_id) == [
        ("hold", 1, None),
        (None, 1, None),
        ("hold", 2, NOW + 2 * QUARTER),
    ]
    assert [(one.result, one.times) for one in shown(sessions, order_id)] == [
        ("hold", 2),
        ("lost", 1),
        ("hold", 1),
    ]


def test_a_run_that_was_handed_back_or_overtaken_takes_nothing_away(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order())
    looked(orders, order_id, NOW, SOLD_OUT)
    late = begun(orders, order_id, NOW + QUARTER)
    with sessions() as session, session.begin():
        who = {"task_id": "t", "worker": "w", "reason": "the worker is told to stop"}
        assert hand_back(
            session, order_id, **who, now=NOW + QUARTER, delay_after=lambda _: timedelta(0)
        )
    assert not orders.record(late, SOLD_OUT, now=NOW + QUARTER)
    assert [name for name, _, _ in rows(sessions, order_id)] == ["hold", "handed back"]
    overtaken = begun(orders, order_id, NOW + 2 * QUARTER)
    looked(orders, order_id, NOW + 2 * QUARTER, SOLD_OUT)
    assert not orders.record(overtaken, SOLD_OUT, now=NOW + 2 * QUARTER)
    assert [name for name, _, _ in rows(sessions, order_id)] == [
        *("hold", "handed back", "superseded", "hold"),
    ]


@pytest.mark.parametrize("outcome", [Done(), Skipped("nothing to do")])
def test_what_went_on_is_never_merged(outcome: Outcome, sessions: Sessions, orders: Orders) -> None:
    order_id = stored(sessions, an_order(step=STEPS[-1]))
    for look in range(3):
        at = NOW + look * QUARTER
        looked(orders, order_id, at, outcome, STEPS[-1])
        with sessions() as session, session.begin():
            reopen(session, [order_id], at)
    assert len(rows(sessions, order_id)) == 3


def test_rows_of_before_and_one_that_stands_for_many_are_told_together(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order(status=Status.HELD, hold_code="out_of_stock"))
    with sessions() as session, session.begin():
        for look in range(3):
            at = NOW + look * QUARTER
            session.add(
                Attempt(
                    **{"order_id": order_id, "step": STEPS[0], "task_id": "t", "worker": "w"},
                    **{"started_at": at, "ended_at": at, "outcome": "hold"},
                    **{"code": "out_of_stock", "detail": "sold out"},
                )
            )
            session.flush()
        session.add(Note(order_id=order_id, at=NOW - QUARTER, author="anna", text="called"))
    for look in (3, 4):
        looked(orders, order_id, NOW + look * QUARTER, SOLD_OUT)
    assert len(rows(sessions, order_id)) == 3
    [told] = shown(sessions, order_id)
    assert (told.times, told.first_at) == (5, NOW)
