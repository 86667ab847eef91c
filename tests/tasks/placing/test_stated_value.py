"""An order of which Amazon tells no amount is filled in with a person's word."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from pipeline.amazon.amounts import amounts
from pipeline.base.errors import CannotMap
from pipeline.orders.outcome import Done, HoldCode
from pipeline.orders.stated_value import StatedValue, tells_no_total
from tests.builders import a_raw_item, a_raw_order, an_order
from tests.tasks.as_run import enrich_order
from tests.tasks.fakes import MUG, FakeShop, clients

BARE = {"asin": "B000000001", "title": "A mug", "sellerSku": "MUG-BLUE"}
PRICED = {**BARE, "price": {"unitPrice": {"amount": "5.00", "currencyCode": "EUR"}}}
WORTH = StatedValue(Decimal("10.01"), "EUR", {"I1": 2, "I2": 1}, "anna").as_json()


def without_total(product: dict[str, Any]) -> dict[str, Any]:
    lines = [
        a_raw_item(orderItemId=item_id, quantityOrdered=units, product=product, proceeds=None)
        for item_id, units in (("I1", 2), ("I2", 1))
    ]
    return a_raw_order(proceeds=None, orderItems=lines)


RAWS = pytest.mark.parametrize(
    "raw", [without_total(BARE), without_total(PRICED)], ids=["no amount", "no total"]
)


@RAWS
@pytest.mark.parametrize("trust_total", [False, True])
def test_the_hold_says_that_amazon_tells_no_total(raw: dict[str, Any], trust_total: bool) -> None:
    with pytest.raises(CannotMap) as held:
        amounts(raw, trust_total=trust_total)
    assert held.value.code == HoldCode.TOTALS_UNCLEAR
    assert tells_no_total(held.value.facts)


def test_amounts_that_do_not_add_up_are_another_hold() -> None:
    raw = a_raw_order(proceeds={"grandTotal": {"amount": "99.00", "currencyCode": "EUR"}})
    with pytest.raises(CannotMap) as held:
        amounts(raw)
    assert not tells_no_total(held.value.facts)


@RAWS
@pytest.mark.parametrize(
    ("total", "shares"), [("10.01", ["6.67", "3.34"]), ("0.00", ["0.00", "0.00"])]
)
def test_the_order_is_filled_in_with_the_word(
    raw: dict[str, Any], total: str, shares: list[str]
) -> None:
    shop = FakeShop(products={"MUG-BLUE": MUG}, salable={"MUG-BLUE": True})
    order = an_order(raw=raw, stated_value={**WORTH, "total": total}, step="enrich_order")
    assert enrich_order(order, clients(shop=shop)) == Done()
    assert order.total_proof is not None
    assert (order.total_proof["grand_total"], order.total_proof["said_by"]) == (total, "anna")
    assert list(order.total_proof["lines"].values()) == shares
    assert [item.line_total for item in order.items] == [Decimal(share) for share in shares]


def test_what_amazon_tells_before_that_counts_and_after_that_the_word() -> None:
    ready = clients(shop=FakeShop(products={"MUG-BLUE": MUG}, salable={"MUG-BLUE": True}))
    value = replace(StatedValue.from_json(WORTH), units={"I1": 2}).as_json()
    told = an_order(raw=a_raw_order(), stated_value=value, step="enrich_order")
    assert ready.amounts(told).grand_total == Decimal("20.00")
    filled_in = an_order(
        raw=a_raw_order(), stated_value=value, step="create_order", total_proof={"said_by": "anna"}
    )
    assert ready.amounts(filled_in).grand_total == Decimal("10.01")
