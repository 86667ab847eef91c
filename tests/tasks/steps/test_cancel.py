"""An order that Amazon cancelled, wherever it stood."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.errors import CannotMap, Rejected
from pipeline.magento.records import MagentoItem, MagentoOrder
from pipeline.models import Order
from pipeline.outcome import Cancelled, Hold, HoldCode
from tasks.steps.create_order import create_order
from tasks.steps.sync_tracking import sync_tracking
from tests.builders import a_shipment, an_order
from tests.tasks.fakes import FakeShop, InTurn, MemoryLedger, a_magento_order, clients, order_key

READ, CANCEL, REFUND = ("order", 900), ("cancel", 900), ("refund", 900, [501])
GONE = Cancelled("cancelled on Amazon and in Magento")
TOO_LATE = (
    "cancelled on Amazon after goods had left the warehouse; get them back or talk to the buyer"
)


def cancelled(**changes: Any) -> Order:
    return an_order(**{"remote_status": "CANCELLED", "magento_order_id": 900, **changes})


def made(order: Order) -> MemoryLedger:
    return MemoryLedger(done={order_key(order): "900"})


def in_state(state: str, **changes: Any) -> MagentoOrder:
    return a_magento_order(state=state, status=state, **changes)


@pytest.mark.parametrize(
    ("answers", "calls", "status"),
    [
        pytest.param(
            {"order": InTurn(in_state("new"), in_state("canceled")), "cancel": True},
            [READ, CANCEL, READ],
            "canceled",
            id="open",
        ),
        pytest.param(
            {
                "order": InTurn(in_state("processing"), in_state("closed")),
                "cancel": False,
                "refund": "9",
            },
            [READ, CANCEL, REFUND, READ],
            "closed",
            id="invoiced",
        ),
        pytest.param(
            {"order": InTurn(in_state("canceled"), in_state("canceled"))},
            [READ, READ],
            "canceled",
            id="somebody else cancelled it",
        ),
    ],
)
def test_our_magento_order_is_cancelled_or_taken_back(
    answers: dict[str, Any], calls: list[tuple[Any, ...]], status: str
) -> None:
    order, shop = cancelled(), FakeShop(**answers)
    ledger = made(order)
    assert create_order(order, clients(shop=shop, ledger=ledger)) == GONE
    assert shop.calls == calls
    assert order.magento_status == status
    assert ledger.keys == [order_key(order).replace("order:", "cancel:")]


def test_before_the_magento_order_nothing_is_asked() -> None:
    order = cancelled(magento_order_id=None)
    assert create_order(order, clients()) == Cancelled(
        "cancelled on Amazon before it was created in Magento"
    )


def test_an_order_whose_creation_was_begun_is_looked_for_and_cancelled() -> None:
    order = cancelled(magento_order_id=None)
    shop = FakeShop(
        find_orders=[a_magento_order()],
        order=InTurn(in_state("new"), in_state("canceled")),
        cancel=True,
    )
    ledger = MemoryLedger(begun=[order_key(order)])
    assert create_order(order, clients(shop=shop, ledger=ledger)) == GONE
    assert order.magento_order_id == 900
    assert shop.calls == [("find_orders", order.external_id), READ, CANCEL, READ]


def test_an_order_whose_creation_left_nothing_was_never_created() -> None:
    order = cancelled(magento_order_id=None)
    shop, ledger = FakeShop(find_orders=[]), MemoryLedger(begun=[order_key(order)])
    assert create_order(order, clients(shop=shop, ledger=ledger)) == Cancelled(
        "cancelled on Amazon before it was created in Magento"
    )


def test_after_a_shipment_a_person_decides_and_nothing_is_asked() -> None:
    order = cancelled(shipments=[a_shipment()])
    assert sync_tracking(order, clients(ledger=made(order))) == Hold(
        HoldCode.CANCELLED_AFTER_SHIPMENT, TOO_LATE
    )


def test_a_shipment_not_heard_of_yet_stops_the_cancellation_too() -> None:
    order = cancelled()
    items = (
        MagentoItem(
            501, "MUG-BLUE", "I1", quantity_ordered=Decimal(2), quantity_shipped=Decimal(1)
        ),
    )
    shop = FakeShop(order=a_magento_order(items=items))
    with pytest.raises(CannotMap) as held:
        create_order(order, clients(shop=shop, ledger=made(order)))
    assert (held.value.code, held.value.reason) == (HoldCode.CANCELLED_AFTER_SHIPMENT, TOO_LATE)
    assert shop.calls == [READ]


def test_cancel_from_amazon_hold_leaves_the_magento_order_alone() -> None:
    order = cancelled()
    shop = FakeShop(order=in_state("new"))
    held = clients(shop=shop, ledger=made(order), cancel_from_amazon="hold")
    assert create_order(order, held) == Hold(
        HoldCode.CANCEL_REFUSED,
        "cancelled on Amazon; cancel it in Magento too (cancel_from_amazon = hold)",
    )
    assert shop.calls == [READ]


def test_a_cancellation_that_was_begun_is_seen_through_whatever_is_turned() -> None:
    order = cancelled()
    shop = FakeShop(order=in_state("canceled"))
    ledger = made(order)
    ledger.begun.add(f"cancel:{order.account}:{order.external_id}")
    outcome = create_order(order, clients(shop=shop, ledger=ledger, cancel_from_amazon="hold"))
    assert outcome == Cancelled("cancelled on Amazon and in Magento")
    assert (shop.calls, order.magento_status) == ([READ, READ], "canceled")


def test_a_refused_cancellation_is_held() -> None:
    order = cancelled()
    shop = FakeShop(order=in_state("holded"), cancel=False, refund=Rejected("no", status=400))
    with pytest.raises(CannotMap) as held:
        create_order(order, clients(shop=shop, ledger=made(order)))
    assert held.value.code == HoldCode.CANCEL_REFUSED


def test_a_cancellation_begun_before_a_crash_is_looked_for_first() -> None:
    order = cancelled()
    ledger = made(order)
    ledger.begun.add(order_key(order).replace("order:", "cancel:"))
    shop = FakeShop(order=in_state("closed"))
    assert create_order(order, clients(shop=shop, ledger=ledger)) == GONE
    assert shop.calls == [READ, READ]


@pytest.mark.parametrize("entity_id", [None, "900"], ids=["not in Magento", "in Magento"])
def test_what_was_begun_and_is_not_made_any_more_ends_with_the_order(entity_id: str | None) -> None:
    order = cancelled(magento_order_id=None)
    invoice = order_key(order).replace("order:", "invoice:")
    ledger = MemoryLedger(
        done={} if entity_id is None else {order_key(order): entity_id},
        begun=[order_key(order), invoice],
    )
    shop = FakeShop(
        find_orders=(), order=InTurn(in_state("new"), in_state("canceled")), cancel=True
    )
    assert isinstance(create_order(order, clients(shop=shop, ledger=ledger)), Cancelled)
    assert ledger.begun == ledger.done.keys()
