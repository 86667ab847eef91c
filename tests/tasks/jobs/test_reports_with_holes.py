"""An order that Amazon tells with a hole, and whole later without calling that a change, goes on.

The whole way: Amazon's stand-in over HTTP, the poll, the steps on the real ledger, the shop.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from pipeline.intake.backfills import Backfills
from pipeline.intake.tables import ToFetch
from pipeline.orders.tables import Order, Status
from tasks.jobs.notifications import fetch_orders
from tasks.jobs.reconcile import reconcile
from tests.builders import ACCOUNT, GERMANY
from tests.cases import case
from tests.tasks.jobs.test_reconcile import World
from tests.tasks.jobs.test_reconcile import world as world

TOLD_AT = "2026-11-28T09:00:00+00:00"
LATER = timedelta(minutes=3)
HELD_FOR = timedelta(minutes=20)


def _case(world: World, name: str) -> Any:
    return case(name, TOLD_AT, world.clock.at)


def whole(world: World) -> dict[str, Any]:
    (order,) = _case(world, "B1-items-null-then-whole.json")["every_later_reply"]["orders"]
    assert isinstance(order, dict)
    return order


def _first_reply(world: World) -> Any:
    (order,) = _case(world, "B1-items-null-then-whole.json")["first_search_reply"]["orders"]
    return order


def _of_file(name: str) -> Callable[[World], Any]:
    return lambda world: _case(world, name)["order"]


def _without(*path: str | int) -> Callable[[World], Any]:
    def told(world: World) -> Any:
        order = copy.deepcopy(whole(world))
        inner: Any = order
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]
        return order

    return told


HOLES: dict[str, Callable[[World], Any]] = {
    "B1, items null": _first_reply,
    "B2, no amounts": _of_file("B2-no-amounts.json"),
    "B3, no fulfilment": _of_file("B3-no-fulfillment.json"),
    "B4, no SKU": _of_file("B4-no-sku.json"),
    "no address": _without("recipient"),
    "no status": _without("fulfillment", "fulfillmentStatus"),
    "nobody's fulfilment": _without("fulfillment", "fulfilledBy"),
    "no country": _without("recipient", "deliveryAddress", "countryCode"),
    "an item without its id": _without("orderItems", 0, "orderItemId"),
    "an item without its quantity": _without("orderItems", 0, "quantityOrdered"),
}


def fetch(world: World) -> None:
    fetch_orders(world._app, world.parts, ACCOUNT)


def soon(world: World) -> None:
    """Nobody does anything; the first fetch after a minute asks."""
    world.clock.on(timedelta(minutes=1))
    fetch(world)


def by_timer(world: World) -> None:
    order = the_order(world)
    assert order.due_at is not None
    world.clock.on(max(order.due_at - world.clock.at, timedelta(0)))
    world.work()
    fetch(world)


def by_release(world: World) -> None:
    assert world.parts.orders.release(the_order(world).id, author="anna", now=world.clock.at)
    world.work()
    fetch(world)


def by_backfill(world: World) -> None:
    backfills = Backfills(world.parts.sessions)
    number = the_order(world).external_id
    backfills.start_ids(ACCOUNT, [number], author="anna", now=world.clock.at)
    fetch(world)


def by_reconcile(world: World) -> None:
    world.clock.on(timedelta(days=1))
    reconcile(world.parts)


WAYS = (soon, by_timer, by_release, by_backfill, by_reconcile)


def the_order(world: World) -> Order:
    with world.parts.sessions() as session:
        return session.scalars(select(Order)).one()


def told_with_a_hole(world: World, hole: Any, order: dict[str, Any]) -> None:
    world.tell("magento", "products", sku="SKU-1", qty=100)
    world.tell("amazon", "orders", order=order)
    world.tell("amazon", f"orders/{order['orderId']}/told", **{"as": hole})
    world.clock.on(LATER)
    world.poll()
    world.work()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", HOLES)
def test_it_goes_on_as_soon_as_amazon_tells_it_whole(
    world: World, name: str, way: Callable[[World], None]
) -> None:
    order = whole(world)
    told_with_a_hole(world, HOLES[name](world), order)
    held = the_order(world)
    assert (held.status, held.magento_order_id) == (Status.HELD, None), held.last_note
    world.tell("amazon", f"orders/{order['orderId']}/told", "DELETE")
    way(world)
    world.work()
    now = the_order(world)
    assert (now.step, now.status) == ("ship_order", Status.WAITING), now.last_note
    (placed,) = world.tell("magento", "orders", "GET")
    assert placed["ext_order_id"] == order["orderId"]
    assert float(placed["grand_total"]) == 10.0


@pytest.mark.parametrize("path", [("salesChannel", "marketplaceId"), ("salesChannel",)])
def test_its_marketplace_is_asked_for_and_taken_in_although_it_is_placed(
    world: World, path: tuple[str, ...]
) -> None:
    order = whole(world)
    told_with_a_hole(world, _without(*path)(world), order)
    assert the_order(world).marketplace_id == ""
    world.tell("amazon", f"orders/{order['orderId']}/told", "DELETE")
    world.clock.on(timedelta(minutes=1))
    fetch(world)
    world.work()
    now = the_order(world)
    assert (now.marketplace_id, now.status) == (GERMANY, Status.WAITING), now.last_note
    assert len(world.tell("magento", "orders", "GET")) == 1


def test_amazon_is_asked_a_minute_after_the_first_hold_and_then_at_each_look(world: World) -> None:
    order = whole(world)
    told_with_a_hole(world, HOLES["B2, no amounts"](world), order)

    def asked() -> int:
        return sum(world.tell("amazon", "calls", "GET").get("get_order", {}).values())

    def wanted() -> int:
        with world.parts.sessions() as session:
            return session.scalars(select(func.count()).select_from(ToFetch)).one()

    assert (asked(), wanted()) == (0, 1)
    fetch(world)
    assert asked() == 0, "what Amazon completes, it has not completed in the same second"
    world.clock.on(timedelta(minutes=1))
    for _ in range(5):
        fetch(world)
        world.work()
    assert (asked(), wanted()) == (1, 0), "the same words again are no news"
    due_at = the_order(world).due_at
    assert due_at is not None
    world.clock.on(due_at - world.clock.at)
    world.work()
    fetch(world)
    assert asked() == 2
