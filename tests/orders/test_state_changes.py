"""Moves of an order from outside its steps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.orders.machine import reopen, wake
from pipeline.orders.outcome import Hold, HoldCode
from pipeline.orders.state_changes import dismiss, hold_until_news, let_go, set_back, take_up_again
from pipeline.orders.tables import Status
from tests.builders import NOW, an_order, loaded, stored

HOLD = Hold(HoldCode.DOUBLED_IN_MAGENTO, "twice there", {"orders": "1, 2"})
HELD_FOR_IT: dict[str, Any] = {"hold_code": HOLD.code, "due_at": None}


@pytest.mark.parametrize(
    ("status", "changes", "holds"),
    [
        (Status.WAITING, {}, True),
        (Status.DONE, {"due_at": None}, True),
        (Status.CANCELLED, {"due_at": None}, True),
        (Status.READY, {}, False),
        (Status.RUNNING, {}, False),
        (Status.HELD, {"hold_code": "currency"}, False),
        (Status.HELD, HELD_FOR_IT, True),
    ],
)
def test_holds_what_no_step_is_at(
    sessions: Sessions, status: Status, changes: dict[str, Any], holds: bool
) -> None:
    order_id = stored(sessions, an_order(status=status, **changes))
    before = loaded(sessions, order_id)
    with sessions() as session, session.begin():
        assert hold_until_news(session, order_id, HOLD) is holds
    order = loaded(sessions, order_id)
    if not holds:
        assert (order.status, order.version) == (status, before.version)
        return
    assert (order.status, order.due_at, order.hold_code, order.hold_reason, order.hold_facts) == (
        *(Status.HELD, None, "doubled_in_magento", "twice there"),
        {"orders": "1, 2"},
    )
    assert (order.shown, order.version) == (True, before.version + 1)


@pytest.mark.parametrize(
    ("changes", "due_at"),
    [(HELD_FOR_IT, NOW), ({"hold_code": "currency", "due_at": NOW + timedelta(hours=1)}, None)],
)
def test_lets_go_what_was_held_so_and_nothing_else(
    sessions: Sessions, changes: dict[str, Any], due_at: Any
) -> None:
    order_id = stored(sessions, an_order(status=Status.HELD, **changes))
    with sessions() as session, session.begin():
        let_go(session, order_id, NOW)
    assert loaded(sessions, order_id).due_at == (due_at or changes["due_at"])


@pytest.mark.parametrize(
    ("at", "status", "to", "moves"),
    [
        ("ship_order", Status.WAITING, "enrich_order", True),
        ("sync_tracking", Status.DONE, "ship_order", True),
        ("verify_order", Status.CANCELLED, "verify_order", True),
        ("ship_order", Status.RUNNING, "enrich_order", False),
        ("enrich_order", Status.WAITING, "ship_order", False),
    ],
)
def test_sets_back_what_has_come_so_far(
    sessions: Sessions, at: str, status: Status, to: str, moves: bool
) -> None:
    order_id = stored(sessions, an_order(step=at, status=status, tries=4))
    before = loaded(sessions, order_id)
    with sessions() as session, session.begin():
        assert set_back(session, order_id, to, NOW + timedelta(hours=1)) is moves
    order = loaded(sessions, order_id)
    if moves:
        assert (order.step, order.status, order.tries) == (to, Status.READY, 0)
        assert (order.due_at, order.version) == (NOW + timedelta(hours=1), before.version + 1)
    else:
        assert (order.step, order.status, order.version) == (at, status, before.version)


@pytest.mark.parametrize(
    ("status", "changes", "ends"),
    [
        (Status.READY, {}, True),
        (Status.WAITING, {}, True),
        (Status.HELD, {"hold_code": "currency"}, True),
        (Status.RUNNING, {}, False),
        (Status.DONE, {"due_at": None}, False),
        (Status.CANCELLED, {"due_at": None}, False),
    ],
)
def test_dismisses_what_no_step_is_at_and_has_not_ended(
    sessions: Sessions, status: Status, changes: dict[str, Any], ends: bool
) -> None:
    order_id = stored(sessions, an_order(status=status, **changes))
    before = loaded(sessions, order_id)
    with sessions() as session, session.begin():
        ended = dismiss(session, [order_id], "dismissed it", NOW)
    assert ended == ([order_id] if ends else [])
    order = loaded(sessions, order_id)
    if not ends:
        assert (order.status, order.version, order.dismissed_at) == (status, before.version, None)
        return
    assert (order.status, order.due_at, order.hold_code) == (Status.DONE, None, None)
    assert (order.last_note, order.dismissed_at) == ("dismissed it", NOW)
    assert (order.step, order.version) == (before.step, before.version + 1)


def test_nobody_holds_a_dismissed_order(sessions: Sessions) -> None:
    order_id = stored(sessions, an_order(status=Status.WAITING, kept_back="anna"))
    assert loaded(sessions, order_id).holder == "anna"
    with sessions() as session, session.begin():
        assert dismiss(session, [order_id], "dismissed", NOW)
    assert loaded(sessions, order_id).kept_back is None


def test_a_dismissed_order_is_opened_by_a_person_alone(sessions: Sessions) -> None:
    order_id = stored(sessions, an_order(step="enrich_order", status=Status.WAITING))
    with sessions() as session, session.begin():
        assert take_up_again(session, [order_id], NOW) == []
        assert dismiss(session, [order_id], "dismissed", NOW)
        reopen(session, [order_id], NOW)
        assert wake(session, [order_id], NOW) == []
        assert hold_until_news(session, order_id, HOLD) is False
    assert loaded(sessions, order_id).status == Status.DONE
    with sessions() as session, session.begin():
        assert take_up_again(session, [order_id], NOW + timedelta(hours=1)) == [order_id]
    order = loaded(sessions, order_id)
    assert (order.step, order.status) == ("enrich_order", Status.WAITING)
    assert (order.due_at, order.dismissed_at) == (NOW + timedelta(hours=1), None)


def test_going_through_the_steps_again_ends_a_dismissal(sessions: Sessions) -> None:
    order_id = stored(sessions, an_order(step="enrich_order", status=Status.WAITING))
    with sessions() as session, session.begin():
        dismiss(session, [order_id], "dismissed", NOW)
        assert set_back(session, order_id, "verify_order", NOW)
    assert loaded(sessions, order_id).dismissed_at is None
