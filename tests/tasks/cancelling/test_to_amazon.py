"""An order that its seller cancelled, until Amazon has done so too."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipeline.orders.outcome import Cancelled, Hold, HoldCode, Wait
from pipeline.orders.tables import Order
from tasks.cancelling.to_amazon import cancelling
from tests.builders import a_shipment, an_item, an_order
from tests.tasks.as_run import ship_order, verify_order
from tests.tasks.fakes import FakeShop, a_magento_order, clients, order_key
from tests.tasks.ledgers import SeededLedger

AN_HOUR = timedelta(hours=1)
SELLER = {"seller_id": "A1SELLER"}
NEXT_FEED = Wait("the cancellation goes to Amazon with the next feed", AN_HOUR)


def placed(**changes: Any) -> Order:
    facts = {"magento_order_id": 900, "items": [an_item(magento_item_id=501)], **changes}
    return an_order(**facts)


@pytest.mark.parametrize("state", ["canceled", "closed"])
@pytest.mark.parametrize("status", ["UNSHIPPED", "PENDING"])
def test_an_order_cancelled_in_magento_is_to_be_cancelled_on_amazon(
    state: str, status: str
) -> None:
    order = placed(magento_state=state, remote_status=status)
    shop = FakeShop(order=a_magento_order(state=state))
    remotes = clients(account=SELLER, shop=shop, cancel_reason="CarrierCoverageFailure")
    assert ship_order(order, remotes) == NEXT_FEED
    assert (order.cancel_reason, order.cancellation) == ("CarrierCoverageFailure", "asked")
    assert ship_order(order, remotes) == NEXT_FEED


def test_what_only_looked_cancelled_to_the_watch_is_not_cancelled_on_amazon() -> None:
    order = placed(magento_state="canceled")
    shop = FakeShop(order=a_magento_order(state="processing"))
    assert cancelling(order, clients(account=SELLER, shop=shop)) is None
    assert (order.cancel_reason, order.magento_state) == (None, "processing")


@pytest.mark.parametrize(
    ("cancellation", "outcome"),
    [
        ("sent", Wait("the cancellation was sent to Amazon; the result is pending", AN_HOUR)),
        ("accepted", Wait("the cancellation was sent to Amazon; the result is pending", AN_HOUR)),
        (
            "refused",
            Hold(HoldCode.CANCEL_REFUSED, "Amazon refused the cancellation: 8: too late"),
        ),
    ],
)
def test_it_waits_for_amazon(cancellation: str, outcome: Wait | Hold) -> None:
    order = placed(
        cancel_reason="NoInventory", cancellation=cancellation, cancel_refusal="8: too late"
    )
    assert ship_order(order, clients(account=SELLER)) == outcome


def test_it_waits_at_any_step() -> None:
    order = an_order(cancel_reason="NoInventory", cancellation="asked", remote_status="PENDING")
    assert verify_order(order, clients(account=SELLER)) == NEXT_FEED


@pytest.mark.parametrize("cancel_from_amazon", ["cancel", "hold"])
def test_once_amazon_has_cancelled_the_order_ends_here_too(cancel_from_amazon: str) -> None:
    order = placed(
        remote_status="CANCELLED",
        magento_state="canceled",
        cancel_reason="NoInventory",
        cancellation="accepted",
    )
    shop = FakeShop(order=a_magento_order(state="canceled"))
    ledger = SeededLedger({order_key(order): "900"})
    remotes = clients(shop=shop, ledger=ledger, cancel_from_amazon=cancel_from_amazon)
    assert ship_order(order, remotes) == Cancelled("cancelled on Amazon and in Magento")
    assert {name for name, *_ in shop.calls} == {"order"}


def test_never_means_a_person() -> None:
    order = placed(magento_state="canceled")
    shop = FakeShop(order=a_magento_order(state="canceled"))
    remotes = clients(account=SELLER, shop=shop, cancel_to_amazon="never")
    assert ship_order(order, remotes) == Hold(
        HoldCode.CANCELLED_IN_MAGENTO,
        "cancelled in Magento and still open on Amazon: cancel it in Seller Central "
        "(cancel_to_amazon = never)",
    )
    assert order.cancel_reason is None


def test_without_a_seller_id_the_way_to_it_is_told() -> None:
    order = placed(magento_state="canceled")
    shop = FakeShop(order=a_magento_order(state="canceled"))
    assert ship_order(order, clients(shop=shop)) == Hold(
        HoldCode.SETTING_MISSING,
        "a cancellation goes to Amazon in a feed, which needs accounts.eu.seller_id (in Seller "
        "Central: Account Info, Merchant Token)",
    )


SHIPPED = "goods have left already: take the parcel back and refund the buyer in Seller Central"


@pytest.mark.parametrize(
    "changes", [{"shipments": [a_shipment()]}, {"remote_status": "PARTIALLY_SHIPPED"}]
)
def test_a_shipped_order_is_never_cancelled(changes: dict[str, Any]) -> None:
    order = placed(cancel_reason="NoInventory", cancellation="asked", **changes)
    assert ship_order(order, clients(account=SELLER)) == Hold(
        HoldCode.CANCELLED_AFTER_SHIPMENT,
        f"was to be cancelled on Amazon, but {SHIPPED}; `orderbridge orders cancel "
        f"{order.external_id} --withdraw` lets it go on",
    )


def test_a_part_shipped_before_it_came_to_us_counts_as_shipped() -> None:
    order = placed(magento_state="closed", remote_status="PARTIALLY_SHIPPED")
    shop = FakeShop(order=a_magento_order(state="closed"))
    assert ship_order(order, clients(account=SELLER, shop=shop)) == Hold(
        HoldCode.CANCELLED_IN_MAGENTO, f"cancelled in Magento, but {SHIPPED}"
    )
    assert order.cancel_reason is None


@pytest.mark.parametrize(
    "changes",
    [
        {"magento_state": "processing"},
        {"magento_state": None},
        {"magento_state": "closed", "shipments": [a_shipment()]},
        {"magento_state": "closed", "remote_status": "SHIPPED"},
        {"magento_state": "closed", "fulfilled_by": "FBA"},
        {"magento_state": "canceled", "remote_status": "CANCELLED"},
    ],
)
def test_every_other_order_goes_its_way(changes: dict[str, Any]) -> None:
    assert cancelling(placed(**changes), clients(account=SELLER)) is None
