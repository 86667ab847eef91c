"""Credit memos of the Magento stand-in: their sums, and what they do to stock."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.test_magento_auth import Caller, magento, one_shop
from tests.sandbox.test_magento_documents import reserve, ship, stock
from tests.sandbox.test_magento_orders import a_line, place, state

__all__ = ["magento", "one_shop"]


def refund(magento: Caller, order_id: int, item_id: int, qty: float, *returned: int) -> Any:
    arguments: dict[str, Any] = {"shipping_amount": 0}
    if returned:
        arguments["extension_attributes"] = {"return_to_stock_items": list(returned)}
    body = {"items": [{"order_item_id": item_id, "qty": qty}], "arguments": arguments}
    return magento.call("POST", f"order/{order_id}/refund", body)


@pytest.mark.parametrize(
    ("sent_first", "back", "after", "at_the_end"),
    [
        (True, False, (7, 7, 0), (7, 7, 0)),
        (True, True, (8, 8, 0), (8, 8, 0)),
        (False, False, (7, 9, -2), (7, 7, 0)),
        (False, True, (8, 10, -2), (8, 8, 0)),
    ],
)
def test_a_refund_of_one_of_three(
    magento: Caller, sent_first: bool, back: bool, after: Any, at_the_end: Any
) -> None:
    made = reserve(magento, a_line("CHAIR", 3))
    order_id, item_id = made["entity_id"], made["items"][0]["item_id"]
    magento.ok("POST", f"order/{order_id}/invoice")
    if sent_first:
        ship(magento, order_id)
    assert refund(magento, order_id, item_id, 1, *([item_id] if back else [])).json() == "1"
    assert stock(magento, "CHAIR") == after
    if not sent_first:
        ship(magento, order_id)
    assert stock(magento, "CHAIR") == at_the_end
    (memo,) = magento.ok("GET", "creditmemos?searchCriteria=")["items"]
    assert memo["grand_total"] == 11.9
    # What was refunded before it was sent still counts as to be shipped.
    end = "complete" if sent_first else "processing"
    assert state(magento, order_id) == (end, end)


def test_no_more_is_refunded_than_was_paid(magento: Caller) -> None:
    made = place(magento, state="processing", status="processing")
    order_id, item_id = made["entity_id"], made["items"][0]["item_id"]
    assert refund(magento, order_id, item_id, 1).status_code == 400
    magento.ok("POST", f"order/{order_id}/invoice")
    assert magento.ok("POST", f"order/{order_id}/refund", {"notify": False}) == "1"
    assert state(magento, order_id) == ("closed", "closed")
    assert magento.ok("GET", f"orders/{order_id}")["total_refunded"] == 28.79
    assert refund(magento, order_id, item_id, 1).status_code == 400


def test_an_order_that_amazon_ships_touches_stock_only_when_it_is_refunded(magento: Caller) -> None:
    line = a_line("FBA-1", 2, qty_shipped=2)
    made = place(magento, line, state="processing", status="processing")
    order_id, item_id = made["entity_id"], made["items"][0]["item_id"]
    magento.ok("POST", f"order/{order_id}/invoice")
    assert state(magento, order_id) == ("complete", "complete")
    assert stock(magento, "FBA-1") == (40, 40, 0)
    by_adjustment = {
        "items": [{"order_item_id": item_id, "qty": 0}],
        "arguments": {"shipping_amount": 0, "adjustment_positive": 5},
    }
    assert magento.ok("POST", f"order/{order_id}/refund", by_adjustment) == "1"
    assert stock(magento, "FBA-1") == (40, 40, 0)
    refund(magento, order_id, item_id, 1)
    assert stock(magento, "FBA-1") == (40, 39, 1)


@pytest.mark.parametrize(
    ("changes", "after"),
    [
        ({}, (40, 38, 2)),
        ({"product_id": 0}, (40, 38, 2)),
        ({"product_id": 0, "sku": "FBA-1 (FBA)"}, (40, 40, 0)),
        ({"product_type": "fba"}, (40, 40, 0)),
    ],
)
def test_which_lines_of_amazons_orders_can_be_refunded_without_moving_stock(
    magento: Caller, changes: dict[str, Any], after: tuple[float, float, float]
) -> None:
    line = a_line("FBA-1", 2, qty_shipped=2) | changes
    made = place(magento, line, state="processing", status="processing")
    magento.ok("POST", f"order/{made['entity_id']}/invoice")
    assert refund(magento, made["entity_id"], made["items"][0]["item_id"], 2).status_code == 200
    assert stock(magento, "FBA-1") == after


def test_a_memo_of_lines_that_were_never_invoiced_is_zero(magento: Caller) -> None:
    line = a_line("FBA-1", 2, qty_shipped=2, qty_invoiced=2)
    paid = {"total_paid": 28.79, "base_total_paid": 28.79}
    made = place(magento, line, state="complete", status="complete", **paid)
    assert refund(magento, made["entity_id"], made["items"][0]["item_id"], 1).status_code == 200
    (memo,) = magento.ok("GET", "creditmemos?searchCriteria=")["items"]
    assert memo["grand_total"] == 0
    assert magento.ok("GET", "creditmemo/1") == memo
    assert magento.call("GET", "creditmemo/2").status_code == 404


def test_a_memo_that_names_no_lines_takes_all(magento: Caller) -> None:
    made = place(magento, a_line(), a_line("MUG-RED", 1))
    magento.ok("POST", f"order/{made['entity_id']}/invoice")
    magento.ok("POST", f"order/{made['entity_id']}/refund", {"arguments": {"shipping_amount": 0}})
    (memo,) = magento.ok("GET", "creditmemos?searchCriteria=")["items"]
    assert [line["qty"] for line in memo["items"]] == [2, 1]
    assert memo["grand_total"] == 35.7


def adjust(magento: Caller, order_id: int, item_id: int, **arguments: float) -> Any:
    body: dict[str, Any] = {"items": [{"order_item_id": item_id, "qty": 0}]}
    body["arguments"] = {"shipping_amount": 0, **arguments}
    return magento.call("POST", f"order/{order_id}/refund", body)


def an_invoiced_order(magento: Caller, **changes: Any) -> tuple[int, int]:
    made = place(magento, **changes)
    magento.ok("POST", f"order/{made['entity_id']}/invoice")
    return made["entity_id"], made["items"][0]["item_id"]


def memos(magento: Caller) -> Any:
    return magento.ok("GET", "creditmemos?searchCriteria=")["items"]


def test_a_memo_of_an_adjustment_names_its_line_with_no_units(magento: Caller) -> None:
    order_id, item_id = an_invoiced_order(magento)
    answer = adjust(magento, order_id, item_id, adjustment_positive=7.5, adjustment_negative=2.25)
    assert answer.json() == "1"
    (memo,) = memos(magento)
    (line,) = memo["items"]
    assert (line["order_item_id"], line["qty"], line["row_total"]) == (item_id, 0, 0)
    told = [memo[f"adjustment{name}"] for name in ("_positive", "_negative", "")]
    assert (told, memo["grand_total"]) == ([7.5, 2.25, 5.25], 5.25)


def test_a_memo_of_more_than_was_paid_is_refused_with_what_is_left(magento: Caller) -> None:
    order_id, item_id = an_invoiced_order(magento)
    assert adjust(magento, order_id, item_id, adjustment_positive=16.29).status_code == 200
    answer = adjust(magento, order_id, item_id, adjustment_positive=12.51)
    said = "Creditmemo Document Validation Error(s):\nThe most money available to refund is 12.5."
    assert (answer.status_code, answer.json()["message"]) == (400, said)
    assert len(memos(magento)) == 1


def test_no_more_shipping_is_refunded_than_there_was(magento: Caller) -> None:
    order_id, item_id = an_invoiced_order(magento)
    answer = adjust(magento, order_id, item_id, shipping_amount=100)
    said = "Maximum shipping amount allowed to refund is: %1"
    assert (answer.status_code, answer.json()["message"]) == (400, said)
    assert memos(magento) == []


def test_comments_come_with_their_memo(magento: Caller) -> None:
    order_id, item_id = an_invoiced_order(magento)
    comment = {"comment": "amazon-refund: PriceError", "is_visible_on_front": 0}
    body = {"items": [{"order_item_id": item_id, "qty": 1}], "comment": comment}
    magento.ok("POST", f"order/{order_id}/refund", body | {"appendComment": True})
    (before,) = memos(magento)
    late = {"comment": "no-amazon-refund", "is_customer_notified": 0, "parent_id": 1}
    entity = {"entity": late | {"is_visible_on_front": 0}}
    assert magento.ok("POST", "creditmemo/1/comments", entity)["comment"] == "no-amazon-refund"
    assert magento.call("POST", "creditmemo/9/comments", entity).status_code == 404
    told = magento.ok("GET", "creditmemo/1?fields=comments[comment],updated_at")
    assert told == {
        "comments": [{"comment": "amazon-refund: PriceError"}, {"comment": "no-amazon-refund"}],
        "updated_at": before["updated_at"],
    }
    assert magento.ok("GET", "creditmemo/1/comments")["total_count"] == 2


def test_the_discount_of_the_shipping_goes_back_with_it(magento: Caller) -> None:
    discounts = {"shipping_discount_amount": 2.0, "base_shipping_discount_amount": 2.0}
    order_id, item_id = an_invoiced_order(magento, **discounts)
    shipping = magento.ok("GET", f"orders/{order_id}")["shipping_amount"]
    adjust(magento, order_id, item_id, shipping_amount=shipping / 2)
    (memo,) = memos(magento)
    assert memo["shipping_amount"] == shipping / 2
    assert memo["discount_amount"] == -1


def test_a_clerks_memo_is_one_like_any_other(magento: Caller) -> None:
    order_id, _ = an_invoiced_order(magento)
    comment = {"comment": "the buyer called"}
    made = magento.control("POST", "refund", {"entity_id": order_id, "comment": comment})
    (memo,) = memos(magento)
    assert memo["entity_id"] == made["creditmemo_id"]
    assert (memo["grand_total"], memo["comments"][0]["comment"]) == (28.79, "the buyer called")
    assert state(magento, order_id) == ("closed", "closed")
