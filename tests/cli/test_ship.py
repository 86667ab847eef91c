"""`orders ship`, on real PostgreSQL."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.cli.common import system_user
from pipeline.operations.acts.ship import requested_of
from pipeline.orders.tables import Status
from tests.builders import a_raw_order, an_item, an_order, loaded, stored, title_of
from tests.cli.conftest import Run
from tests.cli.test_decisions import notes


def waiting(sessions: Sessions, **changes: Any) -> int:
    facts = {
        "step": "ship_order",
        "status": Status.WAITING,
        "items": [an_item(magento_item_id=501)],
        "magento_order_id": 900,
        "due_at": None,
        "raw": a_raw_order(),
    }
    return stored(sessions, an_order(**{**facts, **changes}))


def stands(sessions: Sessions, order_id: int) -> tuple[str, ...]:
    every = requested_of(sessions, order_id)
    if not every:
        return ()
    requested = every[0]
    return (
        requested.carrier_code,
        title_of(sessions, order_id, requested.carrier_title),
        requested.tracking_number,
        requested.state,
    )


def test_ship_writes_the_wish_and_wakes_the_order(sessions: Sessions, orderbridge: Run) -> None:
    order_id = waiting(sessions)
    words = ("orders", "ship", str(order_id), "--carrier", "dhl", "--tracking", "0034")
    done = orderbridge(*words)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"{order_id}: shipment requested; the order is retried now\n"
    assert stands(sessions, order_id) == ("dhl", "DHL", "0034", "open")
    assert loaded(sessions, order_id).due_at is not None
    assert notes(sessions) == [(order_id, system_user(), "requested a shipment with DHL 0034")]
    again = orderbridge(*words)
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr == (
        f"Error: {order_id}: its shipment has been requested already: take that back first\n"
    )


def test_a_carrier_of_another_name_and_taking_it_back(sessions: Sessions, orderbridge: Run) -> None:
    order_id = waiting(sessions)
    words = ("--carrier", "custom", "--title", "Swift Post", "--tracking", "S-1", "--json")
    done = orderbridge("orders", "ship", str(order_id), *words)
    assert json.loads(done.stdout) == {"order": str(order_id), "done": "asked"}
    assert stands(sessions, order_id) == ("custom", "Swift Post", "S-1", "open")
    back = orderbridge("orders", "ship", str(order_id), "--withdraw", "--json")
    assert json.loads(back.stdout) == {"order": str(order_id), "done": "withdrawn"}
    assert stands(sessions, order_id) == ("custom", "", "S-1", "ended")
    assert orderbridge("orders", "ship", str(order_id), "--withdraw").exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--carrier", "dhl"],
        ["--tracking", "0034"],
        ["--carrier", "dhl", "--tracking", "0034", "--withdraw"],
    ],
)
def test_ship_wants_carrier_and_number_or_to_take_it_back(
    sessions: Sessions, orderbridge: Run, words: list[str]
) -> None:
    order_id = waiting(sessions)
    assert orderbridge("orders", "ship", str(order_id), *words).exit_code == 2
    assert stands(sessions, order_id) == ()
