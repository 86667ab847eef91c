"""A setting that an operator turns counts for the orders under way, without a restart."""

from __future__ import annotations

from datetime import timedelta

from pipeline.operations.lists.explain import explain
from pipeline.orders.tables import Status
from pipeline.settings.overrides import SettingOverride, save
from tests.builders import loaded, signed
from tests.tasks.conftest import close
from tests.tasks.jobs.test_reconcile import World
from tests.tasks.jobs.test_reconcile import world as world
from tests.tasks.test_held_goes_on import NAME, TIMER, Case, changed, held, with_settings


def test_an_order_out_of_stock_is_placed_once_that_is_turned(world: World) -> None:
    order = held(world, Case("out_of_stock", changed(qty=0)))
    turn = SettingOverride("eu", order.marketplace_id, "out_of_stock", "backorder")
    now = world.clock.at
    save(world.parts.sessions, turn, why="the supplier delivers", by=signed(at=now))
    first = world.parts
    world.parts = with_settings(world)  # another process, which has read nothing yet
    try:
        world.clock.on(TIMER)
        world.work()
        order = world.order(NAME)
        assert (order.step, order.status) == ("ship_order", Status.WAITING), order.last_note
        told = explain(first.sessions, first.settings, loaded(first.sessions, order.id))
    finally:
        close(world.parts)
        world.parts = first
    [counted] = [setting for setting in told.settings if setting.name == "out_of_stock"]
    assert counted.value == "backorder"
    assert counted.origin == f"overridden by anna on {now:%Y-%m-%d %H:%M} UTC"


def test_it_ends_when_it_is_taken_back(world: World) -> None:
    place = SettingOverride("eu", None, "out_of_stock", "backorder")
    now = world.clock.at
    save(world.parts.sessions, place, why="so", by=signed(at=now))
    save(
        world.parts.sessions,
        SettingOverride("eu", None, "out_of_stock", None),
        why="no more",
        by=signed(at=now + timedelta(seconds=1)),
    )
    order = held(world, Case("out_of_stock", changed(qty=0)))
    assert world.parts.clients.marketplace(order).out_of_stock == "block"
