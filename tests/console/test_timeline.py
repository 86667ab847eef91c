"""An order's timeline: what is on it, in which order, and how repeats read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from pipeline.base.db import Sessions
from pipeline.base.tables import Base
from pipeline.operations.lists.orders import Listing
from pipeline.operations.lists.timeline import Event, Kind, timeline
from pipeline.orders.tables import EffectState, Order, Status
from tests.console.builders import (
    NOW,
    a_note,
    a_shipped_order,
    an_attempt,
    an_effect,
    an_order,
    store,
)

RowsOf = Callable[[int], Sequence[Base]]


def test_everything_that_happened_is_on_it_newest_first(sessions: Sessions) -> None:
    events = _events(
        sessions,
        a_shipped_order(3),
        lambda order_id: [
            an_attempt(order_id, 170, step="create_order", outcome="done", detail=None),
            an_effect(order_id, 169, state=EffectState.DONE, tries=2, adopted=True),
            a_note(order_id, 60, "anna", "the buyer called"),
        ],
    )
    assert [(event.kind, event.what, event.result, event.detail) for event in events] == [
        (Kind.PACKAGE, "shipment 77", "confirmed to Amazon", "DHL 00340434161094015902"),
        (Kind.PACKAGE, "shipment 77", "shipped", "DHL 00340434161094015902"),
        (Kind.NOTE, "the buyer called", "", ""),
        (Kind.WRITE, "order", "done", "try 2; found in the remote system"),
        (Kind.ATTEMPT, "create_order", "done", ""),
        (Kind.REPORT, "first reported by Amazon", "", ""),
    ]


def test_attempts_that_repeat_are_one_line(sessions: Sessions) -> None:
    events = _events(
        sessions,
        an_order(9),
        lambda order_id: [
            an_attempt(order_id, 90, step="create_order", outcome="done", detail=None),
            an_attempt(order_id, 60, worker="worker-1:20"),
            an_attempt(order_id, 45, worker="worker-2:31"),
            an_attempt(order_id, 30),
            an_attempt(order_id, 20, outcome="hold", code="carrier_unmapped", detail="unknown"),
            an_attempt(order_id, 10),
        ],
    )
    attempts = [event for event in events if event.kind is Kind.ATTEMPT]
    assert [(event.result, event.times, _minutes_ago(event)) for event in attempts] == [
        ("wait", 1, (10, 10)),
        ("hold", 1, (20, 20)),
        ("wait", 3, (30, 60)),
        ("done", 1, (90, 90)),
    ]


def test_an_attempt_without_an_end_is_a_crash_unless_it_runs_now(sessions: Sessions) -> None:
    events = _events(
        sessions,
        an_order(1, status=Status.RUNNING),
        lambda order_id: [
            an_attempt(order_id, 5, ended_at=None, outcome=None, detail=None),
            an_attempt(order_id, 1, ended_at=None, outcome=None, detail=None),
        ],
    )
    assert [(event.result, event.detail) for event in events if event.kind is Kind.ATTEMPT] == [
        ("running", ""),
        ("lost", "no end was recorded: its worker died"),
    ]


def test_the_same_note_of_two_people_is_two_lines(sessions: Sessions) -> None:
    events = _events(
        sessions,
        an_order(1),
        lambda order_id: [
            a_note(order_id, 3, "anna"),
            a_note(order_id, 2, "bert"),
            a_note(order_id, 1, "bert"),
        ],
    )
    notes = [(event.by, event.times) for event in events if event.kind is Kind.NOTE]
    assert notes == [("bert", 2), ("anna", 1)]


def _events(sessions: Sessions, order: Order, rows_of: RowsOf) -> list[Event]:
    (order_id,) = store(sessions, order)
    with sessions() as session, session.begin():
        for row in rows_of(order_id):
            session.add(row)
            session.flush()  # ids in the order of the list
    loaded = Listing(sessions).order(order_id)
    assert loaded is not None
    return timeline(sessions, loaded)


def _minutes_ago(event: Event) -> tuple[int, int]:
    minute = timedelta(minutes=1)
    return (NOW - event.at) // minute, (NOW - event.first_at) // minute
