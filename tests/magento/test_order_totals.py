"""The sums of an order: laws that Magento's invoices rely on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.base.errors import CannotMap
from pipeline.base.money import ZERO, minor_unit
from pipeline.magento.order.charges import GiftWrap
from pipeline.orders.amounts import Adjustment, Amounts, LineAmounts
from pipeline.orders.outcome import HoldCode
from tests.magento.builders import a_body, a_line, amounts_of, an_order

PARTS = (
    *("row_net", "tax", "discount_net", "shipping_net", "shipping_tax", "shipping_discount_net"),
    *("gift_wrap_net", "gift_wrap_tax", "other_net", "other_tax"),
)


@st.composite
def some_money(draw: st.DrawFn) -> tuple[Amounts, list[int]]:
    """Amounts of one to four lines and up to three adjustments, with the lines' quantities."""
    currency = draw(st.sampled_from(["EUR", "JPY", "KWD"]))
    unit = minor_unit(currency)
    some = st.integers(0, 50_000).map(lambda count: count * unit)
    quantities = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    lines: dict[str, LineAmounts] = {}
    for number in range(len(quantities)):
        parts = {name: draw(some) for name in PARTS}
        parts["discount_net"] = min(parts["discount_net"], parts["row_net"])
        parts["shipping_discount_net"] = min(parts["shipping_discount_net"], parts["shipping_net"])
        is_collected = draw(st.booleans())
        lines[f"I{number}"] = LineAmounts(
            **parts,
            tax_is_collected_by_marketplace=is_collected,
        )
    counts = draw(st.lists(st.integers(-500, 500), max_size=3))
    adjustments = tuple(Adjustment(f"A{count}", count * unit) for count in counts)
    total = sum((line.total for line in lines.values()), ZERO)
    total += sum((adjustment.amount for adjustment in adjustments), ZERO)
    return Amounts(currency, total, lines, adjustments), quantities


def deductible(amounts: Amounts) -> Decimal:
    """What there is to take from: everything but tax."""
    return sum(
        (
            line.row_net - line.discount_net + line.shipping_net - line.shipping_discount_net
            + line.gift_wrap_net + line.other_net
            for line in amounts.lines.values()
        ),
        sum((part.amount for part in amounts.adjustments if part.amount > 0), ZERO),
    )  # fmt: skip


def total_of(items: list[dict[str, Any]], name: str) -> Decimal:
    return sum((item[name] for item in items), ZERO)


RATES = st.sampled_from(["1", "11.2", "0.8571", "161.2345", "0.006211"])


@given(some_money(), RATES, st.sampled_from(["line", "price"]))
def test_every_order_adds_up_to_amazons_total(
    money: tuple[Amounts, list[int]], rate: str, gift_wrap: GiftWrap
) -> None:
    amounts, quantities = money
    assume(
        -sum(adjustment.amount for adjustment in amounts.adjustments if adjustment.amount < 0)
        <= deductible(amounts)
    )
    order = an_order(
        lines=tuple(
            a_line(item_id=f"I{number}", quantity=quantity)
            for number, quantity in enumerate(quantities)
        )
    )
    body = a_body(order, amounts, products={}, rate=Decimal(rate), gift_wrap=gift_wrap)
    items = body["items"]

    assert body["grand_total"] == amounts.grand_total
    assert body["total_due"] == amounts.grand_total
    assert body["payment"]["amount_ordered"] == amounts.grand_total
    sent = sum(item["sku"] == "amazon-gift-wrap" for item in items)
    wrapped = sum(bool(line.gift_wrap_net or line.gift_wrap_tax) for line in amounts.lines.values())
    assert sent == (wrapped if gift_wrap == "line" else 0)
    for item in items:
        for name in ("row_total", "tax_amount", "discount_amount"):
            assert item[name] % minor_unit(amounts.currency) == 0
    for base in ("", "base_"):
        the_sums_are_right(body, base)
        the_taxes_are_all_in_rows(body, base)
    for part in (body, body["payment"], *items):
        for name, value in part.items():
            if f"base_{name}" in part and "price" not in name:
                off = abs(part[f"base_{name}"] - value / Decimal(rate))
                assert off <= (Decimal("0.0025") if rate != "1" else 0)


def the_sums_are_right(body: dict[str, Any], base: str) -> None:
    """What invoices rely on, in the order's currency or (`base_`) in the shop's."""
    items = body["items"]
    assert body[f"{base}subtotal"] == total_of(items, f"{base}row_total")
    assert body[f"{base}subtotal_incl_tax"] == total_of(items, f"{base}row_total_incl_tax")
    assert body[f"{base}tax_amount"] == (
        total_of(items, f"{base}tax_amount") + body[f"{base}shipping_tax_amount"]
    )
    assert -body[f"{base}discount_amount"] == (
        total_of(items, f"{base}discount_amount") + body[f"{base}shipping_discount_amount"]
    )
    assert body[f"{base}grand_total"] == (
        body[f"{base}subtotal"]
        + body[f"{base}shipping_amount"]
        + body[f"{base}tax_amount"]
        + body[f"{base}discount_amount"]
    )
    assert body["payment"][f"{base}amount_ordered"] == body[f"{base}grand_total"]
    for item in items:
        assert item[f"{base}row_total_incl_tax"] == (
            item[f"{base}row_total"] + item[f"{base}tax_amount"]
        )
        assert 0 <= item[f"{base}discount_amount"] <= item[f"{base}row_total"]
        off = abs(item[f"{base}price"] * item["qty_ordered"] - item[f"{base}row_total"])
        assert off <= Decimal("0.00005") * item["qty_ordered"]
        assert item[f"{base}price"].as_tuple().exponent == -4


