"""Orders in the Magento stand-in: what is kept, what is refused, and what state they end in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from tests.sandbox.test_magento_auth import Caller, magento, one_shop, refusal

__all__ = ["magento", "one_shop"]
PRODUCT_IDS = {"MUG-BLUE": 1, "MUG-RED": 2, "CHAIR": 7, "OUT-1": 8, "OFF-1": 9, "FBA-1": 13}
_numbers = count(1)


def a_line(sku: str = "MUG-BLUE", qty: float = 2, price: float = 10, **fields: Any) -> Any:
    """A taxed line of a catalogue product; None removes a field."""
    row, tax = qty * price, round(qty * price * 0.19, 2)
    line = {
        "sku": sku,
        "name": f"Name of {sku}",
        "product_id": PRODUCT_IDS.get(sku),
        "product_type": "simple",
        "qty_ordered": qty,
        "price": price,
        "base_price": price,
        "row_total": row,
        "base_row_total": row,
        "row_total_incl_tax": row + tax,
        "tax_amount": tax,
        "base_tax_amount": tax,
    }
    return {key: value for key, value in (line | fields).items() if value is not None}


def an_address(kind: str, **fields: Any) -> dict[str, Any]:
    address = {
        "address_type": kind,
        "firstname": "Ada",
        "lastname": "Example",
        "street": ["Example Street 1"],
        "city": "Berlin",
        "postcode": "10115",
        "country_id": "DE",
        "telephone": "030 1",
        "email": "ada@example.com",
    }
    return {key: value for key, value in (address | fields).items() if value is not None}


def an_order(*lines: Any, **fields: Any) -> dict[str, Any]:
    """An order of these lines plus 4.99 shipping, totals in agreement; None removes a field."""
    items = list(lines) or [a_line()]
    subtotal = sum(item.get("row_total", 0) for item in items)
    tax = round(sum(item.get("tax_amount", 0) for item in items), 2)
    totals = {
        "grand_total": round(subtotal + tax + 4.99, 2),
        "subtotal": subtotal,
        "tax_amount": tax,
        "shipping_amount": 4.99,
    }
    number = f"028-{next(_numbers):07d}-0000001"
    shipping = {"address": an_address("shipping"), "method": "flatrate_flatrate"}
    entity = {
        "increment_id": number,
        "ext_order_id": number,
        "store_id": 1,
        "state": "new",
        "status": "pending",
        "customer_email": "ada@example.com",
        "customer_is_guest": 1,
        **totals,
        **{f"base_{key}": value for key, value in totals.items()},
        "items": items,
        "billing_address": an_address("billing"),
        "payment": {"method": "checkmo", "additional_information": {"method_title": "Amazon"}},
        "extension_attributes": {"shipping_assignments": [{"shipping": shipping, "items": []}]},
    }
    return {key: value for key, value in (entity | fields).items() if value is not None}


def place(magento: Caller, *lines: Any, **fields: Any) -> Any:
    return magento.ok("POST", "orders", {"entity": an_order(*lines, **fields)})


def state(magento: Caller, order_id: int) -> tuple[Any, Any]:
    order = magento.ok("GET", f"orders/{order_id}")
    return order.get("state"), order.get("status")


def test_the_smallest_body_and_both_routes_make_orders(magento: Caller) -> None:
    smallest = {"entity": {"payment": {"method": "checkmo"}}}
    assert magento.ok("POST", "orders", smallest)["increment_id"] == "000000001"
    assert magento.ok("PUT", "orders/create", smallest)["increment_id"] == "000000002"
    order = magento.ok("GET", "orders/1")
    assert "state" not in order
    assert "store_id" not in order


PAID = {"total_paid": 28.79, "base_total_paid": 28.79}


@pytest.mark.parametrize(
    ("sent", "line", "more", "kept"),
    [
        ("new", {}, {}, "new"),
        ("processing", {}, {}, "processing"),
        ("foo", {}, {}, "foo"),
        ("complete", {}, {}, "complete"),
        ("complete", {"qty_shipped": 2}, {}, "closed"),
        ("complete", {"qty_shipped": 2, "qty_invoiced": 2}, {}, "closed"),
        ("complete", {"qty_shipped": 2, "qty_invoiced": 2}, PAID, "complete"),
        ("complete", {"qty_shipped": 2}, PAID, "complete"),
        ("processing", {"qty_shipped": 2}, {}, "processing"),
        ("processing", {"qty_shipped": 2, "qty_invoiced": 2}, {}, "closed"),
        ("processing", {"qty_shipped": 2, "qty_invoiced": 2}, PAID, "complete"),
        ("processing", {"qty_ordered": None}, {}, "closed"),
        ("processing", None, {}, "closed"),
        ("holded", {"qty_shipped": 2}, {}, "holded"),
        ("canceled", {"qty_shipped": 2}, {}, "canceled"),
    ],
)
def test_the_state_an_order_ends_in(
    magento: Caller, sent: str, line: dict[str, Any] | None, more: dict[str, Any], kept: str
) -> None:
    items: dict[str, Any] = {"items": []} if line is None else {}
    made = place(magento, a_line(**(line or {})), state=sent, status=sent, **more, **items)
    assert state(magento, made["entity_id"]) == (kept, kept)


def test_a_number_is_taken_once_per_store(magento: Caller) -> None:
    place(magento, increment_id="A-1")
    taken = (400, "Unique constraint violation found")
    for number in ("A-1", "a-1"):
        body = {"entity": an_order(increment_id=number)}
        assert refusal(magento.call("POST", "orders", body)) == taken
    place(magento, increment_id="A-1", store_id=2)
    place(magento, increment_id="A-1", store_id=None)
    place(magento, increment_id="A-1", store_id=None)
    assert len(magento.control("GET", "orders")) == 4


def test_a_number_stays_taken_after_a_cancellation(magento: Caller) -> None:
    made = place(magento, increment_id="A-1")
    assert magento.ok("POST", f"orders/{made['entity_id']}/cancel") is True
    answer = magento.call("POST", "orders", {"entity": an_order(increment_id="A-1")})
    assert refusal(answer) == (400, "Unique constraint violation found")


def test_four_creators_of_one_number_make_one_order(magento: Caller) -> None:
    body = {"entity": an_order(increment_id="A-1")}
    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(magento.call, "POST", "orders", body) for _ in range(4)]
    assert sorted(one.result().status_code for one in tries) == [200, 400, 400, 400]
    assert len(magento.control("GET", "orders")) == 1


def test_long_texts_are_cut_and_emoji_become_question_marks(magento: Caller) -> None:
    made = place(
        magento,
        a_line(price_incl_tax=11.999999),
        increment_id="I" * 60,
        ext_order_id="E" * 40,
        customer_firstname="Ada 😀",
    )
    assert made["customer_firstname"] == "Ada 😀"
    assert made["ext_order_id"] == "E" * 40
    kept = magento.ok("GET", f"orders/{made['entity_id']}")
    assert kept["increment_id"] == "I" * 50
    assert kept["ext_order_id"] == "E" * 32
    assert kept["customer_firstname"] == "Ada ????"
    assert kept["items"][0]["price_incl_tax"] == 12


def test_a_row_total_reads_less_its_discount(magento: Caller) -> None:
    made = place(magento, a_line(discount_amount=5, base_discount_amount=5))
    item = magento.ok("GET", f"orders/{made['entity_id']}")["items"][0]
    assert (item["row_total"], item["row_total_incl_tax"], item["discount_amount"]) == (15, 18.8, 5)


def test_what_a_payment_knows_comes_back_in_two_places(magento: Caller) -> None:
    order = magento.ok("GET", f"orders/{place(magento)['entity_id']}")
    assert order["payment"]["additional_information"] == ["Amazon"]
    assert order["extension_attributes"]["payment_additional_info"] == [
        {"key": "method_title", "value": "Amazon"}
    ]
    (assignment,) = order["extension_attributes"]["shipping_assignments"]
    assert assignment["shipping"]["method"] == "flatrate_flatrate"
    assert assignment["shipping"]["address"]["city"] == "Berlin"


TYPE = 'The "{}" value\'s type is invalid. The "{}" type was expected. Verify and try again.'


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"payment": None}, 400, "Please provide payment for the order."),
        (
            {"payment": {"last_trans_id": "x"}},
            400,
            "The payment method you requested is not available.",
        ),
        (
            {"store_id": 77},
            404,
            "The store that was requested wasn't found. Verify the store and try again.",
        ),
        (
            {"not_a_field": 1},
            400,
            '"%fieldName" is not supported. Correct the field name and try again.',
        ),
        (
            {"grand_total": "abc"},
            400,
            'Error occurred during "grand_total" processing. ' + TYPE.format("abc", "float"),
        ),
        (
            {"billing_address": an_address("billing", telephone=None, lastname=None)},
            400,
            "We can't save the address:\n%1",
        ),
    ],
)
def test_what_is_refused_leaves_nothing(
    magento: Caller, fields: dict[str, Any], status: int, message: str
) -> None:
    answer = magento.call("POST", "orders", {"entity": an_order(**fields)})
    assert refusal(answer) == (status, message)
    assert magento.control("GET", "orders") == []


@pytest.mark.parametrize("fields", [{"customer_id": 99}, {"created_at": "yesterday"}])
def test_what_the_database_refuses_is_an_internal_error(
    magento: Caller, fields: dict[str, Any]
) -> None:
    status, message = refusal(magento.call("POST", "orders", {"entity": an_order(**fields)}))
    assert status == 500
    assert message.startswith("Internal Error. Details are available in Magento log file.")
    assert magento.control("GET", "orders") == []


def test_every_missing_key_of_an_address_is_named(magento: Caller) -> None:
    billing = an_address("billing", telephone=None, lastname=None)
    answer = magento.call("POST", "orders", {"entity": an_order(billing_address=billing)})
    required = '"{}" is required. Enter and try again.'
    missing = required.format("Last name") + "\n" + required.format("Phone Number")
    assert answer.json()["parameters"] == [missing]


def test_a_gift_message_is_refused_and_yet_the_order_is_there(magento: Caller) -> None:
    entity = an_order()
    entity["extension_attributes"]["gift_message"] = {"message": "Enjoy"}
    answer = magento.call("POST", "orders", {"entity": entity})
    assert refusal(answer) == (400, 'The gift message couldn\'t be added to the "%1" order.')
    (order,) = magento.control("GET", "orders")
    assert order["ext_order_id"] == entity["ext_order_id"]


def test_times_are_kept_in_utc(magento: Caller) -> None:
    made = place(magento, created_at="2026-10-01T10:11:12+02:00", updated_at="2026-10-02 00:00:00")
    assert (made["created_at"], made["updated_at"]) == (
        "2026-10-01 08:11:12",
        "2026-11-22 12:00:00",
    )


def test_cancelling_answers_false_when_there_is_nothing_to_cancel(magento: Caller) -> None:
    order_id = place(magento)["entity_id"]
    assert magento.ok("POST", f"order/{order_id}/invoice") == "1"
    assert magento.ok("POST", f"orders/{order_id}/cancel") is False
    assert state(magento, order_id) == ("processing", "processing")


def test_a_cancelled_order_says_what_was_cancelled(magento: Caller) -> None:
    order_id = place(magento)["entity_id"]
    assert magento.ok("POST", f"orders/{order_id}/cancel") is True
    order = magento.ok("GET", f"orders/{order_id}")
    assert (order["state"], order["total_canceled"], order["subtotal_canceled"]) == (
        "canceled",
        28.79,
        20,
    )
    assert order["items"][0]["qty_canceled"] == 2
    assert magento.ok("POST", f"orders/{order_id}/cancel") is False


def test_a_held_order_stands_still_until_it_is_released(magento: Caller) -> None:
    order_id = place(magento, state="processing", status="processing")["entity_id"]
    assert magento.ok("POST", f"orders/{order_id}/hold") is True
    again = magento.call("POST", f"orders/{order_id}/hold")
    assert refusal(again) == (400, "A hold action is not available.")
    assert magento.ok("POST", f"orders/{order_id}/cancel") is False
    for document, kind in (("invoice", "An invoice"), ("ship", "A shipment")):
        status, message = refusal(magento.call("POST", f"order/{order_id}/{document}"))
        assert status == 400
        assert f"{kind} cannot be created when an order has a status of holded" in message
    assert magento.ok("POST", f"orders/{order_id}/unhold") is True
    assert state(magento, order_id) == ("processing", "processing")


def test_a_comment_cannot_change_the_status(magento: Caller) -> None:
    order_id = place(magento, state="processing", status="processing")["entity_id"]
    path = f"orders/{order_id}/comments"
    for status in ("complete", "fraud", "mine"):
        answer = magento.call("POST", path, {"statusHistory": {"comment": "x", "status": status}})
        assert answer.status_code == 400
        assert answer.json()["parameters"] == [status]
    for sent in ({"comment": "plain"}, {"comment": "same", "status": "processing"}):
        assert magento.ok("POST", path, {"statusHistory": sent}) is True
    comments = magento.ok("GET", path)
    assert [entry["comment"] for entry in comments["items"]] == ["same", "plain"]
    assert magento.ok("GET", f"orders/{order_id}/statuses") == "processing"
    assert magento.control("GET", "mails") == []


def test_no_comment_moves_the_time_of_the_last_change(magento: Caller) -> None:
    order_id = place(magento)["entity_id"]
    magento.later(60)
    magento.ok("POST", f"orders/{order_id}/comments", {"statusHistory": {"comment": "x"}})
    assert magento.ok("GET", f"orders/{order_id}")["updated_at"] == "2026-11-22 12:00:00"
    magento.ok("POST", f"orders/{order_id}/hold")
    assert magento.ok("GET", f"orders/{order_id}")["updated_at"] == "2026-11-22 12:01:00"
