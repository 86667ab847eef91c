"""A part of an order cancelled on Amazon, after the Magento order exists."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.magento.records import MagentoItem
from pipeline.orders.outcome import Hold, HoldCode
from pipeline.orders.tables import Order
from tasks.cancelling.fewer_units import being_reduced
from tasks.cancelling.part_cancelled import reduced
from tests.builders import a_raw_item, a_raw_order, an_item, an_order
from tests.tasks.fakes import FakeShop, a_magento_order, clients

HELD = Hold(
    HoldCode.PARTLY_CANCELLED,
    "Amazon cancelled 1 of 2 MUG-BLUE: take them off Magento's order with a credit memo, and the "
    "order goes on by itself",
    {"sku": "MUG-BLUE", "quantity": "1"},
)


def a_shop(**item: Any) -> FakeShop:
    line = MagentoItem(501, "MUG-BLUE", "I1", quantity_ordered=Decimal(2), **item)
    return FakeShop(order=a_magento_order(items=(line,)))


def an_order_of(quantity: int, **changes: Any) -> Order:
    """An order of two mugs in Magento, of which Amazon now says `quantity`."""
    raw = a_raw_order(orderItems=[a_raw_item(quantityOrdered=quantity)])
    items = [an_item(quantity=2, magento_item_id=501)]
    return an_order(**{"raw": raw, "items": items, "magento_order_id": 900, **changes})


def take_off(order: Order, shop: FakeShop) -> Hold | None:
    """What becomes of an order of which Amazon wants less."""
    remotes = clients(shop=shop)
    fewer = being_reduced(order, remotes)
    assert fewer
    return reduced(order, fewer, remotes)


@pytest.mark.parametrize("quantity", [2, 3])
def test_nothing_is_asked_of_the_shop_unless_there_is_less_to_ship(quantity: int) -> None:
    order, shop = an_order_of(quantity), FakeShop()
    assert being_reduced(order, clients(shop=shop)) == []
    assert (shop.calls, order.items[0].quantity) == ([], 2)


def test_before_the_magento_order_exists_it_is_simply_created_smaller() -> None:
    assert being_reduced(an_order_of(1, magento_order_id=None), clients(shop=FakeShop())) == []


def test_it_is_held_while_magento_would_still_ship_all_of_it() -> None:
    order, shop = an_order_of(1), a_shop()
    assert take_off(order, shop) == HELD
    assert (shop.calls, order.items[0].quantity) == ([("order", 900)], 2)


@pytest.mark.parametrize("how", ["quantity_refunded", "quantity_canceled"])
def test_it_goes_on_by_itself_once_magento_has_less_too(how: str) -> None:
    order = an_order_of(1)
    assert take_off(order, a_shop(**{how: Decimal(1)})) is None
    assert order.items[0].quantity == 1


def test_a_line_cancelled_whole_beside_others_counts_too() -> None:
    raw = a_raw_order(
        orderItems=[
            a_raw_item(orderItemId="I1", quantityOrdered=0),
            a_raw_item(orderItemId="I2", quantityOrdered=1),
        ]
    )
    items = [an_item(quantity=2, magento_item_id=501)]
    order = an_order(raw=raw, items=items, magento_order_id=900)
    hold = take_off(order, a_shop())
    assert hold is not None
    assert (hold.code, hold.facts["quantity"]) == (HoldCode.PARTLY_CANCELLED, "0")
