"""An order that Amazon cancelled, wherever it stood."""

from __future__ import annotations

from typing import Any

from pipeline.magento.records import MagentoOrder
from pipeline.orders.outcome import Cancelled, Hold, HoldCode
from pipeline.orders.tables import Order
from tests.builders import a_shipment, an_order
from tests.tasks.as_run import create_order, sync_tracking
from tests.tasks.fakes import FakeShop, a_magento_order, clients, order_key
from tests.tasks.ledgers import SeededLedger

READ = ("order", 900)
TOO_LATE = (
    "cancelled on Amazon after goods had left the warehouse; get them back or talk to the buyer"
)


def cancelled(**changes: Any) -> Order:
    return an_order(**{"remote_status": "CANCELLED", "magento_order_id": 900, **changes})


def made(order: Order) -> SeededLedger:
    return SeededLedger(done={order_key(order): "900"})


def in_state(state: str, **changes: Any) -> MagentoOrder:
    return a_magento_order(state=state, status=state, **changes)


def test_before_the_magento_order_nothing_is_asked() -> None:
    order = cancelled(magento_order_id=None)
    assert create_order(order, clients()) == Cancelled(
        "cancelled on Amazon before it was created in Magento"
    )


def test_an_order_whose_creation_left_nothing_was_never_created() -> None:
    order = cancelled(magento_order_id=None)
    shop, ledger = FakeShop(find_orders=[]), SeededLedger(begun=[order_key(order)])
    assert create_order(order, clients(shop=shop, ledger=ledger)) == Cancelled(
        "cancelled on Amazon before it was created in Magento"
    )


def test_what_an_overtaken_run_placed_since_the_claim_is_cancelled() -> None:
    order = cancelled(magento_order_id=None)
    order.known_writes = set()
    shop = FakeShop(order=in_state("new"))
    held = clients(shop=shop, ledger=made(order), cancel_from_amazon="hold")
    assert create_order(order, held) == Hold(
        HoldCode.CANCEL_REFUSED,
        "cancelled on Amazon; cancel it in Magento too (cancel_from_amazon = hold)",
    )
    assert (order.magento_order_id, shop.calls) == (900, [READ])


def test_after_a_shipment_a_person_decides_and_nothing_is_asked() -> None:
    order = cancelled(shipments=[a_shipment()])
    assert sync_tracking(order, clients(ledger=made(order))) == Hold(
        HoldCode.CANCELLED_AFTER_SHIPMENT, TOO_LATE
    )


def test_cancel_from_amazon_hold_leaves_the_magento_order_alone() -> None:
    order = cancelled()
    shop = FakeShop(order=in_state("new"))
    held = clients(shop=shop, ledger=made(order), cancel_from_amazon="hold")
    assert create_order(order, held) == Hold(
        HoldCode.CANCEL_REFUSED,
        "cancelled on Amazon; cancel it in Magento too (cancel_from_amazon = hold)",
    )
    assert shop.calls == [READ]


def test_what_was_begun_and_is_not_made_any_more_ends_with_the_order() -> None:
    order = cancelled(magento_order_id=None)
    ledger = SeededLedger(begun=[order_key(order), order_key(order).replace("order:", "invoice:")])
    shop = FakeShop(find_orders=())
    assert isinstance(create_order(order, clients(shop=shop, ledger=ledger)), Cancelled)
    assert ledger.begun == ledger.done.keys()
