"""A claim that sees no writes of its order spares the look-ups; whatever may have been written is
still looked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipeline.base.database_restores import report
from pipeline.base.db import Sessions
from pipeline.orders.ledger import Ledger
from pipeline.orders.ledger_write import Trace
from pipeline.orders.machine import STEPS, Orders
from pipeline.orders.order_ledger import OrderLedger
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Order
from tests.builders import NOW, SHOP, a_vault, an_order, settings, stored

LIMIT = timedelta(seconds=60)


class LookingUp(Ledger):
    """Counts the look-ups."""

    asked = 0

    def made(self, order_id: int, write: Trace) -> str | None:
        self.asked += 1
        return super().made(order_id, write)


@pytest.fixture
def ledger(sessions: Sessions) -> LookingUp:
    return LookingUp(sessions, lambda: NOW)


def claimed(sessions: Sessions, ledger: Ledger, **changes: Any) -> OrderLedger:
    """The ledger of an order that a worker has claimed."""
    order_id = stored(sessions, an_order(**changes))
    return claimed_again(sessions, ledger, order_id)


def claimed_again(sessions: Sessions, ledger: Ledger, order_id: int) -> OrderLedger:
    orders = Orders(sessions, a_vault(), settings().timing)
    claim = orders.claim(order_id, STEPS[0], task_id="t", worker="w", now=NOW)
    assert claim is not None
    return OrderLedger(ledger, claim.order, SHOP, LIMIT)


def trace(ledger: OrderLedger, name: str) -> Trace:
    return ledger.trace(name, kind=name, find=lambda: None)


def first_used(sessions: Sessions) -> None:
    with sessions() as session, session.begin():
        report(session, NOW - timedelta(days=3))


BOUGHT = NOW - timedelta(days=1)


def test_nothing_is_looked_up_for_an_order_without_writes(
    sessions: Sessions, ledger: LookingUp
) -> None:
    first_used(sessions)
    mine = claimed(sessions, ledger, purchased_at=BOUGHT)
    assert (mine.made(trace(mine, "order")), ledger.asked) == (None, 0)
    mine.once(trace(mine, "order").write(lambda: "7", HoldCode.ORDER_REFUSED))
    assert (mine.made(trace(mine, "order")), ledger.asked) == ("7", 1)
    assert (mine.made(trace(mine, "invoice")), ledger.asked) == (None, 1)


def test_an_order_with_a_write_is_looked_up(sessions: Sessions, ledger: LookingUp) -> None:
    first_used(sessions)
    before = claimed(sessions, ledger, purchased_at=BOUGHT)
    before.once(trace(before, "order").write(lambda: "7", HoldCode.ORDER_REFUSED))
    mine = claimed_again(sessions, ledger, before.order.id)
    assert (mine.made(trace(mine, "order")), ledger.asked) == ("7", 1)


@pytest.mark.parametrize("purchased_at", [BOUGHT - timedelta(days=7), None])
def test_a_write_that_a_restored_database_may_have_lost_is_looked_up(
    purchased_at: Any, sessions: Sessions, ledger: LookingUp
) -> None:
    first_used(sessions)
    mine = claimed(sessions, ledger, purchased_at=purchased_at)
    assert (mine.made(trace(mine, "order")), ledger.asked) == (None, 1)


def test_what_another_order_may_have_made_is_looked_up(
    sessions: Sessions, ledger: LookingUp
) -> None:
    first_used(sessions)
    mine, other = (claimed(sessions, ledger, purchased_at=BOUGHT) for _ in range(2))
    shared = mine.shop_trace("product", "sku", kind="product", find=lambda: None)
    other.once(shared.write(lambda: "9", HoldCode.PRODUCT_REFUSED))
    assert mine.made(shared) == "9"


def test_an_order_that_no_worker_claimed_is_looked_up(
    sessions: Sessions, ledger: LookingUp
) -> None:
    with sessions() as session:
        order = session.get_one(Order, stored(sessions, an_order(purchased_at=BOUGHT)))
    mine = OrderLedger(ledger, order, SHOP, LIMIT)
    assert (mine.made(trace(mine, "order")), ledger.asked) == (None, 1)
