"""A clerk's *Edit* of an order in the Magento admin, all the way, against both stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from celery import Celery
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from pipeline.operations.lists.explain import explain
from pipeline.operations.preview.replay import preview
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Order, OrderItem, Status
from tasks.jobs.reconcile import reconcile
from tasks.jobs.watch_shop import watch_confirmed
from tasks.workflow import WORKFLOW
from tests.builders import SHOP, a_vault
from tests.tasks.cancelling.test_cancelled_by_seller import NUMBER, Day, a_day


@pytest.fixture
def day(app: Celery, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Day]:
    with a_day(app, tmp_path, database_url, redis_url, invoice="leave") as day:
        yield day


def edit(day: Day, number: str | None = None, **changes: Any) -> str:
    """Edit the order of this number, or the one that was placed."""
    of = {"increment_id": number} if number else {"entity_id": day.in_magento()["entity_id"]}
    return str(day.tell("magento", "edit", **of, **changes)["increment_id"])


def shown(day: Day, number: str) -> Any:
    orders = requests.get(f"{day.url('magento')}/_control/orders", timeout=10).json()
    (order,) = [one for one in orders if one["increment_id"] == number]
    return order


def lines(day: Day) -> list[int | None]:
    with day.parts.sessions() as session:
        return list(session.scalars(select(OrderItem.magento_item_id)))


def is_held(order: Order, *words: str) -> None:
    assert (order.status, order.hold_code) == (Status.HELD, HoldCode.EDITED_IN_MAGENTO)
    assert order.hold_reason is not None
    for word in words:
        assert word in order.hold_reason
    assert (order.cancel_reason, order.cancellation) == (None, None)


def never_cancelled(day: Day) -> None:
    order = day.order()
    assert (order.cancel_reason, order.cancellation) == (None, None)
    day.feeds()
    assert day.at_amazon() == "UNSHIPPED"


def salable(day: Day) -> int:
    stock = requests.get(f"{day.url('magento')}/_control/stock/MUG-BLUE", timeout=10).json()
    return int(stock["salable"])


@pytest.mark.parametrize("keeps_numbers", [False, True])
def test_an_edited_order_is_followed_and_not_cancelled_on_amazon(
    day: Day, keeps_numbers: bool
) -> None:
    placed = day.work()
    number = edit(day, placed.magento_increment_id, keeps_numbers=keeps_numbers)
    order = day.work()
    assert (order.status, order.step, order.last_note) == (
        Status.WAITING,
        "ship_order",
        "waiting for the warehouse",
    )
    child = shown(day, number)
    assert (order.magento_increment_id, order.magento_order_id) == (number, child["entity_id"])
    assert lines(day) == [child["items"][0]["item_id"]]
    assert (order.magento_state, order.magento_status) == ("new", "pending")
    assert salable(day) == 98
    never_cancelled(day)


def test_the_parcel_of_the_edited_order_is_confirmed(day: Day) -> None:
    number = edit(day, day.work().magento_increment_id)
    day.work()
    track = {"carrier_code": "dhl", "title": "DHL", "track_number": "00340434161094000001"}
    items = [{"sku": "MUG-BLUE", "qty": 2}]
    day.tell("magento", "ship", increment_id=number, items=items, tracks=[track])
    day.work()
    assert day.order().status == Status.DONE
    assert day.at_amazon() == "SHIPPED"


def test_several_edits_in_a_row_are_followed_to_the_last(day: Day) -> None:
    number = edit(day, day.work().magento_increment_id)
    last = edit(day, number)
    assert day.work().magento_increment_id == last
    third = edit(day, last)
    assert day.work().magento_increment_id == third
    assert third.endswith("-3")
    never_cancelled(day)


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([{"sku": "MUG-BLUE", "qty": 1}], ("has 1 of MUG-BLUE, and Amazon sold 2",)),
        ([{"sku": "MUG-BLUE", "qty": 3}], ("has 3 of MUG-BLUE, and Amazon sold 2",)),
        ([], ("has 0 of MUG-BLUE, and Amazon sold 2",)),
        ([{"sku": "MUG-BLUE", "qty": 2, "price": 1}], ("comes to ", "Amazon's total is ")),
    ],
)
def test_an_edit_that_changes_the_sale_is_held_until_it_is_edited_back(
    day: Day, items: list[Any], words: tuple[str, ...]
) -> None:
    placed = day.work()
    price = shown(day, str(placed.magento_increment_id))["items"][0]["price"]
    number = edit(day, placed.magento_increment_id, items=items)
    is_held(day.work(), number, *words)
    watch_confirmed(day._app, day.parts, SHOP)
    never_cancelled(day)
    if not items:
        return
    back = [{"sku": "MUG-BLUE", "qty": 2, "price": price}]
    last = edit(day, number, items=back)
    order = looked_at(day)
    assert (order.magento_increment_id, order.step) == (last, "ship_order")
    assert order.status == Status.WAITING


def looked_at(day: Day) -> Order:
    """What the held order's timer brings."""
    day._clock.on(timedelta(minutes=20))
    order = day.order()
    step, _ = WORKFLOW[order.step]
    day.parts.runner.run(order.step, step, order.id, "a-task")
    return day.order()


