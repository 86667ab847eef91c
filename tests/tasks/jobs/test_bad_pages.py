"""Pages that lead nowhere and orders told badly, from Amazon's stand-in over HTTP: the poll, gaps,
backfills and the comparison end what goes in circles, tell it, and lose no order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.intake.backfills import Backfills
from pipeline.intake.tables import Gap, ToFetch, Watermark
from pipeline.monitoring.account_checks import cursor_name
from pipeline.monitoring.reconcile.tables import Reconciliation
from pipeline.orders.tables import Order
from sandbox.amazon.builders import a_line
from sandbox.amazon.builders import an_order as amazons_order
from tasks.jobs.backfills import run_backfills
from tasks.jobs.notifications import fetch_orders
from tasks.jobs.reconcile import reconcile
from tasks.jobs.search_and_sweep import poll_amazon
from tests.builders import ACCOUNT
from tests.tasks.jobs.test_reconcile import NUMBERS, World
from tests.tasks.jobs.test_reconcile import world as world

GOOD, BAD = NUMBERS["fine"], NUMBERS["totals"]
HOUR = timedelta(hours=1)
# Searches have these bounds in their addresses, and the poll has none.
GAP = "lastUpdatedBefore"


def poll(world: World) -> None:
    poll_amazon(world._app, world.parts, ACCOUNT)


def gap(world: World) -> None:
    """The poll, with a stretch left to be searched."""
    with world.parts.sessions() as session, session.begin():
        if session.scalar(select(Gap)) is None:
            since, until = world.clock.at - 2 * HOUR, world.clock.at - timedelta(minutes=2)
            session.add(Gap(account=ACCOUNT, from_at=since, until_at=until))
    poll(world)


def backfill(world: World) -> None:
    backfills = Backfills(world.parts.sessions)
    now = world.clock.at
    if not backfills.latest(1):
        before = now - timedelta(minutes=2)
        backfills.start_period(ACCOUNT, now - HOUR, before, author="anna", now=now)
    run_backfills(world._app, world.parts)


def compare(world: World) -> None:
    reconcile(world.parts)


WAYS: dict[str, tuple[Callable[[World], None], str, str]] = {
    "poll": (poll, "", cursor_name(ACCOUNT)),
    "gap": (gap, GAP, f"gap:{ACCOUNT}"),
    "backfill": (backfill, "createdAfter", f"backfill:{ACCOUNT}"),
    "reconcile": (compare, GAP, f"reconcile:{ACCOUNT}"),
}


def placed(world: World, *numbers: str) -> None:
    for number in numbers:
        order = amazons_order(number, lines=[a_line("MUG-BLUE")], created_at=world.clock.at)
        world.tell("amazon", "orders", order=order)
    world.clock.on(timedelta(minutes=5))


def told(world: World) -> list[str]:
    return [incident.key for incident in world.parts.incidents.all_open(ACCOUNT)]


def numbers(world: World) -> list[str]:
    with world.parts.sessions() as session:
        return sorted(session.scalars(select(Order.external_id)))


def watermark(world: World) -> Any:
    with world.parts.sessions() as session:
        return session.get_one(Watermark, cursor_name(ACCOUNT)).position


def ready(world: World, name: str) -> None:
    """The comparison is of orders that changed some time ago."""
    if name == "reconcile":
        world.clock.on(timedelta(hours=3))


def tell_badly(world: World, number: str, told: Any) -> None:
    world.tell("amazon", f"orders/{number}/told", **{"as": told})


@pytest.mark.parametrize("kind", ["same_token", "empty"])
@pytest.mark.parametrize("name", WAYS)
def test_a_search_that_leads_nowhere_ends_is_told_and_begins_anew(
    world: World, name: str, kind: str
) -> None:
    way, contains, search = WAYS[name]
    placed(world, GOOD)
    ready(world, name)
    spoiling: dict[str, Any] = {"kind": kind, "contains": contains, "times": 999}
    world.tell("amazon", "pages", **spoiling)
    # Each page costs a token, of which there are few.
    for _ in range(30):
        way(world)
        if told(world):
            break
        world.clock.on(HOUR / 2)
    assert told(world) == [f"stalled:{search}"]
    with world.parts.sessions() as session:
        assert set(session.scalars(select(Gap.page_token))) <= {None}
        assert set(session.scalars(select(Reconciliation.page_token))) <= {None}
        assert set(session.scalars(select(Watermark.page_token))) <= {None}
    world.tell("amazon", "pages", "DELETE")
    world.clock.on(HOUR)
    way(world)
    assert told(world) == []
    assert numbers(world) == [GOOD]


BADLY: dict[str, Callable[[dict[str, Any]], Any]] = {
    "times of a wrong type": lambda order: {**order, "lastUpdatedTime": 7, "createdTime": []},
    "a time of no calendar": lambda order: {**order, "lastUpdatedTime": "2026-13-45T99:00:00Z"},
    "its number alone": lambda order: {"orderId": order["orderId"]},
}


@pytest.mark.parametrize("how", BADLY)
@pytest.mark.parametrize("name", WAYS)
def test_one_bad_order_is_set_aside_and_read_again(world: World, name: str, how: str) -> None:
    way, _, _ = WAYS[name]
    placed(world, GOOD, BAD)
    whole = world.tell("amazon", f"orders/{BAD}", "GET")["order"]
    tell_badly(world, BAD, BADLY[how](whole))
    ready(world, name)
    way(world)
    assert numbers(world) == [GOOD]
    assert told(world) == [f"unreadable:{ACCOUNT}:{BAD}"]
    with world.parts.sessions() as session:
        assert session.scalars(select(ToFetch.external_id)).all() == [BAD]
    world.tell("amazon", f"orders/{BAD}/told", "DELETE")
    fetch_orders(world._app, world.parts, ACCOUNT)
    assert numbers(world) == [GOOD, BAD]
    assert told(world) == []


NAMELESS: dict[str, Any] = {
    "no number": {"orderItems": []},
    "a number that is none": {"orderId": 7},
    "no object": ["orderId"],
    "nothing": None,
}


@pytest.mark.parametrize("how", NAMELESS)
def test_an_order_without_a_number_is_found_when_its_time_is_searched_again(
    world: World, how: str
) -> None:
    placed(world, GOOD, BAD)
    tell_badly(world, BAD, NAMELESS[how])
    poll(world)
    assert numbers(world) == [GOOD]
    assert told(world) == [f"nameless:{ACCOUNT}"]
    passed = watermark(world)
    assert passed > world.clock.at - HOUR, "the others are not held back"
    for _ in range(3):
        world.clock.on(HOUR)
        poll(world)
    assert told(world) == [f"nameless:{ACCOUNT}"], "a clean page of another time says nothing"
    with world.parts.sessions() as session:
        (kept,) = session.scalars(select(Gap)).all()
    assert (kept.tries, kept.until_at >= passed - timedelta(minutes=5)) == (4, True)
    world.tell("amazon", f"orders/{BAD}/told", "DELETE")
    world.clock.on(timedelta(days=1))
    poll(world)
    assert numbers(world) == [GOOD, BAD]
    assert told(world) == []
    with world.parts.sessions() as session:
        assert session.scalars(select(Gap)).all() == []


@pytest.mark.parametrize("name", ["backfill", "reconcile"])
def test_an_order_without_a_number_is_told_by_whoever_searched(world: World, name: str) -> None:
    way, _, search = WAYS[name]
    placed(world, GOOD, BAD)
    tell_badly(world, BAD, NAMELESS["no number"])
    ready(world, name)
    way(world)
    assert numbers(world) == [GOOD]
    assert told(world) == [f"nameless:{search}"]


def test_reconcile_stores_what_amazon_tells_of_held_orders(world: World) -> None:
    placed(world, GOOD)
    whole = world.tell("amazon", f"orders/{GOOD}", "GET")["order"]
    tell_badly(world, GOOD, {**whole, "orderItems": None})
    poll(world)
    world.work()
    assert world.order("fine").hold_code == "unreadable_order"
    world.tell("magento", "products", sku="MUG-BLUE", qty=100)
    world.tell("amazon", f"orders/{GOOD}/told", "DELETE")
    world.clock.on(timedelta(days=1))
    compare(world)
    world.work()
    assert world.order("fine").magento_order_id is not None
