"""What a second save of an order does in the Magento stand-in, surprises included."""

from __future__ import annotations

from typing import Any

from sandbox.magento.order_docs import find_order
from tests.sandbox.test_magento_auth import Caller, magento, one_shop
from tests.sandbox.test_magento_orders import a_line, an_address, place, state

__all__ = ["magento", "one_shop"]


def test_an_update_writes_what_is_sent_and_nothing_else(magento: Caller) -> None:
    made = place(magento, a_line(), a_line("MUG-RED", 1))
    order_id, item_id = made["entity_id"], made["items"][0]["item_id"]
    sent = {
        "entity_id": order_id,
        "ext_order_id": "changed",
        "items": [{"item_id": item_id, "product_type": "simple", "qty_ordered": 3}],
        "billing_address": an_address("billing", city="Ignored"),
        "payment": {"entity_id": made["payment"]["entity_id"], "method": "checkmo"},
    }
    magento.ok("PUT", "orders/create", {"entity": sent})
    order = magento.ok("GET", f"orders/{order_id}")
    assert order["ext_order_id"] == "changed"
    assert [item["qty_ordered"] for item in order["items"]] == [3, 1]
    assert order["items"][0]["price"] == 10
    assert order["billing_address"]["city"] == "Berlin"
    assert order["payment"]["additional_information"] == []
    assert order["increment_id"] == made["increment_id"]


def test_an_update_whose_lines_lack_quantities_closes_the_order(magento: Caller) -> None:
    made = place(magento)
    items = [{"item_id": made["items"][0]["item_id"], "qty_shipped": 0}]
    sent = {"entity_id": made["entity_id"], "state": "processing", "items": items}
    magento.ok("PUT", "orders/create", {"entity": sent})
    assert state(magento, made["entity_id"]) == ("closed", "closed")


def test_an_update_of_no_order_is_an_internal_error(magento: Caller) -> None:
    sent = {"entity_id": 99, "payment": {"method": "checkmo"}}
    assert magento.call("PUT", "orders/create", {"entity": sent}).status_code == 500


def payments(magento: Caller, order_id: int) -> list[Any]:
    with magento.store.transaction() as db:
        return find_order(db, order_id).payments


def test_a_payment_without_its_id_is_a_second_one(magento: Caller) -> None:
    made = place(magento)
    sent = {"entity_id": made["entity_id"], "payment": {"method": "free"}}
    magento.ok("PUT", "orders/create", {"entity": sent})
    assert [one["method"] for one in payments(magento, made["entity_id"])] == ["checkmo", "free"]


def test_an_update_without_payment_leaves_it_alone(magento: Caller) -> None:
    made = place(magento)
    magento.ok("PUT", "orders/create", {"entity": {"entity_id": made["entity_id"], "weight": 3}})
    (payment,) = payments(magento, made["entity_id"])
    assert payment["additional_information"] == {"method_title": "Amazon"}


def test_a_line_without_its_id_is_added(magento: Caller) -> None:
    made = place(magento)
    sent = {"entity_id": made["entity_id"], "items": [a_line("MUG-RED", 1)]}
    magento.ok("PUT", "orders/create", {"entity": sent})
    items = magento.ok("GET", f"orders/{made['entity_id']}")["items"]
    assert [item["sku"] for item in items] == ["MUG-BLUE", "MUG-RED"]


def test_comments_sent_again_are_doubled(magento: Caller) -> None:
    made = place(magento)
    sent = {"entity_id": made["entity_id"], "status_histories": [{"comment": "x"}]}
    for _ in range(2):
        magento.ok("PUT", "orders/create", {"entity": sent})
    answer = magento.ok("GET", f"orders/{made['entity_id']}/comments")
    assert [item["comment"] for item in answer["items"]] == ["x", "x"]


def test_a_shipped_order_whose_totals_are_not_sent_again_is_closed(magento: Caller) -> None:
    made = place(magento)
    order_id = made["entity_id"]
    magento.ok("POST", f"order/{order_id}/invoice")
    magento.ok("POST", f"order/{order_id}/ship")
    assert state(magento, order_id) == ("complete", "complete")
    whole = {"entity_id": order_id, "state": "complete", "status": "packed"}
    paid = {"grand_total": 28.79, "base_grand_total": 28.79, "total_paid": 28.79}
    magento.ok("PUT", "orders/create", {"entity": whole | paid})
    assert state(magento, order_id) == ("complete", "packed")
    magento.ok("PUT", "orders/create", {"entity": whole})
    assert state(magento, order_id) == ("closed", "closed")


def test_tax_rows_survive_an_update_and_are_replaced_by_new_ones(magento: Caller) -> None:
    row = {"code": "A", "percent": 19, "amount": 1, "base_amount": 1, "base_real_amount": 1}
    row |= {"priority": 0, "position": 0, "process": 0}
    made = place(magento)
    order_id = made["entity_id"]
    for extension, left in (
        ({"taxes": [row]}, ["A"]),
        (None, ["A"]),
        ({"taxes": [row | {"code": "B"}]}, ["B"]),
    ):
        sent: dict[str, Any] = {"entity_id": order_id}
        if extension is not None:
            sent["extension_attributes"] = extension
        magento.ok("PUT", "orders/create", {"entity": sent})
        kept = magento.ok("GET", f"orders/{order_id}")["extension_attributes"]["taxes"]
        assert [one["code"] for one in kept] == left
