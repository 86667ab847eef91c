"""A held order goes on by itself when its cause is gone: by the timer, without a person.

Against both stand-ins. Nothing but the cause is touched, so nothing but the timer brings it back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from pipeline.orders.tables import Order, Status
from sandbox.amazon.builders import a_line
from sandbox.amazon.builders import an_order as amazons_order
from tasks.engine.runtime import Runtime, build
from tasks.jobs.notifications import fetch_orders
from tasks.jobs.watch_shop import watch_shipments
from tests.builders import SHOP, settings
from tests.tasks.conftest import close
from tests.tasks.jobs.test_reconcile import NUMBERS, TRACK, World
from tests.tasks.jobs.test_reconcile import world as world

NAME = "fine"
NUMBER = NUMBERS[NAME]
TIMER = timedelta(seconds=settings().timing.recheck_held_s)
SKU = "LAMP-NEW"
NO = {"message": "no"}

Change = Callable[[World], Any]


def nothing(world: World) -> None:
    """The shop is as it should be."""


def stocked(world: World, **changes: Any) -> None:
    world.tell("magento", "products", **{"sku": SKU, "qty": 100, **changes})


def changed(**changes: Any) -> Change:
    return lambda world: world.tell("magento", f"products/{SKU}", **changes)


def refusing(remote: str, route: str, status: int = 400, body: Any = NO) -> Change:
    """A remote that refuses a call once, and takes the next one."""
    return lambda world: world.tell(
        remote, "faults", route=route, kind="status", status=status, body=body
    )


def configured(**settings: Any) -> Change:
    paths = {name.replace("__", "/"): value for name, value in settings.items()}
    return lambda world: world.tell("magento", "config", **paths)


@dataclass(frozen=True)
class Case:
    """What an order is held for, what makes it so, and what takes the cause away."""

    code: str
    cause: Change = nothing
    cure: Change = nothing
    order: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    total: str = ""
    has_product: bool = True


def with_settings(world: World, **marketplace: Any) -> Runtime:
    """The parts of a process that is started with other settings."""
    account = world.parts.settings.accounts["eu"]
    own = account.settings.model_copy(update=marketplace)
    loaded = world.parts.settings.model_copy(
        update={"accounts": {"eu": account.model_copy(update={"settings": own})}}
    )
    return build(loaded, world.clock)


CASES = {
    "the SKU appears": Case("sku_not_found", cure=stocked, has_product=False),
    "the product is enabled": Case("product_disabled", changed(status=2), changed(status=1)),
    "the product is a simple one": Case(
        "product_type",
        lambda world: stocked(world, type_id="configurable"),
        lambda world: stocked(world, type_id="simple"),
    ),
    "stock arrives": Case("out_of_stock", changed(qty=0), changed(qty=5)),
    "the shop gets a rate": Case(
        "currency", cure=configured(currency__rates={"USD": 1.1}), order={"currency": "USD"}
    ),
    "the shop takes the order": Case("order_refused", refusing("magento", "create_order")),
    "the shop takes the invoice": Case(
        "invoice_refused", refusing("magento", "invoice"), settings={"invoice": "create"}
    ),
    "the shop takes the customer": Case(
        "customer_refused",
        refusing("magento", "create_customer"),
        settings={"customers": "create", "welcome_mail": "accept"},
    ),
    "the shop answers a read": Case("remote_refused", refusing("magento", "products")),
}


def placed(world: World) -> None:
    """An order that waits for the warehouse."""
    world.tell("magento", "products", sku="MUG-BLUE", qty=100)
    world.place(NAME)
    world.clock.on(timedelta(minutes=3))
    world.poll()
    world.work()


def held(world: World, case: Case) -> Order:
    if case.has_product:
        stocked(world)
    case.cause(world)
    order = amazons_order(
        NUMBER, **{"lines": [a_line(SKU)], "created_at": world.clock.at, **case.order}
    )
    if case.total:
        order["proceeds"]["grandTotal"]["amount"] = case.total
    world.tell("amazon", "orders", order=order)
    world.clock.on(timedelta(minutes=3))
    world.poll()
    world.work()
    found = world.order(NAME)
    assert (found.status, found.hold_code) == (Status.HELD, case.code), found.last_note
    return found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_is_placed_once_its_cause_is_gone(world: World, case: Case) -> None:
    if case.settings:
        world.parts = with_settings(world, **case.settings)
    try:
        is_held = held(world, case)
        case.cure(world)
        assert is_held.due_at is not None
        world.clock.on(is_held.due_at - world.clock.at - timedelta(seconds=121))
        world.work()
        assert world.order(NAME).status == Status.HELD, "not before its time"
        world.clock.on(timedelta(seconds=1))
        world.work()
        order = world.order(NAME)
        assert (order.step, order.status) == ("ship_order", Status.WAITING), order.last_note
        assert order.hold_code is None
        assert len(world.tell("magento", "orders", "GET")) == 1
    finally:
        if case.settings:
            close(world.parts)


OTHERS = {
    "sku_not_found": (Case("sku_not_found", has_product=False), {"unknown_sku": "placeholder"}),
    "out_of_stock": (Case("out_of_stock", changed(qty=0)), {"out_of_stock": "backorder"}),
    # The shop refuses every call that names the store view.
    "store_unknown": (Case("remote_refused", settings={"magento_store": "nowhere"}), {}),
    "totals_unclear": (Case("totals_unclear", total="99.99"), {"unclear_totals": "import"}),
}


@pytest.mark.parametrize(("case", "others"), OTHERS.values(), ids=OTHERS)
def test_it_is_placed_once_the_settings_are_others(
    world: World, case: Case, others: dict[str, Any]
) -> None:
    first = world.parts
    world.parts = with_settings(world, **case.settings)
    held(world, case)
    close(world.parts)
    world.parts = first
    world.parts = with_settings(world, **others)
    world.clock.on(TIMER)
    world.work()
    order = world.order(NAME)
    close(world.parts)
    world.parts = first
    assert (order.step, order.status) == ("ship_order", Status.WAITING), order.last_note


def test_an_address_comes_with_the_role(world: World) -> None:
    world.tell("amazon", "accounts", account="main", pii=False)
    held(world, Case("address_unusable"))
    world.tell("amazon", "accounts", account="main", pii=True)
    world.clock.on(TIMER)
    world.work()
    # That look asked Amazon for it; what it tells wakes the order.
    fetch_orders(world._app, world.parts, "eu")
    world.work()
    order = world.order(NAME)
    assert (order.step, order.status) == ("ship_order", Status.WAITING), order.last_note


def test_a_confirmation_that_was_refused_is_taken_later(world: World) -> None:
    placed(world)
    world.tell("magento", "ship", entity_id=world.entity(NAME), tracks=[TRACK])
    errors = {"errors": [{"code": "InvalidInput", "message": "no"}]}
    refusing("amazon", "confirm_shipment", body=errors)(world)
    watch_shipments(world._app, world.parts, SHOP)
    world.work()
    order = world.order(NAME)
    assert (order.status, order.hold_code) == (Status.HELD, "confirmation_refused")
    world.clock.on(TIMER)
    world.work()
    assert world.order(NAME).status == Status.DONE


def test_a_parcel_is_confirmed_once_its_carrier_has_a_name(world: World) -> None:
    placed(world)
    nameless = {"carrier_code": "custom", "title": "", "track_number": "42"}
    world.tell("magento", "ship", entity_id=world.entity(NAME), tracks=[nameless])
    watch_shipments(world._app, world.parts, SHOP)
    world.work()
    assert world.order(NAME).hold_code == "carrier_unmapped"
    with world._shop.transaction() as db:
        db.execute("UPDATE shipments SET doc = json_set(doc, '$.tracks[0].title', 'Hermes')")
    watch_shipments(world._app, world.parts, SHOP)
    world.work()
    assert world.order(NAME).status == Status.DONE


def test_a_cancellation_is_made_once_the_shop_allows_it(world: World) -> None:
    placed(world)
    before = world.tell("magento", "orders", "GET")[0]
    world.in_shop(NAME, state="holded", status="holded")
    world.tell("amazon", f"orders/{NUMBER}/status", status="CANCELLED")
    world.clock.on(timedelta(minutes=3))
    world.poll()
    world.work()
    assert world.order(NAME).hold_code == "cancel_refused"
    world.in_shop(NAME, state=before["state"], status=before["status"])
    world.clock.on(TIMER)
    world.work()
    assert world.order(NAME).status == Status.CANCELLED
    assert [one["state"] for one in world.tell("magento", "orders", "GET")] == ["canceled"]
