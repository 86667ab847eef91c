"""A part cancelled on Amazon of an order of which the shop has given back money before."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.orders.outcome import Hold, HoldCode
from tests.amazon.orders import money
from tests.magento.standing_in import StandIn
from tests.tasks.cancelling.test_part_cancelled_in_shop import LEAVE, LINES, ONE_LESS, Cut
from tests.tasks.placed import Place, a_line


@pytest.fixture
def shop(one_shop: StandIn) -> StandIn:
    one_shop.tell("reset")
    for sku in ("A", "B"):
        one_shop.tell("products", sku=sku, qty=100)
    return one_shop


def priced(sku: str, quantity: int, unit: str) -> dict[str, Any]:
    """A line of A with another price."""
    line = a_line("I1", sku, quantity)
    total = money(f"{quantity * Decimal(unit):.2f}")
    line["product"]["price"]["unitPrice"] = money(unit)
    line["proceeds"] = {
        "proceedsTotal": total,
        "breakdowns": [{"type": "ITEM", "subtotal": total}],
    }
    return line


def test_what_was_given_back_before_is_not_there_to_be_given_back_again(
    shop: StandIn, sessions: Sessions
) -> None:
    """Of 50 only A's 30 are invoiced, and 25 of them given back: 5 are left, and 10 are wanted."""
    less = Cut(Place(shop, sessions, LINES, settings=LEAVE), *ONE_LESS)
    order = f"/order/{less.placed.magento_order_id}"
    item_id = less.there()["items"][0]["item_id"]
    shop.rest(
        "POST",
        f"{order}/invoice",
        {"items": [{"order_item_id": item_id, "qty": 3}], "capture": True},
    )
    arguments = {"shipping_amount": 0, "adjustment_positive": 25}
    given_back = {"items": [{"order_item_id": item_id, "qty": 0}], "arguments": arguments}
    shop.rest("POST", f"{order}/refund", given_back)
    free = {**a_line("I2", "B", 2), "product": {"sellerSku": "B", "title": "B"}}
    free["proceeds"] = {**a_line("I2", "B", 1)["proceeds"]}
    less.wants(priced("A", 2, "2.50"), free)
    outcome, _ = less.run()
    assert isinstance(outcome, Hold)
    assert (outcome.code, outcome.facts) == (
        HoldCode.PARTLY_CANCELLED,
        {"magento": "25", "amazon": "15.00"},
    )
    assert [memo["grand_total"] for memo in less.memos()] == [25]


def test_a_rest_that_costs_more_than_the_whole_has_advice_that_can_be_followed(
    shop: StandIn, sessions: Sessions
) -> None:
    less = Cut(Place(shop, sessions, LINES), priced("A", 2, "20.00"), a_line("I2", "B", 2))
    outcome, _ = less.run()
    assert outcome == Hold(
        HoldCode.PARTLY_CANCELLED,
        "Amazon cancelled a part of the order and its total is 60.00 EUR now; Magento's order "
        "comes to 50 less its credit memos: invoice the difference outside this order, or cancel "
        "this order in Magento and enter it anew there; then dismiss it here",
        {"magento": "50", "amazon": "60.00"},
    )
    assert less.memos() == []
