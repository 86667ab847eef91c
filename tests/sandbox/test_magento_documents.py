"""Invoices, shipments and credit memos of the Magento stand-in, and what they do to stock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.sandbox.test_magento_auth import Caller, magento, one_shop, refusal
from tests.sandbox.test_magento_orders import a_line, an_order, place, state

__all__ = ["magento", "one_shop"]
TRACK = {"track_number": "00340", "title": "DHL", "carrier_code": "dhl"}
NO_PRODUCTS = "You can't create a shipment without products."


def ship(magento: Caller, order_id: int, *items: tuple[int, float], **more: Any) -> Any:
    lines = [{"order_item_id": item_id, "qty": qty} for item_id, qty in items]
    return magento.call("POST", f"order/{order_id}/ship", {"items": lines, **more})


def stock(magento: Caller, sku: str) -> tuple[float, float, float]:
    """Salable, source, sum of reservations."""
    now = magento.control("GET", f"stock/{sku}")
    return now["salable"], now["source"], now["reservations_sum"]


def shipped(magento: Caller, order_id: int) -> list[float]:
    return [item["qty_shipped"] for item in magento.ok("GET", f"orders/{order_id}")["items"]]


@pytest.mark.parametrize("body", [None, {}, {"capture": True}, {"capture": False}])
def test_an_invoice_pays_the_order(magento: Caller, body: Any) -> None:
    order_id = place(magento)["entity_id"]
    assert magento.ok("POST", f"order/{order_id}/invoice", body) == "1"
    order = magento.ok("GET", f"orders/{order_id}")
    assert (order["state"], order["status"]) == ("processing", "processing")
    assert (order["total_paid"], order["total_due"], order["total_invoiced"]) == (28.79, 0, 28.79)
    again = magento.call("POST", f"order/{order_id}/invoice", body)
    assert again.status_code == 400
    assert "The order does not allow an invoice to be created." in again.json()["message"]


def test_invoices_take_parts_and_shipping_once(magento: Caller) -> None:
    made = place(magento, a_line(), a_line("MUG-RED", 3, 10))
    order_id, first = made["entity_id"], made["items"][0]["item_id"]
    part = {"items": [{"order_item_id": first, "qty": 1}]}
    assert magento.ok("POST", f"order/{order_id}/invoice", part) == "1"
    over = {"items": [{"order_item_id": first, "qty": 2}]}
    answer = magento.call("POST", f"order/{order_id}/invoice", over)
    assert refusal(answer) == (400, 'We found an invalid quantity to invoice item "%1".')
    assert magento.ok("POST", f"order/{order_id}/invoice") == "2"
    found = magento.ok("GET", "invoices?searchCriteria[pageSize]=5")["items"]
    assert [(one["grand_total"], one["shipping_amount"]) for one in found] == [
        (16.89, 4.99),
        (47.6, 0),
    ]
    assert magento.ok("GET", f"orders/{order_id}")["total_paid"] == made["grand_total"]


def test_an_order_without_subtotals_is_invoiced_at_zero_and_ends_closed(magento: Caller) -> None:
    totals = dict.fromkeys(
        f"{base}{name}"
        for base in ("", "base_")
        for name in ("subtotal", "tax_amount", "shipping_amount")
    )
    order_id = place(magento, **totals)["entity_id"]
    magento.ok("POST", f"order/{order_id}/invoice")
    assert magento.ok("GET", "invoices/1")["grand_total"] == 0
    assert ship(magento, order_id).json() == "1"
    assert state(magento, order_id) == ("closed", "closed")


def test_the_way_to_complete(magento: Caller) -> None:
    made = place(magento)
    order_id, item_id = made["entity_id"], made["items"][0]["item_id"]
    assert ship(magento, order_id, (item_id, 1)).json() == "1"
    assert state(magento, order_id) == ("processing", "processing")
    magento.ok("POST", f"order/{order_id}/invoice")
    assert ship(magento, order_id, (item_id, 1)).json() == "2"
    assert state(magento, order_id) == ("complete", "complete")


def test_shipped_without_an_invoice_stays_processing_until_it_is_invoiced(magento: Caller) -> None:
    order_id = place(magento)["entity_id"]
    ship(magento, order_id)
    assert state(magento, order_id) == ("processing", "processing")
    magento.ok("POST", f"order/{order_id}/invoice")
    assert state(magento, order_id) == ("complete", "complete")


def test_more_than_is_open_is_capped_without_a_word(magento: Caller) -> None:
    made = place(magento, a_line(), a_line("MUG-RED", 3))
    order_id = made["entity_id"]
    blue, red = (item["item_id"] for item in made["items"])
    assert ship(magento, order_id, (blue, 50)).json() == "1"
    assert shipped(magento, order_id) == [2, 0]
    assert ship(magento, order_id, (blue, 1), (red, 1)).json() == "2"
    assert shipped(magento, order_id) == [2, 1]
    status, message = refusal(ship(magento, order_id, (blue, 1)))
    assert (status, message) == (400, f"Shipment Document Validation Error(s):\n{NO_PRODUCTS}")
    assert ship(magento, order_id).status_code == 200
    assert ship(magento, order_id).status_code == 400
    assert shipped(magento, order_id) == [2, 3]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"tracks": [{"track_number": "1", "title": "DHL"}]}, "Could not save a shipment"),
        ({"tracks": [{**TRACK, "track_number": ""}]}, "Please enter a tracking number."),
        (
            {"arguments": {"extension_attributes": {"source_code": "elsewhere"}}},
            "Could not save a shipment",
        ),
    ],
)
def test_a_refused_shipment_leaves_nothing(
    magento: Caller, more: dict[str, Any], message: str
) -> None:
    order_id = place(magento)["entity_id"]
    answer = ship(magento, order_id, **more)
    assert answer.status_code == 400
    assert message in answer.json()["message"]
    assert shipped(magento, order_id) == [0]
    assert stock(magento, "MUG-BLUE") == (100, 100, 0)


def test_what_the_source_does_not_have_is_not_shipped(magento: Caller) -> None:
    made = place(magento, a_line("MUG-BLUE", 1), a_line("CHAIR", 11))
    answer = ship(magento, made["entity_id"])
    assert refusal(answer) == (400, "Could not save a shipment, see error log for details")
    assert stock(magento, "MUG-BLUE") == (100, 100, 0)


def test_a_line_without_product_type_breaks_the_shop(magento: Caller) -> None:
    order_id = place(magento, a_line(product_type=None))["entity_id"]
    answer = ship(magento, order_id)
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "text/plain;charset=UTF-8")
    assert shipped(magento, order_id) == [0]
    assert magento.call("POST", f"orders/{order_id}/cancel").status_code == 500
    assert state(magento, order_id) == ("new", "pending")


def test_parallel_calls_make_one_shipment(magento: Caller) -> None:
    order_id = place(magento)["entity_id"]
    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(ship, magento, order_id) for _ in range(4)]
    assert sorted(one.result().status_code for one in tries) == [200, 400, 400, 400]
    assert stock(magento, "MUG-BLUE") == (100, 98, 2)


def test_a_late_track_moves_no_time(magento: Caller) -> None:
    made = place(magento, a_line("MUG-BLUE", 2))
    order_id, item_id = made["entity_id"], made["items"][0]["item_id"]
    magento.ok("POST", f"order/{order_id}/invoice")
    magento.later(60)
    ship(magento, order_id, (item_id, 1), tracks=[TRACK])
    magento.later(60)
    track = {"order_id": order_id, "parent_id": 1, **TRACK}
    for _ in range(2):
        assert magento.ok("POST", "shipment/track", {"entity": track})["track_number"] == "00340"
    without = {key: value for key, value in track.items() if key != "order_id"}
    answer = magento.call("POST", "shipment/track", {"entity": without})
    assert refusal(answer) == (400, "Could not save the shipment tracking.")
    shipment = magento.ok("GET", "shipment/1")
    assert [track["entity_id"] for track in shipment["tracks"]] == [1, 2, 3]
    assert shipment["updated_at"] == "2026-11-22 12:01:00"
    assert magento.ok("GET", f"orders/{order_id}")["updated_at"] == "2026-11-22 12:00:00"
    assert magento.ok("DELETE", "shipment/track/2") is True
    assert [track["entity_id"] for track in magento.ok("GET", "shipment/1")["tracks"]] == [1, 3]


def test_a_plain_order_takes_nothing_and_gives_back_too_much(magento: Caller) -> None:
    order_id = place(magento, a_line("CHAIR", 4))["entity_id"]
    assert stock(magento, "CHAIR") == (10, 10, 0)
    magento.ok("POST", f"orders/{order_id}/cancel")
    assert stock(magento, "CHAIR") == (14, 10, 4)


def reserve(magento: Caller, *lines: Any) -> Any:
    """Create, cancel, reopen: the three calls that leave a reservation."""
    doubled = [line | {"qty_shipped": 2 * line["qty_ordered"]} for line in lines]
    made = place(magento, *doubled)
    assert magento.ok("POST", f"orders/{made['entity_id']}/cancel") is True
    items = [
        {
            "item_id": item["item_id"],
            "product_type": "simple",
            "qty_ordered": item["qty_ordered"],
            "qty_shipped": 0,
            "qty_canceled": 0,
        }
        for item in made["items"]
    ]
    entity = {key: made[key] for key in ("entity_id", "grand_total", "base_grand_total")}
    entity |= {"state": "processing", "status": "processing", "items": items}
    entity["payment"] = {"entity_id": made["payment"]["entity_id"], "method": "checkmo"}
    magento.ok("PUT", "orders/create", {"entity": entity})
    return made


def test_create_cancel_reopen_reserves_like_a_real_order(magento: Caller) -> None:
    made = reserve(magento, a_line("MUG-BLUE", 3), a_line("CHAIR", 2))
    order_id, blue = made["entity_id"], made["items"][0]["item_id"]

    def both() -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        return stock(magento, "MUG-BLUE"), stock(magento, "CHAIR")

    assert state(magento, order_id) == ("processing", "processing")
    assert both() == ((97, 100, -3), (8, 10, -2))
    magento.ok("POST", f"order/{order_id}/invoice")
    assert magento.ok("GET", f"orders/{order_id}")["total_paid"] == made["grand_total"]
    ship(magento, order_id, (blue, 1))
    assert both() == ((97, 99, -2), (8, 10, -2))
    ship(magento, order_id)
    assert both() == ((97, 97, 0), (8, 8, 0))
    assert state(magento, order_id) == ("complete", "complete")


def test_cancelling_a_reserved_order_gives_all_back(magento: Caller) -> None:
    order_id = reserve(magento, a_line("CHAIR", 4))["entity_id"]
    assert stock(magento, "CHAIR") == (6, 10, -4)
    assert magento.ok("POST", f"orders/{order_id}/cancel") is True
    assert stock(magento, "CHAIR") == (10, 10, 0)
    assert magento.ok("POST", f"orders/{order_id}/cancel") is False
    assert stock(magento, "CHAIR") == (10, 10, 0)


def test_the_last_piece_reserved_is_no_longer_for_sale(magento: Caller) -> None:
    reserve(magento, a_line("CHAIR", 10))
    assert magento.ok("GET", "inventory/is-product-salable/CHAIR/1") is False
    assert magento.ok("GET", "inventory/get-product-salable-quantity/CHAIR/1") == 0


def test_a_line_the_catalogue_does_not_know_keeps_its_reservation_for_ever(magento: Caller) -> None:
    order_id = reserve(magento, a_line("CHAIR", 2, product_id=None))["entity_id"]
    assert stock(magento, "CHAIR") == (8, 10, -2)
    assert ship(magento, order_id).status_code == 200
    assert stock(magento, "CHAIR") == (8, 10, -2)


def test_the_shop_writes_to_a_buyer_only_when_told_to(magento: Caller) -> None:
    customer = {"email": "ada@example.com", "firstname": "Ada", "lastname": "Example"}
    magento.ok("PUT", "customers/0", {"customer": customer})
    order_id = place(magento, customer_id=1, customer_is_guest=0)["entity_id"]
    magento.ok("POST", f"order/{order_id}/invoice", {"notify": True})
    ship(magento, order_id, notify=True)
    assert magento.control("GET", "mails") == [
        {"kind": "invoice", "to_customer_id": 1},
        {"kind": "shipment", "to_customer_id": 1},
    ]


def test_an_order_of_everything_unusual_is_accepted(magento: Caller) -> None:
    lines = [
        a_line("OUT-1"),
        a_line("OFF-1"),
        a_line("CHAIR", 5000),
        a_line("NOT-THERE", product_id=None),
    ]
    entity = an_order(*lines, billing_address=None, payment={"method": "amazon_marketplace"})
    magento.ok("POST", "orders", {"entity": entity})
    assert magento.ok("POST", "order/1/invoice") == "1"
