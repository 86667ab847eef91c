"""The payment of an order: what a clerk sees of it, and nothing of the buyer."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from pipeline.orders.channel_order import FulfilledBy
from tests.magento.builders import NOW, a_body, a_line, amounts_of, an_order

PLAIN = {
    "method_title": "Amazon",
    "amazon_order_id": "902-1234567-1234567",
    "marketplace": "DE",
    "fulfilled_by": "merchant",
}


def facts(order: dict[str, Any], *, is_collected: bool = False) -> dict[str, Any]:
    amounts = amounts_of(shipping_tax="0.95")
    lines = {
        item_id: replace(line, tax_is_collected_by_marketplace=is_collected)
        for item_id, line in amounts.lines.items()
    }
    body = a_body(an_order(**order), replace(amounts, lines=lines))
    found: dict[str, Any] = body["payment"]["additional_information"]
    return found


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ({}, {}),
        ({"marketplace_name": "Amazon.de"}, {"marketplace": "Amazon.de"}),
        ({"marketplace_id": "UNHEARD-OF"}, {"marketplace": "UNHEARD-OF"}),
        ({"fulfilled_by": FulfilledBy.AMAZON}, {"fulfilled_by": "Amazon"}),
        ({"programs": ("PRIME", "AMAZON_BUSINESS")}, {"programs": "Prime, Amazon Business"}),
        ({"payment_methods": ("CreditCard", "GiftCard")}, {"paid_by": "CreditCard, GiftCard"}),
        ({"ship_by_at": NOW}, {"ship_by": "2026-11-22 12:00 UTC"}),
        (
            {"lines": (a_line(ioss_number="IM1"),)},
            {"ioss_number": "IM1"},
        ),
    ],
)
def test_what_a_clerk_needs(order: dict[str, Any], told: dict[str, str]) -> None:
    assert facts(order) == PLAIN | told


def test_the_tax_that_amazon_pays_is_told() -> None:
    assert facts({}, is_collected=True) == PLAIN | {"tax_collected_by_amazon": "8.55 EUR"}


def test_nothing_of_the_buyer_is_in_it() -> None:
    shown = facts({"buyer_company": "Buyer AG", "purchase_order_number": "PO-1"})
    assert shown == PLAIN


@pytest.mark.parametrize(("given", "kept"), [("P" * 40, "P" * 32), ("PO \U0001f600<b>1", "PO 1")])
def test_a_purchase_order_number_fits_its_column(given: str, kept: str) -> None:
    assert a_body(an_order(purchase_order_number=given))["payment"]["po_number"] == kept


def test_amounts_are_in_both_currencies() -> None:
    money = amounts_of("SEK", shipping_net="5.60")
    body = a_body(amounts=money, rate=Decimal("11.2"))
    amounts = {name: body["payment"][name] for name in body["payment"] if "amount" in name}
    assert amounts == {
        "amount_ordered": Decimal("53.20"),
        "shipping_amount": Decimal("5.60"),
        "base_amount_ordered": Decimal("4.7500"),
        "base_shipping_amount": Decimal("0.5000"),
    }
    rates = {name: body[name] for name in body if name.endswith("_rate")}
    assert rates == {
        "base_to_order_rate": Decimal("11.2"),
        "store_to_order_rate": Decimal("11.2"),
        "base_to_global_rate": 1,
        "store_to_base_rate": 1,
    }
    currencies = {name: body[name] for name in body if name.endswith("_currency_code")}
    assert currencies == {
        "order_currency_code": "SEK",
        "base_currency_code": "EUR",
        "store_currency_code": "EUR",
        "global_currency_code": "EUR",
    }
