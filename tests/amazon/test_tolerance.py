"""Each amount of an item may be off by a minor unit, and no more than that."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline.amazon.items import Item, line
from pipeline.amazon.proceeds import read_item
from pipeline.base.errors import CannotMap
from tests.amazon.orders import an_item, breakdown


def read(item_tax: str) -> Decimal:
    proceeds = [
        breakdown("ITEM", "10.00"),
        breakdown("SHIPPING", "2.00"),
        breakdown("TAX", "1.00", {"ITEM": item_tax, "SHIPPING": "0.20"}),
    ]
    return read_item(Item("I1", 1, an_item(*proceeds)), "EUR", proceeds).tax


def test_three_amounts_may_be_off_by_three_minor_units() -> None:
    assert read("0.77") == Decimal("1.00")
    assert read("0.83") == Decimal("1.00")


@pytest.mark.parametrize("item_tax", ["0.76", "0.84"])
def test_but_not_by_four(item_tax: str) -> None:
    with pytest.raises(CannotMap, match="the details of TAX do not add up"):
        read(item_tax)


@pytest.mark.parametrize("told", [2, "2", "2.0", Decimal("2.0")])
def test_a_number_may_come_as_text(told: object) -> None:
    raw = {"fulfillment": {"quantityFulfilled": told}}
    assert line(Item("I1", 3, raw)).quantity_fulfilled == 2
