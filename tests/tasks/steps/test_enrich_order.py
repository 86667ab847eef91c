"""Step 3: the details, and what keeps an order from becoming a Magento order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from pipeline.base.errors import CannotMap
from pipeline.magento.records import Product
from pipeline.orders.outcome import Done, Hold, HoldCode
from tests.builders import a_raw_item, a_raw_order, an_order
from tests.tasks.as_run import enrich_order
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
                "not enough stock of MUG-BLUE; the order goes on by itself once there is enough",
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


ROLELESS = {"deliveryAddress": {"city": "Hamburg", "countryCode": "DE"}}


def test_an_address_withheld_for_want_of_a_role_says_so() -> None:
    raw, shop = a_raw_order(buyer=None, recipient=ROLELESS), a_shop()
    order = an_order(raw=raw)
    assert enrich_order(order, clients(shop=shop)) == Hold(
        HoldCode.ADDRESS_UNUSABLE,
        'Amazon gives no address, because your application lacks the role "Direct-to-Consumer '
        'Delivery": have it granted, then authorise the application again',
        {"missing": "buyer name, buyer e-mail, recipient, street, postcode, phone"},
    )
    assert shop.calls == []
    assert order.facts["missing"]["street"] == (
        'not entitled: the role "Direct-to-Consumer Delivery" is missing'
    )


def test_what_amazon_delivers_needs_no_role() -> None:
    raw = a_raw_order(buyer=None, recipient=ROLELESS, fulfilled_by="AMAZON", status="SHIPPED")
    order = an_order(raw=raw)
    assert enrich_order(order, clients(shop=a_shop())) == Done()
    assert set(order.facts["missing"].values()) == {
        "not entitled: only a tax role gets it",
        "withheld: Amazon delivers it",
    }


def told(amount: str, currency: str = "EUR") -> dict[str, str]:
    return {"amount": amount, "currencyCode": currency}


def test_the_proof_has_every_part_of_every_line() -> None:
    item = a_raw_item(
        proceeds={
            "proceedsTotal": told("27.80"),
            "breakdowns": [
                {"type": "ITEM", "subtotal": told("20.00")},
                {"type": "SHIPPING", "subtotal": told("5.0")},
                {"type": "GIFT_WRAP", "subtotal": told("1.00")},
                {
                    "type": "TAX",
                    "subtotal": told("3.80"),
                    "detailedBreakdowns": [
                        {"subtype": "ITEM", "value": told("3.00")},
                        {"subtype": "SHIPPING", "value": told("0.80")},
                    ],
                },
                {"type": "DISCOUNT", "subtotal": told("-2.00")},
            ],
        },
        tax={"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]},
    )
    tip = {"type": "DELIVERY_TIP", "subtotal": told("1.50")}
    raw = a_raw_order(
        orderItems=[item], proceeds={"grandTotal": told("29.30"), "breakdowns": [tip]}
    )
    order = an_order(raw=raw)
    assert enrich_order(order, clients(shop=a_shop())) == Done()
    assert order.total_proof == {
        "currency": "EUR",
        "mode": "discount as given, tax on top",
        "doubt": "",
        "grand_total": "29.30",
        "lines": {"I1": "27.80"},
        "parts": {
            "I1": {
                "net": "20.00",
                "discount": "-2.00",
                "tax": "3.00",
                "shipping": "5.00",
                "shipping tax": "0.80",
                "gift wrap": "1.00",
                "gift wrap tax": "0.00",
                "other": "0.00",
                "other tax": "0.00",
            }
        },
        "readings": {"I1": "discount as given, tax on top"},
        "adjustments": {"Delivery tip": "1.50"},
        "collected_by_amazon": {"I1": "3.80"},
    }


def test_the_proof_of_yen_has_no_decimals() -> None:
    proceeds = {
        "proceedsTotal": told("1980.00", "JPY"),
        "breakdowns": [{"type": "ITEM", "subtotal": told("1980.00", "JPY")}],
    }
    item = a_raw_item(product={"sellerSku": "MUG-BLUE"}, proceeds=proceeds)
    raw = a_raw_order(orderItems=[item], proceeds={"grandTotal": told("1980", "JPY")})
    order = an_order(raw=raw)
    assert enrich_order(order, clients(shop=a_shop())) == Done()
    assert order.total_proof is not None
    assert (order.total_proof["lines"], order.total_proof["grand_total"]) == (
        {"I1": "1980"},
        "1980",
    )
    assert set(order.total_proof["parts"]["I1"].values()) == {"1980", "0"}


def test_without_taxes_all_is_net() -> None:
    tax = {"type": "TAX", "subtotal": told("3.80")}
    item = a_raw_item(
        proceeds={
            "proceedsTotal": told("23.80"),
            "breakdowns": [{"type": "ITEM", "subtotal": told("20.00")}, tax],
        }
    )
    raw = a_raw_order(orderItems=[item], proceeds={"grandTotal": told("23.80")})
    order = an_order(raw=raw)
    without = clients(shop=a_shop(), tax="none")
    assert enrich_order(order, without) == Done()
    assert without.charged(order).lines["I1"].tax == Decimal("3.80")
    assert order.total_proof is not None
    assert order.total_proof["mode"] == "without taxes"
    assert (order.total_proof["parts"]["I1"]["net"], order.total_proof["parts"]["I1"]["tax"]) == (
        "23.80",
        "0.00",
    )


def test_unclear_totals_are_taken_where_the_operator_wants_them() -> None:
    order = an_order(raw=a_raw_order(proceeds={"grandTotal": told("99.00")}))
    assert enrich_order(order, clients(shop=a_shop(), unclear_totals="import")) == Done()
    assert order.grand_total == Decimal("99.00")
    assert order.total_proof is not None
    assert order.total_proof["adjustments"] == {"Difference to Amazon's total": "79.00"}
    assert order.total_proof["doubt"] == "the items do not add up to the order's total"


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
