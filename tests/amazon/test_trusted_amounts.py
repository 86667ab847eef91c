"""What costs nothing, and what does not add up but is taken with Amazon's total."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.amazon.amounts import amounts
from pipeline.base.errors import CannotMap
from pipeline.orders.amounts import Adjustment, LineAmounts
from pipeline.orders.outcome import HoldCode
from tests.amazon.orders import JAPAN, an_item, an_order, breakdown
from tests.amazon.test_amounts import ITEM_ID, PLAIN, SECOND, TAX, held, line, only_line

REPLACEMENT = [{"orderId": "302-0", "associationType": "REPLACEMENT_ORIGINAL_ID"}]
FREE_ITEM = an_item(total="0.00")


@pytest.mark.parametrize(
    ("order", "currency"),
    [
        (an_order(FREE_ITEM, grand_total="0.00"), "EUR"),
        (an_order(FREE_ITEM, grand_total="0"), "EUR"),
        (an_order(an_item(breakdown("ITEM", "0.00"))), "EUR"),
        # The price the original had is no price of the replacement.
        (an_order(an_item(unit_price="15.00", quantity=2), grand_total="0.00"), "EUR"),
        (an_order(), "EUR"),
        (an_order(proceeds=None, marketplace=JAPAN), "JPY"),
    ],
)
def test_a_replacement_is_free(order: dict[str, Any], currency: str) -> None:
    read = amounts(order | {"associatedOrders": REPLACEMENT})
    assert read.lines == {ITEM_ID: LineAmounts()}
    assert (read.grand_total, read.currency, read.adjustments) == (Decimal(0), currency, ())
    assert read.mode == "a replacement, free of charge"


def test_a_replacement_that_costs_something_is_an_ordinary_order() -> None:
    item = an_item(breakdown("ITEM", "30.00"), breakdown("DISCOUNT", "-30.00"), total="0.00")
    order = an_order(item, grand_total="0.00", associatedOrders=REPLACEMENT)
    assert only_line(order) == line(row_net="30.00", discount_net="30.00")


@pytest.mark.parametrize(
    "order",
    [
        an_order(associatedOrders=REPLACEMENT, marketplace="A-NEW-MARKETPLACE", proceeds=None),
        an_order(associatedOrders=[{"orderId": "1", "associationType": "EXCHANGE_ORIGINAL_ID"}]),
    ],
)
def test_without_a_word_on_money_an_order_is_not_free(order: dict[str, Any]) -> None:
    assert held(order).code == HoldCode.TOTALS_UNCLEAR


def test_cancelled_lines_are_not_charged() -> None:
    items = [an_item(PLAIN, total="30.00"), an_item(item_id=SECOND, quantity=0, unit_price="9.00")]
    assert set(amounts(an_order(*items, grand_total="30.00")).lines) == {ITEM_ID}


DIFFERENCE = "Difference to Amazon's total"


@pytest.mark.parametrize(
    ("order", "lines", "adjustments"),
    [
        pytest.param(
            an_order(an_item(PLAIN, TAX, total="35.70"), grand_total="40.00"),
            {ITEM_ID: line(row_net="30.00", tax="5.70")},
            (Adjustment(DIFFERENCE, Decimal("4.30")),),
            id="the order's total is higher",
        ),
        pytest.param(
            an_order(an_item(PLAIN, TAX, total="35.70"), grand_total="20.00"),
            {ITEM_ID: line(row_net="30.00", tax="5.70")},
            (Adjustment(DIFFERENCE, Decimal("-15.70")),),
            id="the order's total is lower",
        ),
        pytest.param(
            an_order(an_item(PLAIN, TAX, total="35.70"), grand_total="2.00"),
            {ITEM_ID: line(row_net="35.70")},
            (Adjustment(DIFFERENCE, Decimal("-33.70")),),
            id="so low that the tax cannot be right",
        ),
        pytest.param(
            an_order(an_item(PLAIN, TAX, total="31.00"), grand_total="31.00"),
            {ITEM_ID: line(row_net="24.30", tax="5.70")},
            (Adjustment(DIFFERENCE, Decimal("1.00")),),
            id="the item's total is off: the closest reading counts",
        ),
        pytest.param(
            an_order(
                an_item(PLAIN, breakdown("TAX", "5.70", {"ITEM": "1.00", "SHIPPING": "1.00"})),
                grand_total="30.00",
            ),
            {ITEM_ID: line(row_net="0.00")},
            (Adjustment(DIFFERENCE, Decimal("30.00")),),
            id="details that contradict, without total or unit price",
        ),
        pytest.param(
            an_order(
                an_item(PLAIN, unit_price="9.00", quantity=2, total="30.00"), grand_total="30.00"
            ),
            {ITEM_ID: line(row_net="30.00")},
            (),
            id="the unit price is another",
        ),
        pytest.param(
            an_order(an_item(breakdown("DISCOUNT", "3.00"), total="-3.00"), grand_total="0.00"),
            {ITEM_ID: line(row_net="0.00")},
            (),
            id="less than nothing is nothing",
        ),
        pytest.param(
            an_order(
                an_item(
                    breakdown("ITEM", "10.00"),
                    breakdown("SHIPPING", "40.00"),
                    breakdown("DISCOUNT", "-30.00"),
                    total="20.00",
                ),
                grand_total="15.00",
            ),
            {ITEM_ID: line(row_net="20.00")},
            (Adjustment(DIFFERENCE, Decimal("-5.00")),),
            id="a discount above the price",
        ),
    ],
)
def test_a_total_that_is_trusted_is_met_by_an_adjustment(
    order: dict[str, Any], lines: dict[str, LineAmounts], adjustments: tuple[Adjustment, ...]
) -> None:
    reason = held(order).reason
    read = amounts(order, trust_total=True)
    assert (read.lines, read.adjustments, read.doubt) == (lines, adjustments, reason)


@pytest.mark.parametrize(
    "order",
    [
        an_order(),
        an_order(an_item(PLAIN, total="30.00"), grand_total="-1.00"),
        an_order(an_item(PLAIN), an_item(PLAIN, item_id=SECOND)),
    ],
)
def test_without_a_usable_total_there_is_nothing_to_trust(order: dict[str, Any]) -> None:
    with pytest.raises(CannotMap) as hold:
        amounts(order, trust_total=True)
    assert hold.value.code == HoldCode.TOTALS_UNCLEAR


def test_two_currencies_are_never_trusted() -> None:
    items = [an_item(PLAIN, total="30.00"), an_item(total="5.00", item_id=SECOND, currency="GBP")]
    with pytest.raises(CannotMap) as hold:
        amounts(an_order(*items, grand_total="35.00"), trust_total=True)
    assert hold.value.code == HoldCode.CURRENCY
