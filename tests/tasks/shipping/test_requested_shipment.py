"""Steps 6 and 7 with a shipment that a person asked for here."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline.base.errors import OutcomeUnknown, Rejected
from pipeline.magento.records import MagentoShipment, Track
from pipeline.orders.outcome import Done, Hold, HoldCode, Skipped, Wait
from pipeline.orders.requested_shipment import RequestedShipment, requested_shipment_key
from pipeline.orders.tables import Order
from tasks.cancelling.stop_check import stopped
from tests.builders import ACCOUNT, a_raw_order, a_shipment, an_item, an_order
from tests.tasks.as_run import ship_order, sync_tracking
from tests.tasks.fakes import FakeChannel, FakeShop, InTurn, clients
from tests.tasks.ledgers import SeededLedger

AN_HOUR = timedelta(hours=1)
NUMBER = "00340434161094000001"
NO_STOCK = Rejected("Could not save a shipment, see error log for details", code="refused")
MADE = Wait("shipped as 72; the next watch of the shop reads the shipment", AN_HOUR)
FOR_GOODS = Wait("waiting for the warehouse", AN_HOUR)


def wished(state: str = "open", **changes: Any) -> Order:
    """An order of two mugs that somebody asked to ship with UPS."""
    facts: dict[str, Any] = {
        "magento_order_id": 900,
        "magento_state": "processing",
        "items": [an_item(magento_item_id=501)],
    }
    order = an_order(raw=a_raw_order(), **{**facts, **changes})
    order.requested_shipments = [RequestedShipment(7, "ups", "UPS", "1Z 9", state)]
    return order


def there(entity_id: int = 71, quantity: int = 1, number: str = NUMBER) -> MagentoShipment:
    """A shipment that Magento has."""
    return MagentoShipment(
        entity_id,
        900,
        items={501: Decimal(quantity)},
        tracks=(Track(5, "dhl", "DHL", number),),
    )


def asked(quantity: int) -> tuple[Any, ...]:
    return "ship", 900, {501: quantity}, "ups", "UPS", "1Z 9"


def stands(order: Order) -> tuple[str, str, int | None]:
    (requested,) = order.requested_shipments
    return requested.state, requested.why, requested.magento_shipment_id


def key(order: Order) -> str:
    return requested_shipment_key(ACCOUNT, order.external_id, 7)


@pytest.mark.parametrize(
    ("before", "known", "quantity"),
    [
        pytest.param(0, [], 2, id="all"),
        pytest.param(1, [], 1, id="all but what had left before"),
        pytest.param(0, [there()], 1, id="all but what the watch has not seen yet"),
    ],
)
def test_all_that_is_left_is_shipped_once(
    before: int, known: list[MagentoShipment], quantity: int
) -> None:
    item = an_item(magento_item_id=501, quantity_fulfilled_before=before)
    order, shop, ledger = wished(items=[item]), FakeShop(shipments=known, ship="72"), SeededLedger()
    assert ship_order(order, clients(shop=shop, ledger=ledger)) == MADE
    assert shop.calls == [("shipments", [900]), asked(quantity)]
    assert stands(order) == ("done", "", 72)
    assert ledger.done == {key(order): "72"}
    assert ship_order(order, clients(shop=FakeShop(), ledger=ledger)) == MADE


@pytest.mark.parametrize("begun", [False, True])
def test_a_shipment_under_that_number_is_adopted(begun: bool) -> None:
    order, shop = wished(), FakeShop(shipments=[there(72, 2, "1z9")])
    ledger = SeededLedger(begun=[key(order)] if begun else [])
    assert ship_order(order, clients(shop=shop, ledger=ledger)) == MADE
    assert shop.calls == [("shipments", [900])]
    assert stands(order) == ("done", "", 72)
    assert ledger.done == ({key(order): "72"} if begun else {})


def test_what_the_warehouse_has_shipped_meanwhile_is_not_shipped_again() -> None:
    order, shop = wished(), FakeShop(shipments=[there(71, 2)])
    assert ship_order(order, clients(shop=shop)) == FOR_GOODS
    assert shop.calls == [("shipments", [900])]
    assert stands(order) == ("ended", "all of it is shipped in Magento already", None)


def test_a_refused_shipment_holds_the_order_and_is_tried_again() -> None:
    order = wished()
    outcome = ship_order(order, clients(shop=FakeShop(shipments=[], ship=NO_STOCK)))
    refusal = "the shipment was refused: Could not save a shipment, see error log for details"
    assert outcome == Hold(
        HoldCode.SHIPMENT_REFUSED,
        f"{refusal}; correct what Magento names, most often the stock of its source, and the "
        "shipment is retried, or take it back with "
        f"`orderbridge orders ship {order.external_id} --withdraw`",
        {"code": "refused", "request_id": ""},
    )
    assert stands(order) == ("refused", refusal, None)
    assert ship_order(order, clients(shop=FakeShop(shipments=[], ship="72"))) == MADE
    assert stands(order) == ("done", "", 72)


def test_a_shipment_without_an_answer_stays_asked_for() -> None:
    order = wished()
    lost = clients(shop=FakeShop(shipments=[], ship=OutcomeUnknown("no answer")))
    with pytest.raises(OutcomeUnknown):
        ship_order(order, lost)
    assert stands(order) == ("open", "", None)


@pytest.mark.parametrize("state", ["done", "ended"])
def test_what_is_over_is_not_looked_at(state: str) -> None:
    assert ship_order(wished(state), clients()) == FOR_GOODS


def test_an_order_on_hold_in_magento_is_not_shipped() -> None:
    order = wished(magento_state="holded")
    assert isinstance(ship_order(order, clients()), Wait)
    assert stands(order) == ("open", "", None)


def test_the_rest_is_shipped_while_the_first_package_is_told() -> None:
    order = wished(shipments=[a_shipment(items={501: 1})])
    channel = FakeChannel(order=order.report.raw, confirm_shipment=None)
    shop = FakeShop(shipments=[there()], ship="72")
    assert sync_tracking(order, clients(channel, shop)) == Wait("units left to ship: 1", AN_HOUR)
    assert shop.calls == [("shipments", [900]), asked(1)]
    assert [call[0] for call in channel.calls] == ["order", "confirm_shipment"]
    assert stands(order) == ("done", "", 72)


def test_a_refusal_of_the_rest_holds_once_the_first_package_is_told() -> None:
    order = wished(shipments=[a_shipment(items={501: 1})])
    channel = FakeChannel(order=order.report.raw, confirm_shipment=None)
    outcome = sync_tracking(order, clients(channel, FakeShop(shipments=[there()], ship=NO_STOCK)))
    assert isinstance(outcome, Hold)
    assert outcome.code == HoldCode.SHIPMENT_REFUSED
    assert order.shipments[0].confirmation == "accepted"
    assert stands(order)[0] == "refused"


def test_what_amazon_has_as_shipped_is_not_shipped() -> None:
    order = wished(remote_status="SHIPPED")
    assert isinstance(ship_order(order, clients()), Skipped)
    assert stands(order) == ("ended", "Amazon shows it as shipped", None)


def test_the_rest_of_what_amazon_has_as_shipped_is_not_shipped() -> None:
    package = a_shipment(items={501: 1})
    order = wished(remote_status="SHIPPED", shipments=[package])
    assert ship_order(order, clients()) == Done()
    assert stands(order) == ("ended", "the order is SHIPPED on Amazon by now", None)


@pytest.mark.parametrize("state", ["open", "refused"])
@pytest.mark.parametrize("begun", [False, True])
def test_a_cancelled_order_keeps_no_wish_open(state: str, begun: bool) -> None:
    package = a_shipment(items={501: 1})
    order = wished(state, remote_status="CANCELLED", shipments=[package])
    order.cancel_reason = "NoInventory"
    ledger = SeededLedger(
        done={f"order:{ACCOUNT}:{order.external_id}": "900"}, begun=[key(order)] if begun else []
    )
    outcome = stopped(order, clients(shop=FakeShop(shipments=[there()]), ledger=ledger))
    assert isinstance(outcome, Hold)
    assert outcome.code == HoldCode.CANCELLED_AFTER_SHIPMENT
    assert stands(order) == ("ended", "cancelled on Amazon meanwhile", None)
    assert ledger.begun == set()


def test_what_was_shipped_before_amazon_cancelled_has_come_true() -> None:
    package = a_shipment(items={501: 1})
    order = wished(remote_status="CANCELLED", shipments=[package])
    ledger = SeededLedger(done={f"order:{ACCOUNT}:{order.external_id}": "900"}, begun=[key(order)])
    shop = FakeShop(shipments=[there(), there(72, 1, "1Z9")])
    assert isinstance(stopped(order, clients(shop=shop, ledger=ledger)), Hold)
    assert stands(order) == ("done", "", 72)


def in_two(**changes: Any) -> Order:
    """An order of two mugs and a cup that goes into two parcels, a mug in each."""
    items = [
        an_item(magento_item_id=501),
        an_item(magento_item_id=502, external_item_id="I2", sku="CUP", quantity=1),
    ]
    order = wished(**{"items": items, **changes})
    order.requested_shipments = [
        RequestedShipment(7, "ups", "UPS", "1Z 9", units={"I1": 1}),
        RequestedShipment(8, "dhl", "DHL", "0034", units={"I1": 1, "I2": 1}),
    ]
    return order


def states(order: Order) -> list[tuple[str, int | None]]:
    return [(each.state, each.magento_shipment_id) for each in order.requested_shipments]


FIRST = ("ship", 900, {501: 1}, "ups", "UPS", "1Z 9")
SECOND = ("ship", 900, {501: 1, 502: 1}, "dhl", "DHL", "0034")


def test_each_parcel_is_made_with_its_units() -> None:
    order, shop = in_two(), FakeShop(shipments=[], ship="72")
    assert ship_order(order, clients(shop=shop)) == Wait(
        "shipped as 72, 72; the next watch of the shop reads the shipment", AN_HOUR
    )
    assert shop.calls == [("shipments", [900]), FIRST, SECOND]
    assert states(order) == [("done", 72), ("done", 72)]


def test_a_parcel_that_the_shop_has_already_is_not_made_again() -> None:
    order, shop = in_two(), FakeShop(shipments=[there(71, 1, "1z9")], ship="72")
    ship_order(order, clients(shop=shop))
    assert shop.calls == [("shipments", [900]), SECOND]
    assert states(order) == [("done", 71), ("done", 72)]


def test_a_parcel_of_units_that_are_gone_is_not_made() -> None:
    order, shop = in_two(), FakeShop(shipments=[there(71, 1)], ship="72")
    ship_order(order, clients(shop=shop))
    assert shop.calls == [("shipments", [900]), FIRST]
    assert states(order) == [("done", 72), ("ended", None)]
    assert order.requested_shipments[1].why == (
        "the shop has shipped units of it meanwhile, so that fewer are left"
    )


def test_a_refused_parcel_holds_the_order_and_lets_the_other_go() -> None:
    order = in_two()
    shop = FakeShop(shipments=[], ship=InTurn(NO_STOCK, "72"))
    outcome = ship_order(order, clients(shop=shop))
    assert isinstance(outcome, Hold)
    assert outcome.code == HoldCode.SHIPMENT_REFUSED
    assert states(order) == [("refused", None), ("done", 72)]


def second_of_two_seen(**changes: Any) -> Order:
    """The order of two parcels after the first was refused and the watch has stored the second."""
    order = in_two(shipments=[a_shipment(72, items={501: 1, 502: 1})], **changes)
    first, second = order.requested_shipments
    first.state, second.state, second.magento_shipment_id = "refused", "done", 72
    return order


def test_a_refused_parcel_keeps_no_other_from_amazon() -> None:
    order = second_of_two_seen()
    seen = FakeShop(shipments=[there(72, 1, "0034")], ship=NO_STOCK)
    channel = FakeChannel(order=order.report.raw, confirm_shipment=None)
    assert ship_order(order, clients(shop=seen)) == Done()
    outcome = sync_tracking(order, clients(channel, seen))
    assert isinstance(outcome, Hold)
    assert outcome.code == HoldCode.SHIPMENT_REFUSED
    assert [call[0] for call in channel.calls] == ["order", "confirm_shipment"]
    assert order.shipments[0].confirmation == "accepted"
    assert states(order) == [("refused", None), ("done", 72)]


@pytest.mark.parametrize("why", ["no number", "confirmed by Amazon itself"])
def test_a_refused_parcel_holds_where_there_is_nothing_to_confirm(why: str) -> None:
    order = second_of_two_seen(programs=["FBM_SHIP_PLUS"] if why != "no number" else [])
    if why == "no number":
        order.shipments[0].tracking_number = ""
    outcome = ship_order(order, clients(shop=FakeShop(shipments=[there(72, 1)], ship=NO_STOCK)))
    assert isinstance(outcome, Hold)
    assert outcome.code == HoldCode.SHIPMENT_REFUSED
