"""Orders called cancelled that the shop still has paid or open: the daily comparison finds them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from pipeline.orders.tables import Effect, EffectState, Status
from tests.tasks.jobs.test_reconcile import NUMBERS, World, world

__all__ = ["world"]
NAME = "cancelled_there"


def cancelled(world: World) -> World:
    """An order that was cancelled on all sides."""
    world.tell("magento", "products", sku="MUG-BLUE", qty=100)
    world.place(NAME)
    world.clock.on(timedelta(minutes=3))
    world.poll()
    world.work()
    world.tell("amazon", f"orders/{NUMBERS[NAME]}/status", status="CANCELLED")
    world.clock.on(timedelta(minutes=3))
    world.poll()
    world.work()
    assert world.order(NAME).status == Status.CANCELLED
    return world


def unproven(world: World) -> None:
    with world.parts.sessions() as session, session.begin():
        session.execute(
            update(Effect)
            .where(Effect.kind == "cancellation")
            .values(state=EffectState.DONE, remote_id="")
        )


def effect(world: World) -> tuple[str, str | None]:
    with world.parts.sessions() as session:
        row = session.query(Effect).filter(Effect.kind == "cancellation").one()
        return row.state, row.remote_id


def state(world: World) -> str:
    there = world.tell("magento", "orders", "GET")
    return str(there[0]["state"])


def test_one_that_is_open_in_the_shop_is_cancelled_after_all(world: World) -> None:
    once = cancelled(world)
    unproven(once)
    once.in_shop(NAME, state="new", status="pending")
    once.clock.on(timedelta(days=9))  # long past every period that Amazon is asked about
    assert once.reconcile() == {NAME: ("cancelled on one side", "retried")}
    assert once.order(NAME).status == Status.READY
    once.work()
    assert once.order(NAME).status in (Status.CANCELLED, Status.HELD)


def test_one_that_is_over_in_the_shop_is_looked_at_once(world: World) -> None:
    once = cancelled(world)
    unproven(once)
    once.clock.on(timedelta(days=9))
    assert once.reconcile() == {}
    assert effect(once)[0] == EffectState.REFUSED
    before = once.tell("amazon", "calls", "GET")
    assert once.reconcile() == {}
    after = once.tell("amazon", "calls", "GET")
    assert after.get("get_order") == before.get("get_order")


@pytest.mark.parametrize("paid", [10, 0])
def test_one_with_money_left_in_the_shop_is_held_with_both_sums(world: World, paid: int) -> None:
    once = cancelled(world)
    once.in_shop(NAME, total_paid=paid, base_total_paid=paid, total_refunded=2.5)
    assert once.reconcile() == {NAME: ("cancelled on one side", "held")}
    order = once.order(NAME)
    assert order.hold_code == "cancelled_on_one_side"
    assert order.hold_reason is not None
    assert f"{paid}.00 EUR paid and 2.50 refunded; refund the difference there" in (
        order.hold_reason
    )
