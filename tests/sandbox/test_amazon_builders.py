"""The orders made for demo and tests add up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.amazon.builders import Line, a_line, an_order

ORDER = "028-0000001-0000001"
AMOUNTS = st.integers(0, 99_999).map(lambda cents: f"{Decimal(cents) / 100:.2f}")


@st.composite
def lines(draw: st.DrawFn) -> Line:
    parts = ("shipping", "gift_wrap", "discount", "shipping_discount")
    taxes = ("tax", "shipping_tax", "gift_wrap_tax")
    amounts = {name: draw(AMOUNTS) for name in (*parts, *taxes)}
    return a_line("SKU", draw(st.integers(1, 9)), unit=draw(AMOUNTS), **amounts)


def amount(money: dict[str, str]) -> Decimal:
    return Decimal(money["amount"])


def sums(breakdowns: list[dict[str, Any]]) -> dict[str, Decimal]:
    return {breakdown["type"]: amount(breakdown["subtotal"]) for breakdown in breakdowns}


def total(by_type: dict[str, Decimal], *, tax_included: bool, discount_positive: bool) -> Decimal:
    tax, discount = by_type.get("TAX", Decimal(0)), by_type.get("DISCOUNT", Decimal(0))
    result = sum(by_type.values(), Decimal(0))
    result -= tax if tax_included else 0
    return result - (2 * discount if discount_positive else 0)


@given(st.lists(lines(), min_size=1, max_size=4), st.booleans(), st.booleans())
def test_every_total_is_the_sum_of_its_parts(
    of_lines: list[Line], tax_included: bool, discount_positive: bool
) -> None:
    options = {"tax_included": tax_included, "discount_positive": discount_positive}
    order = an_order(ORDER, lines=of_lines, **options)  # type: ignore[arg-type]
    for item in order["orderItems"]:
        proceeds = item["proceeds"]
        assert total(sums(proceeds["breakdowns"]), **options) == amount(proceeds["proceedsTotal"])
        for breakdown in proceeds["breakdowns"]:
            details = breakdown.get("detailedBreakdowns")
            assert (details is not None) == (breakdown["type"] in ("TAX", "DISCOUNT"))
            if details is not None:
                parts = sum((amount(detail["value"]) for detail in details), Decimal(0))
                assert parts == amount(breakdown["subtotal"])
    proceeds = order["proceeds"]
    assert total(sums(proceeds["breakdowns"]), **options) == amount(proceeds["grandTotal"])


LINE = a_line(
    "SKU-1",
    3,
    unit="19.99",
    shipping="4.99",
    gift_wrap="3.50",
    discount="5.00",
    shipping_discount="0.99",
    tax="10.44",
    shipping_tax="0.76",
)


@pytest.mark.parametrize(
    ("options", "discount", "grand_total"),
    [
        ({}, "-5.99", "73.67"),
        ({"tax_included": True}, "-5.99", "62.47"),
        ({"discount_positive": True}, "5.99", "73.67"),
    ],
)
def test_an_example_to_the_cent(options: dict[str, Any], discount: str, grand_total: str) -> None:
    order = an_order(ORDER, lines=[LINE], **options)
    assert order["proceeds"]["grandTotal"] == {"amount": grand_total, "currencyCode": "EUR"}
    assert sums(order["orderItems"][0]["proceeds"]["breakdowns"]) == {
        "ITEM": Decimal("59.97"),
        "SHIPPING": Decimal("4.99"),
        "GIFT_WRAP": Decimal("3.50"),
        "TAX": Decimal("11.20"),
        "DISCOUNT": Decimal(discount),
    }


@pytest.mark.parametrize(
    ("currency", "unit", "unit_price", "grand_total"),
    [
        ("EUR", "5", "5.00", "15.00"),
        ("EUR", "0", "0.00", "0.00"),
        ("JPY", "1500", "1500", "4500"),
        ("USD", "0.3333", "0.3333", "0.9999"),
    ],
)
def test_amounts_have_their_currencys_decimals(
    currency: str, unit: str, unit_price: str, grand_total: str
) -> None:
    order = an_order(ORDER, currency=currency, lines=[a_line("SKU", 3, unit=unit)])
    product = order["orderItems"][0]["product"]
    assert product["price"]["unitPrice"] == {"amount": unit_price, "currencyCode": currency}
    assert order["proceeds"]["grandTotal"] == {"amount": grand_total, "currencyCode": currency}


@pytest.mark.parametrize(
    ("email", "buyer"),
    [
        ("", {"buyerName": "Erika", "buyerEmail": "02800000010000001@marketplace.amazon.de"}),
        ("a@example.org", {"buyerName": "Erika", "buyerEmail": "a@example.org"}),
        (None, {"buyerName": "Erika"}),
    ],
)
def test_the_buyers_address_can_be_left_out(email: str | None, buyer: dict[str, str]) -> None:
    assert an_order(ORDER, name="Erika", email=email)["buyer"] == buyer


def test_items_of_an_order_have_ids_of_their_own() -> None:
    order = an_order(ORDER, lines=[a_line("A"), a_line("B", item_id="77"), a_line("C")])
    ids = [item["orderItemId"] for item in order["orderItems"]]
    assert ids == ["0280000001000000101", "77", "0280000001000000103"]
