"""Step 3: the details, and what keeps an order from becoming a Magento order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from pipeline.errors import CannotMap
from pipeline.magento.records import Product
from pipeline.outcome import Done, Hold, HoldCode
from tasks.steps.enrich_order import enrich_order
from tests.builders import a_raw_item, a_raw_order, an_order
from tests.tasks.fakes import MUG, FakeShop, clients

ALL_SALABLE = {"MUG-BLUE": True}
ASKED_PRODUCTS = ("products", ["MUG-BLUE"], "default")
ASKED_STOCK = ("salable", {"MUG-BLUE": 2}, "default")


def a_shop(product: Product = MUG, **answers: Any) -> FakeShop:
    return FakeShop(**{"products": {"MUG-BLUE": product}, "salable": ALL_SALABLE, **answers})


def test_takes_details_amounts_and_products() -> None:
    order, shop = an_order(raw=a_raw_order()), a_shop()
    assert enrich_order(order, clients(shop=shop)) == Done()
    (item,) = order.items
    assert (item.sku, item.quantity, item.line_total) == ("MUG-BLUE", 2, Decimal("20.00"))
    assert item.product is not None
    assert Product.from_json(item.product) == MUG
    assert (order.grand_total, order.currency) == (Decimal("20.00"), "EUR")
    assert order.total_proof is not None
    assert order.total_proof["grand_total"] == "20.00"
    assert order.total_proof["lines"] == {"I1": "20.00"}
    assert shop.calls == [ASKED_PRODUCTS, ASKED_STOCK]


@pytest.mark.parametrize(
    ("fulfilled_by", "status", "settings", "calls"),
    [
        ("MERCHANT", "UNSHIPPED", {}, [ASKED_PRODUCTS, ASKED_STOCK]),
        ("MERCHANT", "UNSHIPPED", {"out_of_stock": "backorder"}, [ASKED_PRODUCTS]),
        ("MERCHANT", "SHIPPED", {}, [ASKED_PRODUCTS]),
        ("AMAZON", "SHIPPED", {}, [ASKED_PRODUCTS]),
        (
            "MERCHANT",
            "UNSHIPPED",
            {"magento_store": "de"},
            [("products", ["MUG-BLUE"], "de"), ("salable", {"MUG-BLUE": 2}, "de")],
        ),
        (
            "AMAZON",
            "SHIPPED",
            {"fba_store": "amazon_fba"},
            [("products", ["MUG-BLUE"], "amazon_fba")],
        ),
        (
            "MERCHANT",
            "UNSHIPPED",
            {"fba_store": "amazon_fba"},
            [ASKED_PRODUCTS, ASKED_STOCK],
        ),
    ],
)
def test_asks_for_stock_only_where_own_goods_will_leave(
    fulfilled_by: str, status: str, settings: dict[str, Any], calls: list[Any]
) -> None:
    shop = a_shop()
    order = an_order(raw=a_raw_order(fulfilled_by=fulfilled_by, status=status))
    assert enrich_order(order, clients(shop=shop, **settings)) == Done()
    assert shop.calls == calls


def test_needs_stock_only_for_what_has_not_left_yet() -> None:
    items = [
        a_raw_item(
            orderItemId=item_id,
            quantityOrdered=2,
            fulfillment={"quantityFulfilled": fulfilled, "quantityUnfulfilled": 2 - fulfilled},
        )
        for item_id, fulfilled in (("I1", 1), ("I2", 0))
    ]
    raw = a_raw_order(
        status="PARTIALLY_SHIPPED",
        orderItems=items,
        proceeds={"grandTotal": {"amount": "40.00", "currencyCode": "EUR"}},
    )
    shop = a_shop()
    assert enrich_order(an_order(raw=raw), clients(shop=shop)) == Done()
    assert shop.calls[1] == ("salable", {"MUG-BLUE": 3}, "default")


@pytest.mark.parametrize(
    ("answers", "fulfilled_by", "hold"),
    [
        (
            {"products": {}},
            "MERCHANT",
            Hold(
                HoldCode.SKU_NOT_FOUND,
                "MUG-BLUE is not in Magento's catalogue; add it and the order goes on by itself",
                {"skus": "MUG-BLUE"},
            ),
        ),
        (
            {"products": {"MUG-BLUE": replace(MUG, type_id="configurable")}},
            "MERCHANT",
            Hold(
                HoldCode.PRODUCT_TYPE,
                "MUG-BLUE is a configurable product; sell one of its simple products instead",
                {"skus": "MUG-BLUE", "type": "configurable"},
            ),
        ),
        (
            {"products": {"MUG-BLUE": replace(MUG, type_id="bundle")}},
            "AMAZON",
            Hold(
                HoldCode.PRODUCT_TYPE,
                "MUG-BLUE is a bundle product; sell one of its simple products instead",
                {"skus": "MUG-BLUE", "type": "bundle"},
            ),
        ),
        (
            {"products": {"MUG-BLUE": replace(MUG, enabled=False)}},
            "MERCHANT",
            Hold(
                HoldCode.PRODUCT_DISABLED,
                "MUG-BLUE is disabled in Magento; enable it and the order goes on by itself",
                {"skus": "MUG-BLUE"},
            ),
        ),
        (
            {"salable": {"MUG-BLUE": False}},
            "MERCHANT",
            Hold(
                HoldCode.OUT_OF_STOCK,
                "not enough in stock of MUG-BLUE; goes on by itself once there is",
                {"skus": "MUG-BLUE"},
            ),
        ),
        ({"products": {"MUG-BLUE": replace(MUG, enabled=False)}}, "AMAZON", Done()),
        ({"products": {"MUG-BLUE": replace(MUG, type_id="virtual")}}, "MERCHANT", Done()),
        ({"products": {"MUG-BLUE": replace(MUG, type_id="downloadable")}}, "MERCHANT", Done()),
    ],
)
def test_holds_what_cannot_be_sold(
    answers: dict[str, Any], fulfilled_by: str, hold: Hold | Done
) -> None:
    status = "SHIPPED" if fulfilled_by == "AMAZON" else "UNSHIPPED"
    order = an_order(raw=a_raw_order(fulfilled_by=fulfilled_by, status=status))
    assert enrich_order(order, clients(shop=a_shop(**answers))) == hold


def test_names_every_unknown_sku_at_once_and_a_missing_one() -> None:
    def item(item_id: str, **product: str) -> dict[str, Any]:
        return a_raw_item(orderItemId=item_id, product={"asin": "B1", "title": "A", **product})

    raw = a_raw_order(
        orderItems=[item("I1", sellerSku="B"), item("I2", sellerSku="A"), item("I3")],
        proceeds={"grandTotal": {"amount": "60.00", "currencyCode": "EUR"}},
    )
    outcome = enrich_order(an_order(raw=raw), clients(shop=a_shop(products={})))
    assert isinstance(outcome, Hold)
    assert outcome.code is HoldCode.SKU_NOT_FOUND
    assert outcome.facts == {"skus": "(no SKU), A, B"}


def test_an_unusable_address_costs_no_call_and_names_nobody() -> None:
    raw = a_raw_order(
        recipient={"deliveryAddress": {"name": "Karla Kühn", "city": "Hamburg"}},
    )
    shop = a_shop()
    with pytest.raises(CannotMap) as held:
        enrich_order(an_order(raw=raw), clients(shop=shop))
    assert held.value.code == HoldCode.ADDRESS_UNUSABLE
    assert not {"Karla", "Kühn", "Hamburg"} & set(held.value.reason.split())
    assert shop.calls == []


def test_totals_that_do_not_add_up_cost_no_call() -> None:
    raw = a_raw_order(proceeds={"grandTotal": {"amount": "99.00", "currencyCode": "EUR"}})
    shop = a_shop()
    with pytest.raises(CannotMap) as held:
        enrich_order(an_order(raw=raw), clients(shop=shop))
    assert held.value.code == HoldCode.TOTALS_UNCLEAR
    assert shop.calls == []


def test_data_that_was_purged_is_held_as_unreadable() -> None:
    with pytest.raises(CannotMap) as held:
        enrich_order(an_order(), clients())
    assert held.value.code == HoldCode.UNREADABLE_ORDER