def test_an_edit_that_is_gone_is_held(day: Day) -> None:
    placed = day.work()
    body = {
        "entity_id": placed.magento_order_id,
        "state": "canceled",
        "status": "canceled",
        "relation_child_id": "999",
        "relation_child_real_id": "000000001-1",
        "payment": {"method": "checkmo"},
    }
    day.call("PUT", "/orders/create", {"entity": body})
    is_held(day.work(), "000000001-1", "cannot be read")
    never_cancelled(day)


def test_an_order_edited_after_a_part_had_left_is_held(day: Day) -> None:
    placed = day.work()
    items = [{"sku": "MUG-BLUE", "qty": 1}]
    day.tell("magento", "ship", increment_id=placed.magento_increment_id, items=items)
    edit(day, placed.magento_increment_id)
    is_held(day.work(), "after a part of it was shipped")
    assert day.at_amazon() == "UNSHIPPED"


def test_a_real_cancellation_of_the_edited_order_goes_to_amazon(day: Day) -> None:
    number = edit(day, day.work().magento_increment_id)
    day.work()
    day.tell("magento", "cancel", increment_id=number)
    assert day.work().cancellation == "asked"
    day.feeds()
    assert day.at_amazon() == "CANCELLED"
    assert day.work().status == Status.CANCELLED


@pytest.mark.parametrize("is_seen_before", [True, False])
def test_a_cancellation_on_amazon_cancels_the_edited_order(day: Day, is_seen_before: bool) -> None:
    number = edit(day, day.work().magento_increment_id)
    if is_seen_before:
        day.work()
    day.tell("amazon", f"orders/{NUMBER}/status", status="CANCELLED")
    day._clock.on(timedelta(minutes=10))
    assert day.work().status == Status.CANCELLED
    assert shown(day, number)["state"] == "canceled"
    assert salable(day) == 100


def test_comparison_replay_and_explain_tell_of_the_edit(day: Day) -> None:
    placed = day.work()
    number = edit(day, placed.magento_increment_id)
    reconcile(day.parts)
    never_cancelled(day)
    day.work()
    loaded = selectinload(Order.items), selectinload(Order.shipments)
    with day.parts.sessions() as session:
        order = session.scalars(select(Order).options(*loaded)).one()
    assert order.magento_increment_id == number
    steps = {name: step for name, (step, _) in WORKFLOW.items()}
    parts = day.parts
    previewed = preview(parts.sessions, a_vault(), parts.clients, steps, order.id, "ship_order")
    assert [one.end for one in previewed] == ["would wait: waiting for the warehouse"]
    explanation = explain(parts.sessions, parts.settings, order)
    assert explanation.facts["in Magento"] == f"as {number}"
    assert str(placed.magento_order_id) in explanation.facts["edited in Magento"]