def the_taxes_are_all_in_rows(body: dict[str, Any], base: str) -> None:
    """Rows of distinct codes that sum to the tax, and the parts of items and shipping to them."""
    rows = body["extension_attributes"].get("taxes", [])
    on_shipping = body["extension_attributes"].get("additional_itemized_taxes", [])
    parts = [*on_shipping]
    for item in body["items"]:
        of_item = item.get("extension_attributes", {}).get("itemized_taxes", [])
        assert total_of(of_item, f"{base}amount") == item[f"{base}tax_amount"]
        parts += of_item
    assert total_of(on_shipping, f"{base}amount") == body[f"{base}shipping_tax_amount"]
    assert total_of(rows, f"{base}amount") == body[f"{base}tax_amount"]
    by_code = {row["code"]: row for row in rows}
    assert len(by_code) == len(rows)
    for code, row in by_code.items():
        same = [part for part in parts if part["tax_code"] == code]
        assert total_of(same, f"{base}amount") == row[f"{base}amount"]
        assert {part["tax_percent"] for part in same} == {row["percent"]}
    for part in parts:
        assert part["amount"] == part["real_amount"] != 0
        assert part["base_amount"] == part["real_base_amount"]


def test_a_discount_of_more_than_all_there_is_cannot_be_written_down() -> None:
    amounts = amounts_of(row_net="1.00", tax="5.00")
    less = Amounts("EUR", Decimal("4.99"), amounts.lines, (Adjustment("x", Decimal("-1.01")),))
    with pytest.raises(CannotMap, match="more is deducted") as caught:
        a_body(amounts=less)
    assert caught.value.code == HoldCode.TOTALS_UNCLEAR


def test_a_deduction_is_taken_from_the_rows_first_and_then_from_shipping() -> None:
    amounts = amounts_of(
        row_net="10.00", tax="0", discount_net="4.00", gift_wrap_net="1.00", shipping_net="5.00"
    )
    less = Amounts("EUR", Decimal("2.00"), amounts.lines, (Adjustment("x", Decimal("-10.00")),))
    body = a_body(amounts=less)
    assert [item["discount_amount"] for item in body["items"]] == [Decimal("10.00"), Decimal(1)]
    assert body["shipping_discount_amount"] == Decimal("3.00")
    assert body["discount_amount"] == Decimal("-14.00")


def test_a_gift_wrap_may_be_in_the_price_of_the_goods() -> None:
    amounts = amounts_of(discount_net="4.00", gift_wrap_net="2.00", gift_wrap_tax="0.38")
    (goods,) = a_body(amounts=amounts, gift_wrap="price")["items"]
    assert (goods["row_total"], goods["tax_amount"], goods["discount_amount"]) == (
        *(Decimal("42.00"), Decimal("7.98"), Decimal("4.00")),
    )
    assert (goods["price"], goods["price_incl_tax"]) == (21, Decimal("24.99"))


def test_charges_beside_the_goods_are_lines_that_nobody_ships() -> None:
    amounts = amounts_of(gift_wrap_net="2.00", gift_wrap_tax="0.38", other_net="3.00")
    more = Amounts(
        "EUR",
        amounts.grand_total + Decimal("1.50"),
        amounts.lines,
        (Adjustment("Delivery tip", Decimal("1.50")),),
    )
    goods, *extras = a_body(amounts=more)["items"]
    assert goods["is_virtual"] == 0
    assert [
        (item["sku"], item["name"], item["row_total"], item["tax_amount"], item["tax_percent"])
        for item in extras
    ] == [
        ("amazon-gift-wrap", "Gift wrap for MUG-BLUE", Decimal(2), Decimal("0.38"), Decimal(19)),
        ("amazon-adjustment", "Other charges for MUG-BLUE", Decimal(3), Decimal(0), Decimal(0)),
        ("amazon-adjustment", "Delivery tip", Decimal("1.50"), Decimal(0), Decimal(0)),
    ]
    for item in extras:
        assert (item["product_type"], item["is_virtual"]) == ("virtual", 1)
        assert "product_id" not in item
        assert "ext_order_item_id" not in item


@pytest.mark.parametrize(
    ("money", "percent"),
    [
        ({"row_net": "40.00", "tax": "7.60"}, "19.0000"),
        ({"row_net": "40.00", "tax": "6.84", "discount_net": "4.00"}, "19.0000"),
        ({"row_net": "33.61", "tax": "6.39"}, "19"),
        ({"row_net": "99.80", "tax": "5.49"}, "5.5"),
        ({"row_net": "99.99", "tax": "8.87"}, "8.87"),
        ({"row_net": "1000.00", "tax": "0.01"}, "0.001"),
        ({"row_net": "9.99", "tax": "0.87"}, "8.7"),
        ({"row_net": "0", "tax": "0"}, "0"),
        ({"row_net": "5.00", "tax": "0.10", "discount_net": "5.00"}, "0"),
    ],
)
def test_the_tax_rate_is_that_of_what_was_taxed(money: dict[str, str], percent: str) -> None:
    assert a_body(amounts=amounts_of(**money))["items"][0]["tax_percent"] == Decimal(percent)


def test_a_line_without_amounts_is_held() -> None:
    with pytest.raises(CannotMap, match="item I2") as caught:
        a_body(an_order(lines=(a_line(), a_line(item_id="I2"))))
    assert caught.value.code == HoldCode.TOTALS_UNCLEAR


def test_amounts_that_do_not_sum_to_their_total_are_held() -> None:
    lines = amounts_of().lines
    with pytest.raises(CannotMap, match=r"sum to 47\.60, the order's total is 47\.61") as caught:
        a_body(amounts=Amounts("EUR", Decimal("47.61"), lines))
    assert caught.value.code == HoldCode.TOTALS_UNCLEAR
