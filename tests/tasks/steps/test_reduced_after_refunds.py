"""A part cancelled on Amazon of an order of which the shop has given back money before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.db import Sessions
from pipeline.outcome import Hold, HoldCode
from tests.magento.standing_in import StandIn, standing_in
from tests.tasks.steps.placing import Place, a_line
from tests.tasks.steps.test_reduced_in_shop import LEAVE, LINES, ONE_LESS, Cut


@pytest.fixture(scope="module")
def one_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with standing_in(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture
def shop(one_shop: StandIn) -> StandIn:
    one_shop.tell("reset")
    for sku in ("A", "B"):
        one_shop.tell("products", sku=sku, qty=100)
    return one_shop


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
    cheaper = {**a_line("I1", "A", 2), "proceeds": a_line("I1", "A", 0)["proceeds"]}
    cheaper["proceeds"] = a_line("I1", "A", 1)["proceeds"]
    less.wants(cheaper, {**a_line("I2", "B", 2), "proceeds": a_line("I2", "B", 0)["proceeds"]})
    outcome, _ = less.run()
    assert isinstance(outcome, Hold)
    assert (outcome.code, outcome.facts) == (
        HoldCode.PARTLY_CANCELLED,
        {"magento": "25", "amazon": "10.00"},
    )
    assert [memo["grand_total"] for memo in less.memos()] == [25]


def test_a_rest_that_costs_more_than_the_whole_has_advice_that_can_be_followed(
    shop: StandIn, sessions: Sessions
) -> None:
    dearer = {**a_line("I1", "A", 2), "proceeds": a_line("I1", "A", 4)["proceeds"]}
    less = Cut(Place(shop, sessions, LINES), dearer, a_line("I2", "B", 2))
    outcome, _ = less.run()
    assert outcome == Hold(
        HoldCode.PARTLY_CANCELLED,
        "Amazon cancelled a part of the order and its total is 60.00 EUR now; Magento's order "
        "comes to 50 less its credit memos: invoice the difference outside this order, or cancel "
        "this order in Magento and enter it anew there; then dismiss it here",
        {"magento": "50", "amazon": "60.00"},
    )
    assert less.memos() == []
