"""Each guard of docs/reliability.md keeps something that is lost without it.

Every test plays a story twice: as it is, and with one guard taken out by a subclass that is passed
in. Without the guard the story has to end badly: a guard that guards nothing would be found here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm.attributes import set_committed_value

from pipeline.base.lease import Leases
from pipeline.base.vault import Vault
from pipeline.clients import Clients
from pipeline.orders.ledger import Ledger
from pipeline.orders.ledger_write import Answer, Made, Trace, Write
from pipeline.orders.machine import Claim, Orders
from pipeline.orders.outcome import Outcome
from pipeline.orders.tables import Order, Status
from sandbox.amazon.builders import a_line
from tasks.engine.runtime import Runtime
from tasks.workflow import WORKFLOW
from tests.system.matrix_dying import CARRIED_OUT, RECORDED, Death, chain, with_parts
from tests.system.matrix_stories import NUMBER, SKU, placed
from tests.system.matrix_world import World

STEP = "enrich_order"


class NoLease(Leases):
    """Lets everybody in."""

    @contextmanager
    def hold(self, name: str, token: str) -> Iterator[bool]:
        yield True


class NoVersionCheck(Orders):
    """Records whatever has happened meanwhile."""

    def record(
        self, claim: Claim, outcome: Outcome, *, now: datetime, request_id: str = ""
    ) -> bool:
        with self._sessions() as session:
            current = session.scalar(select(Order.version).where(Order.id == claim.order.id))
        set_committed_value(claim.order, "version", current)
        return super().record(claim, outcome, now=now, request_id=request_id)


class NoLookUp(Ledger):
    """Never sees what an earlier try has left at the remote."""

    def once(self, order_id: int, write: Write[Answer]) -> Made[Answer]:
        return super().once(order_id, replace(write, find=lambda: None, is_to_be_seen=False))

    def made(self, order_id: int, write: Trace) -> str | None:
        return super().made(order_id, replace(write, find=lambda: None))


class NoSweep(Orders):
    """Finds nothing due, ever."""

    def due(self, *_: Any, **__: Any) -> list[tuple[int, str]]:
        return []


@pytest.fixture
def at_work(world: World) -> World:
    """A world in which an order has just been placed."""
    world.begin(NUMBER)
    placed(a_line(SKU, 2))(world)
    return world


def orders_of(world: World, kind: type[Orders]) -> Orders:
    settings = world.settings
    return kind(world.sessions, Vault(*settings.master_keys), settings.timing)


def overtaken(world: World, slow: Runtime, *, lease_runs_out: bool) -> None:
    """While a worker is at the step, the same order's chain comes to another worker."""
    other = with_parts(world.a_process(), leases=slow.leases)
    order_id = world.news()
    for name in list(WORKFLOW)[: list(WORKFLOW).index(STEP)]:
        slow.runner.run(name, WORKFLOW[name][0], order_id, f"slow:{name}")

    def meanwhile(order: Order, clients: Clients) -> Outcome:
        outcome = WORKFLOW[STEP][0](order, clients)
        if lease_runs_out:
            world.outlive_leases()
        chain(other, order_id, "other")
        return outcome

    slow.runner.run(STEP, meanwhile, order_id, "slow")


@pytest.mark.parametrize(
    ("is_on", "runs"), [(True, ["done"]), (False, ["superseded", "done"])], ids=["on", "off"]
)
def test_the_lease_keeps_a_second_worker_off(at_work: World, is_on: bool, runs: list[str]) -> None:
    parts = at_work.parts
    if not is_on:
        parts = with_parts(parts, leases=NoLease(parts.broker, at_work.settings.timing.lease_s))
    overtaken(at_work, parts, lease_runs_out=False)
    assert at_work.attempts(STEP) == runs


@pytest.mark.parametrize(
    ("is_on", "stands_at", "runs"),
    [
        (True, ("ship_order", Status.WAITING), ["superseded", "done"]),
        # What the other worker had come to is overwritten.
        (False, ("create_customer", Status.READY), ["done", "done"]),
    ],
    ids=["on", "off"],
)
def test_the_version_keeps_a_run_that_was_overtaken_from_recording(
    at_work: World, is_on: bool, stands_at: tuple[str, str], runs: list[str]
) -> None:
    parts = at_work.parts
    if not is_on:
        parts = with_parts(parts, orders=orders_of(at_work, NoVersionCheck))
    overtaken(at_work, parts, lease_runs_out=True)
    order = at_work.order()
    assert (order.step, order.status) == stands_at
    assert at_work.attempts(STEP) == runs
    assert len(at_work.all_in_magento()) == 1


@pytest.mark.parametrize(("is_on", "count"), [(True, 1), (False, 2)], ids=["on", "off"])
def test_the_look_up_keeps_a_lost_answer_from_being_a_second_order(
    at_work: World, is_on: bool, count: int
) -> None:
    at_work.die(Death("order", CARRIED_OUT, at_work.armed))
    assert len(at_work.all_in_magento()) == 1
    if not is_on:
        ledger = NoLookUp(at_work.sessions, at_work.clock)
        at_work.parts = with_parts(at_work.parts, ledger=ledger)
    at_work.outlive_leases()
    at_work.settle()
    assert at_work.order().step == "ship_order"
    assert len(at_work.all_in_magento()) == count


def test_the_sweep_keeps_a_lost_message_from_being_a_lost_order(at_work: World) -> None:
    at_work.die(Death(STEP, RECORDED, at_work.armed))
    at_work.outlive_leases()
    sweeping = at_work.parts
    at_work.parts = with_parts(sweeping, orders=orders_of(at_work, NoSweep))
    with pytest.raises(AssertionError, match="no end: create_customer is ready"):
        at_work.settle()
    assert at_work.all_in_magento() == []

    at_work.parts = sweeping
    at_work.settle()
    order = at_work.order()
    assert (order.step, order.status) == ("ship_order", Status.WAITING)
    assert len(at_work.all_in_magento()) == 1
