"""Several sources and stocks in the Magento stand-in, and products whose stock is not counted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.test_magento_auth import Caller, magento, one_shop, refusal
from tests.sandbox.test_magento_documents import ship, stock
from tests.sandbox.test_magento_orders import a_line, place, state

__all__ = ["magento", "one_shop"]
NOT_SAVED = (400, "Could not save a shipment, see error log for details")
UNMANAGED = {"use_config_manage_stock": False, "manage_stock": False}


def add_source(magento: Caller, code: str, **more: Any) -> None:
    source = {"source_code": code, "name": code, "country_id": "DE", "postcode": "10115", **more}
    assert magento.ok("POST", "inventory/sources", {"source": source}) == []


def assign(magento: Caller, source: str, sku: str, quantity: float) -> None:
    item = {"sku": sku, "source_code": source, "quantity": quantity, "status": 1}
    assert magento.ok("POST", "inventory/source-items", {"sourceItems": [item]}) == []


@pytest.fixture
def two_sources(magento: Caller) -> Caller:
    """Blue mugs: 100 in the source `default`, 5 in `berlin`; one stock sells both."""
    add_source(magento, "berlin")
    link = {"stock_id": 1, "source_code": "berlin", "priority": 2}
    assert magento.ok("POST", "inventory/stock-source-links", {"links": [link]}) == []
    assign(magento, "berlin", "MUG-BLUE", 5)
    return magento


def sources(magento: Caller, sku: str) -> dict[str, float]:
    path = "inventory/source-items?searchCriteria[filter_groups][0][filters][0][field]=sku"
    answer = magento.ok("GET", f"{path}&searchCriteria[filter_groups][0][filters][0][value]={sku}")
    return {item["source_code"]: item["quantity"] for item in answer["items"]}


def test_a_stock_sells_what_its_sources_hold(two_sources: Caller) -> None:
    assert stock(two_sources, "MUG-BLUE") == (105, 105, 0)
    path = "inventory/get-sources-assigned-to-stock-ordered-by-priority/1"
    assert [one["source_code"] for one in two_sources.ok("GET", path)] == ["default", "berlin"]
    assert two_sources.ok("GET", "inventory/sources?searchCriteria=")["total_count"] == 2
    assert two_sources.ok("GET", "inventory/stock-source-links?searchCriteria=")["items"] == [
        {"stock_id": 1, "source_code": "default", "priority": 1},
        {"stock_id": 1, "source_code": "berlin", "priority": 2},
    ]


@pytest.mark.parametrize(
    ("named", "left", "source"),
    [
        ("berlin", {"default": 100, "berlin": 3}, "berlin"),
        ("default", {"default": 98, "berlin": 5}, "default"),
        (None, {"default": 98, "berlin": 5}, "default"),
    ],
)
def test_a_shipment_takes_from_the_source_it_names(
    two_sources: Caller, named: str | None, left: dict[str, float], source: str
) -> None:
    order_id = place(two_sources)["entity_id"]
    arguments = {"extension_attributes": {"source_code": named}} if named else {}
    made = ship(two_sources, order_id, arguments=arguments).json()
    assert sources(two_sources, "MUG-BLUE") == left
    shown = two_sources.ok("GET", f"shipment/{made}")
    assert shown["extension_attributes"] == {"source_code": source}


@pytest.mark.parametrize("named", ["berlin", "nowhere"])
def test_a_source_without_the_goods_ships_nothing(two_sources: Caller, named: str) -> None:
    order_id = place(two_sources, a_line("MUG-RED"))["entity_id"]
    arguments = {"extension_attributes": {"source_code": named}}
    assert refusal(ship(two_sources, order_id, arguments=arguments)) == NOT_SAVED
    assert state(two_sources, order_id) == ("new", "pending")


def test_goods_come_back_to_the_source_they_left(two_sources: Caller) -> None:
    made = place(two_sources)
    order_id, item_id = made["entity_id"], made["items"][0]["item_id"]
    two_sources.ok("POST", f"order/{order_id}/invoice")
    ship(two_sources, order_id, arguments={"extension_attributes": {"source_code": "berlin"}})
    refund = {
        "items": [{"order_item_id": item_id, "qty": 1}],
        "arguments": {"extension_attributes": {"return_to_stock_items": [item_id]}},
    }
    two_sources.ok("POST", f"order/{order_id}/refund", refund)
    assert sources(two_sources, "MUG-BLUE") == {"default": 100, "berlin": 4}


def test_a_disabled_source_sells_nothing(magento: Caller) -> None:
    add_source(magento, "closed", enabled=False)
    link = {"stock_id": 1, "source_code": "closed", "priority": 2}
    magento.ok("POST", "inventory/stock-source-links", {"links": [link]})
    assign(magento, "closed", "MUG-BLUE", 5)
    assert stock(magento, "MUG-BLUE") == (100, 100, 0)


def test_a_website_sells_from_the_stock_it_was_given_last(magento: Caller) -> None:
    add_source(magento, "berlin")
    assign(magento, "berlin", "MUG-BLUE", 5)
    channels = [{"type": "website", "code": "base"}]
    new = {"name": "Germany", "extension_attributes": {"sales_channels": channels}}
    assert magento.ok("POST", "inventory/stocks", {"stock": new}) == 2
    links = [{"stock_id": 2, "source_code": "berlin", "priority": 1}]
    magento.ok("POST", "inventory/stock-source-links", {"links": links})
    assert magento.ok("GET", "inventory/stock-resolver/website/base")["stock_id"] == 2
    salable = "inventory/get-product-salable-quantity/MUG-BLUE"
    assert (magento.ok("GET", f"{salable}/1"), magento.ok("GET", f"{salable}/2")) == (100, 5)
    order_id = place(magento)["entity_id"]
    assert magento.ok("POST", f"orders/{order_id}/cancel") is True
    assert (magento.ok("GET", f"{salable}/1"), magento.ok("GET", f"{salable}/2")) == (100, 7)
    assert ship(magento, place(magento)["entity_id"]).status_code == 200
    assert sources(magento, "MUG-BLUE") == {"default": 100, "berlin": 3}


def test_what_is_not_managed_is_never_counted(magento: Caller) -> None:
    made = magento.control("POST", "products", {"sku": "FREE", "qty": 0, "stock": UNMANAGED})
    shown = magento.ok("GET", "products/FREE")["extension_attributes"]["stock_item"]
    assert (shown["manage_stock"], shown["use_config_manage_stock"]) == (False, False)
    assert magento.ok("GET", "inventory/is-product-salable/FREE/1") is True
    path = "inventory/is-product-salable-for-requested-qty/FREE/1/500"
    assert magento.ok("GET", path)["salable"] is True
    line = a_line("FREE", product_id=made["id"])
    assert magento.ok("POST", f"orders/{place(magento, line)['entity_id']}/cancel") is True
    assert ship(magento, place(magento, line)["entity_id"]).status_code == 200
    assert magento.control("GET", "reservations") == []


def test_a_backordered_product_is_sold_beyond_what_there_is(magento: Caller) -> None:
    settings = {"use_config_backorders": False, "backorders": 1}
    magento.control("POST", "products/CHAIR", {"stock": settings})
    path = "inventory/is-product-salable-for-requested-qty/CHAIR/1"
    assert magento.ok("GET", f"{path}/500")["salable"] is True
    assert magento.ok("GET", f"{path.replace('CHAIR', 'LAMP')}/500")["salable"] is False


def test_salable_quantities_come_in_one_list(magento: Caller) -> None:
    order_id = place(magento)["entity_id"]
    magento.ok("POST", f"orders/{order_id}/cancel")
    group = "searchCriteria[filter_groups][0][filters][0]"
    path = f"inventory/export-stock-salable-qty/website/base?{group}[field]=sku"
    answer = magento.ok("GET", f"{path}&{group}[condition_type]=in&{group}[value]=MUG-BLUE,OUT-1")
    assert answer["items"] == [
        {"sku": "MUG-BLUE", "qty": 102, "is_salable": True},
        {"sku": "OUT-1", "qty": 0, "is_salable": False},
    ]


def test_a_new_product_needs_an_address_of_its_own(magento: Caller) -> None:
    product = {"sku": "NEW-1", "name": "Desk lamp", "attribute_set_id": 4, "price": 1}
    taken = magento.call("POST", "/rest/all/V1/products", {"product": product})
    assert refusal(taken) == (400, "URL key for specified store already exists.")
    own = [{"attribute_code": "url_key", "value": "new-1"}]
    more = {"custom_attributes": own, "status": 2, "extension_attributes": {}}
    more["extension_attributes"] = {"stock_item": UNMANAGED, "website_ids": [1]}
    made = magento.call("POST", "/rest/all/V1/products", {"product": product | more}).json()
    assert (made["status"], made["extension_attributes"]["website_ids"]) == (2, [1])
    again = magento.call("POST", "/rest/all/V1/products", {"product": product | more}).json()
    assert again["id"] == made["id"]


def test_a_sku_has_at_most_64_characters(magento: Caller) -> None:
    product = {"sku": "X" * 65, "name": "Long", "attribute_set_id": 4}
    answer = magento.call("POST", "/rest/all/V1/products", {"product": product})
    assert refusal(answer) == (400, "SKU length should be %1 characters maximum.")


@pytest.mark.parametrize(("kind", "status"), [("configurable", 400), ("bundle", 500)])
def test_a_refund_of_a_line_of_parts_fails(magento: Caller, kind: str, status: int) -> None:
    made = place(magento, a_line(product_type=kind))
    magento.ok("POST", f"order/{made['entity_id']}/invoice")
    answer = magento.call("POST", f"order/{made['entity_id']}/refund", {"items": []})
    assert answer.status_code == status
    assert magento.ok("GET", "creditmemos?searchCriteria=")["items"] == []


def test_a_bare_shipment_changes_nothing(magento: Caller) -> None:
    made = place(magento)
    lines = [{"order_item_id": made["items"][0]["item_id"], "qty": 1}]
    sent = {"order_id": made["entity_id"], "items": lines, "tracks": []}
    shown = magento.ok("POST", "shipment/", {"entity": sent})
    assert shown["items"][0]["qty"] == 1
    assert magento.ok("GET", f"orders/{made['entity_id']}")["items"][0].get("qty_shipped") == 0
    assert stock(magento, "MUG-BLUE") == (100, 100, 0)


def test_a_deleted_shipment_is_gone_and_its_order_stays(magento: Caller) -> None:
    order_id = place(magento)["entity_id"]
    shipment = int(ship(magento, order_id).json())
    magento.control("POST", "delete_shipment", {"shipment_id": shipment})
    assert magento.ok("GET", "shipments?searchCriteria=")["items"] == []
    assert magento.ok("GET", f"orders/{order_id}")["items"][0]["qty_shipped"] == 2
