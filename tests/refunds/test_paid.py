"""What the buyer paid, from Amazon's own JSON: each tax by whoever gives it back."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from pipeline.amazon.amounts import amounts
from pipeline.amazon.parsing import parse
from pipeline.intake.own_memos import OwnMemos
from pipeline.orders.tables import Order
from pipeline.refunds.messages import OrderPaid, Paid, Slot, TaxMode
from pipeline.refunds.paid import order_paid
from pipeline.settings.marketplace import MarketplaceSettings
from tests import builders
from tests.amazon.orders import GERMANY, JAPAN, UNITED_STATES, an_item, an_order, breakdown

SETTINGS = MarketplaceSettings()
ITEM = "11111111111111"


def a_row(raw: dict[str, Any], **changes: Any) -> Order:
    items = [
        builders.an_item(external_item_id=item["orderItemId"], quantity=item["quantityOrdered"])
        for item in raw["orderItems"]
    ]
    marketplace = raw["salesChannel"]["marketplaceId"]
    return builders.an_order(
        **{"items": items, "marketplace_id": marketplace, "remote_status": "SHIPPED", **changes}
    )


def paid(raw: dict[str, Any], **changes: Any) -> OrderPaid:
    return order_paid(a_row(raw, **changes), amounts(raw), OwnMemos(), SETTINGS, parse(raw))


def sold(marketplace: str, total: str, currency: str = "EUR", **item: Any) -> dict[str, Any]:
    """An item for 100.00 with 19.00 tax."""
    return an_order(
        an_item(
            breakdown("ITEM", "100.00", currency=currency),
            breakdown("TAX", "19.00", {"ITEM": "19.00"}, currency=currency),
            total=total,
            currency=currency,
            **item,
        ),
        grand_total=total,
        marketplace=marketplace,
        currency=currency,
    )


@pytest.mark.parametrize(
    ("raw", "mode", "goods"),
    [
        (sold(UNITED_STATES, "119.00", "USD"), TaxMode.ON_TOP, ("100.00", "19.00")),
        (sold(GERMANY, "119.00"), TaxMode.ON_TOP, ("100.00", "19.00")),
        (sold(GERMANY, "100.00"), TaxMode.BY_VCS, ("81.00", "19.00")),
        (sold(JAPAN, "100.00", "JPY"), TaxMode.INSIDE, ("81.00", "19.00")),
        (
            sold(UNITED_STATES, "119.00", "USD", facilitated=True),
            TaxMode.BY_AMAZON,
            ("100.00", "19.00"),
        ),
        (
            sold(UNITED_STATES, "100.00", "USD", facilitated=True),
            TaxMode.BY_AMAZON,
            ("100.00", "0"),
        ),
        (sold(GERMANY, "100.00", facilitated=True), TaxMode.BY_AMAZON, ("81.00", "19.00")),
        (
            an_order(an_item(breakdown("ITEM", "100.00"), total="100.00"), grand_total="100.00"),
            TaxMode.INSIDE,
            ("100.00", "0"),
        ),
    ],
)
def test_the_tax_of_an_item(raw: dict[str, Any], mode: TaxMode, goods: tuple[str, str]) -> None:
    (item,) = paid(raw).items
    assert item.tax_mode is mode
    assert item.of(Slot.GOODS) == Paid(*map(Decimal, goods))


def test_discounts_are_off_and_each_slot_is_apart() -> None:
    raw = an_order(
        an_item(
            breakdown("ITEM", "20.00"),
            breakdown("SHIPPING", "5.00"),
            breakdown("GIFT_WRAP", "3.50"),
            breakdown("DISCOUNT", "-4.00", {"ITEM": "-3.00", "SHIPPING": "-1.00"}),
            total="24.50",
            quantity=2,
        ),
        grand_total="24.50",
    )
    (item,) = paid(raw).items
    assert (item.quantity, item.tax_mode) == (2, TaxMode.INSIDE)
    assert {slot: item.of(slot).net for slot in Slot} == {
        Slot.GOODS: Decimal("17.00"),
        Slot.SHIPPING: Decimal("4.00"),
        Slot.GIFT_WRAP: Decimal("3.50"),
    }


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, ""),
        ({"fulfilled_by": "FBA"}, "is_fba"),
        ({"remote_status": "CANCELLED"}, "is_cancelled"),
        ({"remote_status": "PARTIALLY_SHIPPED"}, "is_partly_shipped"),
    ],
)
def test_the_state_of_the_order(changes: dict[str, Any], name: str) -> None:
    order = paid(sold(GERMANY, "119.00"), **changes)
    flags = ("is_fba", "is_cancelled", "is_partly_shipped", "wrap_is_in_price", "is_undelivered")
    assert [flag for flag in flags if getattr(order, flag)] == ([name] if name else [])
    assert order.unclear == ""


def test_amounts_that_are_not_certain() -> None:
    raw = sold(GERMANY, "119.00")
    read, row = amounts(raw), a_row(raw)
    sure = an_order(an_item(breakdown("ITEM", "9.00"), total="9.00"), grand_total="9.00")
    stated = {
        "": read,
        "the taxes of the items were left out": read.untaxed(),
        "a person stated the amount of the order": replace(read, said_by="Jo"),
        "the items do not add up": replace(read, doubt="the items do not add up"),
        f"no amounts are known of item {ITEM}": replace(read, lines={}),
    }
    for unclear, each in stated.items():
        assert order_paid(row, each, OwnMemos(), SETTINGS).unclear == unclear
    untaxed = amounts(sure).untaxed()
    assert order_paid(a_row(sure), untaxed, OwnMemos(), SETTINGS).unclear == ""


def test_a_gift_wrap_inside_the_price_of_the_shops_row() -> None:
    raw = sold(GERMANY, "119.00")
    settings = MarketplaceSettings(gift_wrap="price")
    assert order_paid(a_row(raw), amounts(raw), OwnMemos(), settings).wrap_is_in_price


def test_what_happened_to_the_parcel_and_the_buyers_wish() -> None:
    raw = sold(GERMANY, "119.00")
    raw["packages"] = [{"packageReferenceId": "1", "packageStatus": {"status": "UNDELIVERABLE"}}]
    raw["orderItems"][0]["cancellation"] = {"cancellationRequest": {"requester": "BUYER"}}
    order = paid(raw)
    assert (order.is_undelivered, order.is_buyer_cancelled) == (True, True)
