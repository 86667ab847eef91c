"""Amazon's proceeds, reconciled: every way of telling them, and what does not add up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.amazon.amounts import amounts
from pipeline.base.errors import CannotMap
from pipeline.orders.amounts import Adjustment, LineAmounts
from pipeline.orders.outcome import HoldCode
from tests.amazon.orders import (
    JAPAN,
    UNITED_STATES,
    an_item,
    an_order,
    breakdown,
    money,
)

ITEM_ID = "11111111111111"
SECOND = "22222222222222"


def only_line(order: dict[str, Any]) -> LineAmounts:
    (line,) = amounts(order).lines.values()
    return line


def held(order: dict[str, Any]) -> CannotMap:
    with pytest.raises(CannotMap) as hold:
        amounts(order)
    return hold.value


def line(**values: str | bool) -> LineAmounts:
    return LineAmounts(
        **{  # type: ignore[arg-type]
            name: value if isinstance(value, bool) else Decimal(value)
            for name, value in values.items()
        }
    )


PLAIN = breakdown("ITEM", "30.00")
TAX = breakdown("TAX", "5.70", {"ITEM": "5.70"})


@pytest.mark.parametrize(
    ("breakdowns", "total", "expected", "mode"),
    [
        ([PLAIN], "30.00", line(row_net="30.00"), ""),
        ([PLAIN, TAX], "35.70", line(row_net="30.00", tax="5.70"), "tax on top"),
        ([PLAIN, TAX], "30.00", line(row_net="24.30", tax="5.70"), "tax included"),
        (
            [PLAIN, breakdown("DISCOUNT", "-3.00")],
            "27.00",
            line(row_net="30.00", discount_net="3.00"),
            "discount as given",
        ),
        (
            [PLAIN, breakdown("DISCOUNT", "3.00")],
            "27.00",
            line(row_net="30.00", discount_net="3.00"),
            "discount negated",
        ),
        (
            [PLAIN, TAX, breakdown("DISCOUNT", "-3.00", {"ITEM": "-3.00"})],
            "32.70",
            line(row_net="30.00", tax="5.70", discount_net="3.00"),
            "discount as given, tax on top",
        ),
        # 27.00 with 4.31 of tax in it: of the discount, 0.48 is tax by the same proportion.
        (
            [PLAIN, breakdown("TAX", "4.31", {"ITEM": "4.31"}), breakdown("DISCOUNT", "3.00")],
            "27.00",
            line(row_net="25.21", tax="4.31", discount_net="2.52"),
            "discount negated, tax included",
        ),
        # The same, with Amazon telling the tax of the discount.
        (
            [
                PLAIN,
                breakdown("TAX", "4.31", {"ITEM": "4.79", "DISCOUNT": "-0.48"}),
                breakdown("DISCOUNT", "-3.00", {"ITEM": "-3.00"}),
            ],
            "27.00",
            line(row_net="25.21", tax="4.31", discount_net="2.52"),
            "discount as given, tax included",
        ),
        # Its sign may differ from what the subtotal did with it.
        (
            [
                PLAIN,
                breakdown("TAX", "4.31", {"ITEM": "4.79", "DISCOUNT": "0.48"}),
                breakdown("DISCOUNT", "-3.00", {"ITEM": "-3.00"}),
            ],
            "31.31",
            line(row_net="30.00", tax="4.31", discount_net="3.00"),
            "discount as given, tax on top",
        ),
        # A subtotal contains its details: shipping's part is not taken off twice.
        (
            [
                PLAIN,
                breakdown("SHIPPING", "5.00"),
                breakdown("TAX", "6.65", {"ITEM": "5.70", "SHIPPING": "0.95"}),
                breakdown("DISCOUNT", "-6.00", {"ITEM": "-1.00", "SHIPPING": "-5.00"}),
            ],
            "35.65",
            line(
                row_net="30.00",
                tax="5.70",
                discount_net="1.00",
                shipping_net="5.00",
                shipping_tax="0.95",
                shipping_discount_net="5.00",
            ),
            "discount as given, tax on top",
        ),
        # Without a detail for the goods they have what the other details leave.
        (
            [
                PLAIN,
                breakdown("SHIPPING", "5.00"),
                breakdown("TAX", "6.65", {"SHIPPING": "0.95"}),
                breakdown("DISCOUNT", "6.00", {"SHIPPING": "5.00"}),
            ],
            "35.65",
            line(
                row_net="30.00",
                tax="5.70",
                discount_net="1.00",
                shipping_net="5.00",
                shipping_tax="0.95",
                shipping_discount_net="5.00",
            ),
            "discount negated, tax on top",
        ),
        # Free shipping with tax inside: the tax of the discount belongs to shipping.
        (
            [
                PLAIN,
                breakdown("SHIPPING", "4.99"),
                breakdown("TAX", "4.79", {"ITEM": "4.79", "SHIPPING": "0.80", "DISCOUNT": "-0.80"}),
                breakdown("DISCOUNT", "-4.99", {"SHIPPING": "-4.99"}),
            ],
            "30.00",
            line(row_net="25.21", tax="4.79", shipping_net="4.19", shipping_discount_net="4.19"),
            "discount as given, tax included",
        ),
        # The same without a word on the tax of the discount: none is left on what costs nothing.
        (
            [
                PLAIN,
                breakdown("SHIPPING", "4.99"),
                breakdown("TAX", "5.59", {"ITEM": "4.79", "SHIPPING": "0.80"}),
                breakdown("DISCOUNT", "-4.99", {"SHIPPING": "-4.99"}),
            ],
            "30.00",
            line(row_net="25.21", tax="4.79", shipping_net="4.19", shipping_discount_net="4.19"),
            "discount as given, tax included",
        ),
        # Gift wrap, COD fee and categories to come; the discount on wrapping is taken off it.
        (
            [
                PLAIN,
                breakdown("GIFT_WRAP", "3.50"),
                breakdown("COD_FEE", "2.00"),
                breakdown("OTHER", "1.00"),
                breakdown("LEVY_TO_COME", "0.25"),
                breakdown("TAX", "0.90", {"GIFT_WRAP": "0.50", "COD_FEE": "0.40"}),
                breakdown("DISCOUNT", "-1.50", {"GIFT_WRAP": "-1.50"}),
            ],
            "36.15",
            line(
                row_net="30.00",
                gift_wrap_net="2.00",
                gift_wrap_tax="0.50",
                other_net="3.25",
                other_tax="0.40",
            ),
            "discount as given, tax on top",
        ),
        # A replacement: nothing is paid, whether told by a discount or by zeros.
        (
            [PLAIN, breakdown("DISCOUNT", "-30.00")],
            "0.00",
            line(row_net="30.00", discount_net="30.00"),
            "discount as given",
        ),
        ([breakdown("ITEM", "0.00")], "0.00", line(), ""),
        ([], "0.00", line(), ""),
    ],
)
def test_an_item_is_read_as_its_total_says(
    breakdowns: list[dict[str, Any]], total: str, expected: LineAmounts, mode: str
) -> None:
    read = amounts(an_order(an_item(*breakdowns, total=total), grand_total=total))
    assert read.lines == {ITEM_ID: expected}
    assert (read.grand_total, read.adjustments, read.mode) == (Decimal(total), (), mode)


@pytest.mark.parametrize(
    ("breakdowns", "total", "reason"),
    [
        ([PLAIN, TAX], "33.00", "do not add up to its total"),
        ([PLAIN], "30.02", "do not add up to its total"),
        ([PLAIN, breakdown("DISCOUNT", "3.00")], "33.00", "do not add up to its total"),
        ([PLAIN, breakdown("OTHER", "-1.00")], "29.00", "do not add up to its total"),
        ([breakdown("ITEM", "1.00"), breakdown("TAX", "2.00")], "1.00", "do not add up"),
        # One cent less than the price with tax on top, one more than without: neither is exact.
        ([PLAIN, breakdown("TAX", "0.02")], "30.01", "in more than one way"),
        ([PLAIN, breakdown("TAX", "4.00", {"ITEM": "3.00"})], "34.00", "details of TAX"),
        ([PLAIN, breakdown("DISCOUNT", "-4", {"ITEM": "-3"})], "26.00", "details of DISCOUNT"),
    ],
)
def test_an_item_that_does_not_add_up_is_held(
    breakdowns: list[dict[str, Any]], total: str, reason: str
) -> None:
    hold = held(an_order(an_item(*breakdowns, total=total), grand_total=total))
    assert hold.code == HoldCode.TOTALS_UNCLEAR
    assert reason in hold.reason
    assert hold.facts["line"] == ITEM_ID


def test_a_hold_shows_the_sums_that_were_tried() -> None:
    item = an_item(PLAIN, TAX, breakdown("DISCOUNT", "-3.00"), total="40.00")
    assert held(an_order(item, grand_total="40.00")).facts == {
        "line": ITEM_ID,
        "proceeds_total": "40.00",
        "tax on top, discount as given": "32.70",
        "tax on top, discount negated": "38.70",
        "tax included, discount as given": "27.00",
        "tax included, discount negated": "33.00",
    }


def test_an_exact_reading_beats_one_that_is_a_cent_off() -> None:
    item = an_item(PLAIN, breakdown("TAX", "0.02"), total="30.02")
    assert only_line(an_order(item, grand_total="30.02")).tax == Decimal("0.02")


def test_cents_that_are_left_over_become_an_adjustment() -> None:
    item = an_item(PLAIN, TAX, total="35.71")
    read = amounts(an_order(item, grand_total="35.72"))
    assert read.lines == {ITEM_ID: line(row_net="30.00", tax="5.70")}
    assert read.adjustments == (Adjustment("Rounding", Decimal("0.02")),)


def test_what_only_the_order_has_becomes_an_adjustment() -> None:
    read = amounts(
        an_order(
            an_item(PLAIN, TAX, total="35.70"),
            grand_total="44.70",
            breakdowns=[
                breakdown("ITEM", "30.00"),
                breakdown("TAX", "5.70"),
                breakdown("DELIVERY_TIP", "5.00"),
                breakdown("SHIPPING", "4.00"),
                breakdown("GIFT_WRAP", "0.00"),
            ],
        )
    )
    assert read.adjustments == (
        Adjustment("Delivery tip", Decimal("5.00")),
        Adjustment("Shipping", Decimal("4.00")),
    )


def test_items_that_do_not_make_up_the_order_are_held() -> None:
    items = [an_item(PLAIN, total="30.00"), an_item(PLAIN, total="30.00", item_id=SECOND)]
    hold = held(an_order(*items, grand_total="61.00"))
    assert (hold.code, hold.facts) == (
        HoldCode.TOTALS_UNCLEAR,
        {"grand_total": "61.00", "sums": "60.00"},
    )


def test_each_item_is_read_by_itself() -> None:
    read = amounts(
        an_order(
            an_item(PLAIN, TAX, total="35.70"),
            an_item(PLAIN, TAX, total="30.00", item_id=SECOND),
            grand_total="65.70",
        )
    )
    assert read.lines == {
        ITEM_ID: line(row_net="30.00", tax="5.70"),
        SECOND: line(row_net="24.30", tax="5.70"),
    }
    assert read.mode == "tax included, tax on top"


@pytest.mark.parametrize(
    ("marketplace", "total", "grand_total", "expected", "adjustments"),
    [
        # On top, and inside the order's total or not.
        (None, "35.70", "35.70", {"row_net": "30.00", "tax": "5.70"}, ()),
        (None, "35.70", "30.00", {"row_net": "30.00", "withheld_tax": "5.70"}, ()),
        # In the price.
        (None, "30.00", "30.00", {"row_net": "24.30", "tax": "5.70"}, ()),
        (None, "30.00", "24.30", {"row_net": "24.30", "withheld_tax": "5.70"}, ()),
        # American prices never contain tax: a total without it means that Amazon kept it.
        (UNITED_STATES, "35.70", "35.70", {"row_net": "30.00", "tax": "5.70"}, ()),
        (UNITED_STATES, "30.00", "30.00", {"row_net": "30.00", "withheld_tax": "5.70"}, ()),
        (UNITED_STATES, "30.00", "35.70", {"row_net": "30.00", "tax": "5.70"}, ()),
    ],
)
def test_tax_that_amazon_collects(
    marketplace: str | None,
    total: str,
    grand_total: str,
    expected: dict[str, str],
    adjustments: tuple[str, ...],
) -> None:
    item = an_item(PLAIN, TAX, total=total, facilitated=True)
    place = {} if marketplace is None else {"marketplace": marketplace}
    read = amounts(an_order(item, grand_total=grand_total, **place))  # type: ignore[arg-type]
    assert read.lines == {ITEM_ID: line(**expected, tax_is_collected_by_marketplace=True)}
    assert read.adjustments == tuple(
        Adjustment("Tax collected by Amazon", Decimal(amount)) for amount in adjustments
    )


def test_an_only_item_without_a_total_takes_the_orders() -> None:
    order = an_order(
        an_item(PLAIN, TAX),
        grand_total="40.70",
        breakdowns=[breakdown("DELIVERY_TIP", "5.00")],
    )
    assert amounts(order).mode == "tax on top"
    assert only_line(order) == line(row_net="30.00", tax="5.70")


def test_an_only_item_without_proceeds_takes_the_orders() -> None:
    order = an_order(
        an_item(),
        grand_total="40.70",
        breakdowns=[PLAIN, breakdown("TAX", "5.70"), breakdown("DELIVERY_TIP", "5.00")],
    )
    assert only_line(order) == line(row_net="30.00", tax="5.70")
    assert amounts(order).adjustments == (Adjustment("Delivery tip", Decimal("5.00")),)


def test_items_without_totals_are_read_alike() -> None:
    items = [an_item(PLAIN, TAX), an_item(PLAIN, TAX, item_id=SECOND)]
    expected = line(row_net="24.30", tax="5.70")
    read = amounts(an_order(*items, grand_total="60.00"))
    assert (read.lines, read.mode) == ({ITEM_ID: expected, SECOND: expected}, "tax included")
    assert held(an_order(*items, grand_total="65.70")).code == HoldCode.TOTALS_UNCLEAR


def test_an_item_without_proceeds_has_its_unit_price() -> None:
    order = an_order(an_item(quantity=3, unit_price="10.00"), grand_total="30.00")
    assert only_line(order) == line(row_net="30.00")


def test_without_a_total_of_the_order_the_items_make_it() -> None:
    items = [an_item(PLAIN, TAX, total="35.70"), an_item(PLAIN, total="30.00", item_id=SECOND)]
    tip = breakdown("DELIVERY_TIP", "5.00")
    assert amounts(an_order(*items, breakdowns=[tip])).grand_total == Decimal("70.70")


@pytest.mark.parametrize(
    "order",
    [
        an_order(),
        an_order(an_item(PLAIN)),
        an_order(an_item(unit_price="30.00")),
        an_order(an_item(PLAIN, total="30.00"), an_item(item_id=SECOND)),
        an_order(proceeds=None),
        an_order(an_item(total="many"), grand_total="1E+40"),
    ],
)
def test_an_order_without_money_to_compare_is_held(order: dict[str, Any]) -> None:
    assert held(order).code == HoldCode.TOTALS_UNCLEAR


def test_an_order_in_two_currencies_is_held() -> None:
    item = an_item(breakdown("ITEM", "30.00", currency="GBP"), total="30.00")
    hold = held(an_order(item, grand_total="30.00"))
    assert (hold.code, hold.reason) == (
        HoldCode.CURRENCY,
        "the order has amounts in EUR and GBP",
    )


@pytest.mark.parametrize(
    ("unit_price", "adds_up"),
    [("10.00", True), ("10.01", True), ("11.90", True), ("30.00", False), ("9.00", False)],
)
def test_the_unit_price_is_not_the_price_of_the_line(unit_price: str, adds_up: bool) -> None:
    item = an_item(PLAIN, TAX, total="35.70", quantity=3, unit_price=unit_price)
    order = an_order(item, grand_total="35.70")
    if adds_up:
        assert only_line(order).row_net == Decimal("30.00")
    else:
        assert held(order).facts["item_subtotal"] == "30.00"


def test_goods_sold_by_weight_have_a_unit_price_of_their_own() -> None:
    item = an_item(PLAIN, total="30.00", unit_price="12.50")
    item["measurement"] = {"unit": "KILOGRAMS", "value": 2.4}
    assert only_line(an_order(item, grand_total="30.00")).row_net == Decimal("30.00")


def test_yen_have_no_decimals() -> None:
    item = an_item(
        breakdown("ITEM", "1980", currency="JPY"),
        breakdown("TAX", "180", {"ITEM": "180"}, currency="JPY"),
        breakdown("DISCOUNT", "-100", {"ITEM": "-100"}, currency="JPY"),
        total="1880",
        currency="JPY",
    )
    read = amounts(an_order(item, grand_total="1881", currency="JPY", marketplace=JAPAN))
    # 100 yen of discount hold 180 / 1880 of tax: ten yen, rounded.
    assert read.lines == {ITEM_ID: line(row_net="1790", tax="180", discount_net="90")}
    assert read.adjustments == (Adjustment("Rounding", Decimal(1)),)


def test_an_amount_without_a_number_counts_as_missing() -> None:
    item = an_item(PLAIN, breakdown("TAX", "unknown"), total="30.00")
    item["proceeds"]["breakdowns"].append({"type": "SHIPPING", "subtotal": {"amount": 5.5}})
    assert only_line(an_order(item, proceeds={"grandTotal": money("30.00")})) == line(
        row_net="30.00"
    )


def test_says_how_each_line_was_read_and_what_amazon_keeps() -> None:
    items = [
        an_item(PLAIN, TAX, total="35.70", facilitated=True),
        an_item(PLAIN, TAX, total="30.00", item_id=SECOND),
    ]
    read = amounts(an_order(*items, grand_total="65.70"))
    assert read.readings == {ITEM_ID: "tax on top", SECOND: "tax included"}
    assert (read.mode, read.collected_tax) == ("tax included, tax on top", Decimal("5.70"))
    assert read.doubt == ""
