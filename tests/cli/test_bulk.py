"""`orderbridge bulk`: following and stopping what was decided about many orders."""

from __future__ import annotations

import json

from sqlalchemy import select

from pipeline.base.clock import utc_now
from pipeline.base.db import Sessions
from pipeline.cli.common import system_user
from pipeline.operations.acts.many_orders import Act, BulkActs
from pipeline.operations.acts.tables import BulkAct
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.selection import those_of
from pipeline.orders.tables import Order, Status
from tests.builders import a_vault
from tests.cli.conftest import Run
from tests.console.builders import NOW, a_held_order, store

DISMISSAL = {
    "id": 1,
    "act": "dismiss",
    "author": "anna",
    "chosen": "status held",
    "orders": 2,
    "done": 1,
    "passed_over": 1,
    "to_do": 0,
    "asked_at": "2026-03-10T12:00:00+00:00",
    "ended_at": "2026-03-10T12:00:00+00:00",
    "stopped_by": None,
}


def begin(sessions: Sessions, *, go_on: bool = True) -> None:
    """Two orders to be dismissed, a step is at the first when its turn comes."""
    ids = store(sessions, a_held_order(1), a_held_order(2))
    acts, choice = BulkActs(sessions, a_vault()), those_of(Filters(Status.HELD))
    acts.begin(
        Act.DISMISS,
        choice.turns(),
        chosen=choice.words,
        author="anna",
        now=NOW,
        token="t",
        why="sold twice",
    )
    with sessions() as session, session.begin():
        session.get_one(Order, ids[0]).status = Status.RUNNING
    if go_on:
        acts.go_on(NOW)


def test_acts_are_listed(sessions: Sessions, orderbridge: Run) -> None:
    none = orderbridge("bulk", "list")
    assert (none.exit_code, none.stdout) == (
        0,
        "There has been no bulk job yet.\n",
    )
    begin(sessions)
    assert json.loads(orderbridge("bulk", "list", "--json").stdout) == [DISMISSAL]
    _, row = orderbridge("bulk", "list").stdout.splitlines()
    assert row.split() == [
        *("1", "dismiss", "ended", "2", "1", "1", "0", "2026-03-10", "12:00"),
        *("2026-03-10", "12:00", "anna", "status", "held"),
    ]


def test_an_act_is_shown_with_what_became_of_its_orders(
    sessions: Sessions, orderbridge: Run
) -> None:
    begin(sessions)
    assert json.loads(orderbridge("bulk", "show", "1", "--json").stdout) == {
        **DISMISSAL,
        "since": {"dismissed": 1},
        "held_again": {},
        "passed_over_because": {"303-0000000-0000001": "a step is running or about to run"},
        "parcels": {},
    }
    lines = orderbridge("bulk", "show", "1").stdout.splitlines()
    assert ["dismissed", "1"] in [line.split() for line in lines]
    assert lines[-1] == "303-0000000-0000001 was passed over: a step is running or about to run"
    missing = orderbridge("bulk", "show", "7")
    assert (missing.exit_code, missing.stderr) == (1, "Error: there is no bulk job 7\n")


def test_an_act_is_stopped_once(sessions: Sessions, orderbridge: Run) -> None:
    begin(sessions, go_on=False)
    stopped = orderbridge("bulk", "stop", "1")
    assert (stopped.exit_code, stopped.stdout) == (0, "Bulk job 1 is stopped.\n")
    again = orderbridge("bulk", "stop", "1")
    assert (again.exit_code, again.stdout) == (1, "There is no running bulk job 1.\n")
    with sessions() as session:
        assert session.scalars(select(BulkAct.stopped_by)).all() == [system_user()]
    assert f"stopped by {system_user()}" in orderbridge("bulk", "list").stdout


def test_what_a_job_ignored_is_resumed_once(sessions: Sessions, orderbridge: Run) -> None:
    begin(sessions)
    with sessions() as session:
        act_id = session.scalars(select(BulkAct.id)).one()
    first = orderbridge("bulk", "undo", str(act_id), "--json")
    undoing = json.loads(first.stdout)
    assert (first.exit_code, undoing["undoes"]) == (0, act_id)
    BulkActs(sessions, a_vault()).go_on(utc_now())
    with sessions() as session:
        orders = session.scalars(select(Order).order_by(Order.id)).all()
        act = session.get_one(BulkAct, undoing["id"])
    assert (act.act, act.chosen, act.orders, act.done) == (
        *("resume", f"ignored by bulk job {act_id}"),
        *(1, 1),
    )
    assert [order.dismissed_at for order in orders] == [None, None]
    again = orderbridge("bulk", "undo", str(act_id))
    assert (again.exit_code, again.stderr) == (
        1,
        f"Error: no order is left that bulk job {act_id} ignored\n",
    )
    assert orderbridge("bulk", "undo", str(undoing["id"])).exit_code == 1
