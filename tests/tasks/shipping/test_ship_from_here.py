"""An order that a person ships from here, all the way, against both stand-ins."""

from __future__ import annotations

from typing import Any

from pipeline.operations.acts.ship import Parcel, ShipmentRequests, requested_of
from pipeline.operations.preview.replay import preview
from pipeline.orders.tables import Order, Status
from tasks.command import steps
from tests.builders import ACCOUNT, SHOP, a_vault
from tests.tasks.jobs.test_reconcile import NUMBERS, World, differ
from tests.tasks.jobs.test_reconcile import world as world


def asked(world: World) -> Order:
    """An order that waits for the warehouse, and is asked for to be shipped."""
    differ(world, "fine")
    order = world.order("fine")
    ShipmentRequests(world.parts.sessions, world.parts.vault, "otto", world.clock.at).ask(
        order.id, Parcel("dhl", "0034")
    )
    return order


def shipped(world: World) -> list[dict[str, Any]]:
    """What the shop has as shipped."""
    shop, entity_id = world.parts.clients.shops[SHOP], world.entity("fine")
    return [
        {"units": [int(quantity) for quantity in shipment.items.values()], "numbers": numbers}
        for shipment in shop.shipments.of_orders([entity_id])
        for numbers in [
            [(track.carrier_code, track.title, track.number) for track in shipment.tracks]
        ]
    ]


def stands(world: World) -> tuple[str, str, str | None]:
    order = world.order("fine")
    wish = requested_of(world.parts.sessions, order.id)[0]
    return order.step, wish.state, order.hold_code


def told_amazon(world: World) -> list[str]:
    channel = world.parts.clients.channels[ACCOUNT]
    return [
        package.tracking_number
        for package in channel.parse(channel.order(NUMBERS["fine"])).packages
    ]


def test_it_is_shipped_in_the_shop_without_a_mail_and_told_to_amazon(world: World) -> None:
    asked(world)
    assert shipped(world) == []
    world.work()
    assert shipped(world) == [{"units": [1], "numbers": [("dhl", "DHL", "0034")]}]
    assert world.tell("magento", "mails", "GET") == []
    assert stands(world) == ("ship_order", "done", None)
    world.watch()
    world.work()
    assert (world.order("fine").status, told_amazon(world)) == (Status.DONE, ["0034"])


def test_what_the_source_lacks_holds_it_until_it_is_restocked(world: World) -> None:
    order = asked(world)
    world.tell("magento", "products", sku="MUG-BLUE", qty=0)
    world.work()
    assert stands(world) == ("ship_order", "refused", "shipment_refused")
    assert shipped(world) == []
    world.tell("magento", "products", sku="MUG-BLUE", qty=5)
    assert world.parts.orders.release(order.id, author="otto", now=world.clock.at)
    world.work()
    assert stands(world) == ("ship_order", "done", None)
    assert len(shipped(world)) == 1


def test_a_preview_tells_of_it_and_ships_nothing(world: World) -> None:
    order = asked(world)
    parts = world.parts
    (told,) = preview(parts.sessions, a_vault(), parts.clients, steps(), order.id, "ship_order")
    assert [(call.what, call.verdict) for call in told.calls] == [("shipment", "would be made")]
    assert shipped(world) == []
    assert stands(world) == ("ship_order", "open", None)
