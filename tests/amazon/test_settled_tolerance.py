"""An item's total may differ from its amounts by a minor unit for each, and no more."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline.amazon.items import Item
from pipeline.amazon.proceeds import read_item
from pipeline.amazon.proceeds_readings import settled
from pipeline.base.errors import CannotMap
from tests.amazon.orders import an_item, breakdown


def net(total: str) -> Decimal:
    proceeds = [breakdown("ITEM", "10.00"), breakdown("SHIPPING", "2.00")]
    item = read_item(Item("I1", 1, an_item(*proceeds)), "EUR", proceeds)
    assert item.components == 2
    return settled(item, Decimal(total), prices_never_contain_tax=False).amounts.row_net


@pytest.mark.parametrize("total", ["11.98", "11.99", "12.00", "12.01", "12.02"])
def test_two_amounts_may_be_off_by_two_minor_units(total: str) -> None:
    assert net(total) == Decimal("10.00")


@pytest.mark.parametrize("total", ["11.97", "12.03"])
def test_but_not_by_three(total: str) -> None:
    with pytest.raises(CannotMap, match="its amounts do not add up to its total"):
        net(total)
