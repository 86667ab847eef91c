"""The time of an order's last change: a run that finds the order as it was leaves it alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from pipeline.base.db import Sessions
from pipeline.orders.machine import Orders, wake
from pipeline.orders.outcome import Done, Hold, HoldCode, Outcome, Wait
from pipeline.orders.tables import Order, Status
from pipeline.settings.model import Timing
from tests.builders import NOW, a_vault, an_order, loaded, stored

LONG_AGO = NOW - timedelta(days=3)
WAITS = Wait("waiting for the warehouse", timedelta(minutes=5))
TROUBLE = Wait("waiting for the warehouse", timedelta(minutes=5), is_trouble=True)
HELD = Hold(HoldCode.OUT_OF_STOCK, "MUG is sold out", {"skus": "MUG"})


def run(sessions: Sessions, order_id: int, outcome: Outcome, do: Callable[[Order], None]) -> bool:
    """Sweep, claim and record the order once; whether it counts as changed."""
    orders = Orders(sessions, a_vault(), Timing())
    with sessions() as session, session.begin():
        order = session.get_one(Order, order_id)
        order.due_at, order.updated_at = NOW, LONG_AGO
    assert (order_id, "ship_order") in orders.due(NOW, 10)
    orders.positions([order_id], NOW)
    assert changed_at(sessions, order_id) == LONG_AGO
    claim = orders.claim(order_id, "ship_order", task_id="t", worker="w", now=NOW)
    assert claim is not None
    assert changed_at(sessions, order_id) == LONG_AGO
    do(claim.order)
    assert orders.record(claim, outcome, now=NOW)
    return changed_at(sessions, order_id) != LONG_AGO


def changed_at(sessions: Sessions, order_id: int) -> datetime:
    return loaded(sessions, order_id).updated_at


def is_shipped(order: Order) -> None:
    order.magento_status = "complete"


def nothing(_: Order) -> None:
    """The step finds all as it was."""


@pytest.mark.parametrize("before", [WAITS, HELD])
@pytest.mark.parametrize(
    ("outcome", "do"),
    [(WAITS, nothing), (HELD, nothing), (TROUBLE, nothing), (WAITS, is_shipped), (Done(), nothing)],
)
def test_only_what_changes_an_order_counts(
    sessions: Sessions, before: Outcome, outcome: Outcome, do: Callable[[Order], None]
) -> None:
    order_id = stored(sessions, an_order(step="ship_order", status=Status.WAITING))
    assert run(sessions, order_id, before, nothing)
    is_as_before = outcome == before and do is nothing
    assert run(sessions, order_id, outcome, do) is not is_as_before


def test_news_count(sessions: Sessions) -> None:
    order_id = stored(sessions, an_order(step="ship_order", status=Status.WAITING))
    with sessions() as session, session.begin():
        session.get_one(Order, order_id).updated_at = LONG_AGO
    with sessions() as session, session.begin():
        wake(session, [order_id], NOW)
    assert changed_at(sessions, order_id) != LONG_AGO
