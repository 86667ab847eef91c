"""What the settings of shop and marketplace make of the order that is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from pipeline.magento.records import StoreView
from tasks.placing.placement import placement
from tests.builders import a_raw_item, a_raw_order, an_item, an_order, settings
from tests.tasks.fakes import MUG, FakeDirectory, FakeShop, a_magento_order, clients


class _Kronor(FakeDirectory):
    def store_view(self, code: str) -> StoreView:
        return replace(super().store_view(code), base_currency="SEK")

    def rate(self, store: StoreView, currency: str) -> Decimal:
        assert (store.base_currency, currency) == ("SEK", "EUR")
        return Decimal("0.08")


class InKronor(FakeShop):
    """A shop of kronor with a rate for every other currency."""

    def __init__(self, **answers: Any) -> None:
        super().__init__(**answers)
        self.directory = _Kronor(self)


def money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currencyCode": "EUR"}


# Two mugs for 20.00 with 3.80 tax, wrapped for 2.00.
WRAPPED = {
    "proceeds": {
        "proceedsTotal": money("25.80"),
        "breakdowns": [
            {"type": "ITEM", "subtotal": money("20.00")},
            {"type": "GIFT_WRAP", "subtotal": money("2.00")},
            {"type": "TAX", "subtotal": money("3.80")},
        ],
    }
}


def sent(
    raw: Mapping[str, Any] | None = None,
    shop: FakeShop | None = None,
    shop_settings: Mapping[str, Any] | None = None,
    **marketplace: Any,
) -> Mapping[str, Any]:
    shop = shop or FakeShop(create_order=a_magento_order())
    given = {
        "proceeds": {"grandTotal": money("25.80")},
        "orderItems": [a_raw_item(**WRAPPED)],
        **(raw or {}),
    }
    order = an_order(raw=a_raw_order(**given), items=[an_item(product=MUG.as_json())])
    every = replace(
        clients(shop=shop),
        settings=(loaded := settings(marketplace=marketplace, shop=shop_settings)),
        in_force=lambda: loaded,
    )
    placement(order, every).send()
    (body,) = shop.bodies
    return body


@pytest.mark.parametrize(
    ("version", "rows"), [("2.4.4", False), ("2.4.6", False), ("2.4.7", True), ("2.4.8", True)]
)
def test_tax_rows_are_for_shops_that_know_them(version: str, rows: bool) -> None:
    body = sent(shop_settings={"version": version})
    assert ("taxes" in body["extension_attributes"]) is rows


def test_no_tax_is_wanted() -> None:
    body = sent(tax="none")
    assert (body["tax_amount"], body["grand_total"]) == (0, Decimal("25.80"))
    assert "taxes" not in body["extension_attributes"]


@pytest.mark.parametrize(("gift_wrap", "rows"), [("line", ["20.00", "2.00"]), ("price", ["22.00"])])
def test_the_gift_wrap_is_where_the_setting_says(gift_wrap: str, rows: list[str]) -> None:
    body = sent(gift_wrap=gift_wrap)
    assert [str(item["row_total"]) for item in body["items"]] == rows


@pytest.mark.parametrize(
    ("programs", "number"),
    [([], "A-902-1"), (["PRIME"], "P-902-1"), (["AMAZON_BUSINESS"], "B-902-1")],
)
def test_the_number_has_the_prefix_that_fits(programs: list[str], number: str) -> None:
    body = sent(
        {"external_id": "902-1", "programs": programs},
        order_number="amazon",
        order_number_prefix="A-",
        prime_number_prefix="P-",
        b2b_number_prefix="B-",
    )
    assert body["increment_id"] == number


def test_another_currency_takes_the_shops_rate() -> None:
    body = sent(shop=InKronor(create_order=a_magento_order()))
    assert (body["grand_total"], body["base_grand_total"]) == (Decimal("25.80"), Decimal("322.5"))
    assert (body["order_currency_code"], body["base_currency_code"]) == ("EUR", "SEK")
