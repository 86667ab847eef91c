"""Reading from the Magento stand-in: searchCriteria, projections, products, stock, directory."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.sandbox.test_magento_auth import BEARER, Caller, magento, one_shop, refusal
from tests.sandbox.test_magento_orders import a_line, place

__all__ = ["magento", "one_shop"]


def criteria(*filters: tuple[str, str, str], start: int = 0) -> str:
    """A query whose filters all have to hold."""
    parts = []
    for group, (field, condition, value) in enumerate(filters, start):
        head = f"searchCriteria[filterGroups][{group}][filters][0]"
        parts += [f"{head}[field]={field}", f"{head}[conditionType]={condition}"]
        parts.append(f"{head}[value]={quote(value)}")
    return "&".join(parts)


@pytest.mark.parametrize(
    ("field", "condition", "value", "found"),
    [
        ("increment_id", "eq", "A-1", [1]),
        ("increment_id", "eq", "a-1", [1]),
        ("increment_id", "neq", "A-1", [2, 3]),
        ("grand_total", "gt", "28.79", [2, 3]),
        ("grand_total", "gteq", "28.79", [1, 2, 3]),
        ("grand_total", "lt", "28.79", []),
        ("grand_total", "lteq", "28.79", [1]),
        ("entity_id", "in", "1,3,9", [1, 3]),
        ("entity_id", "nin", "1,3", [2]),
        ("increment_id", "like", "B-%", [2, 3]),
        ("ext_order_id", "null", "1", [3]),
        ("ext_order_id", "notnull", "1", [1, 2]),
        ("created_at", "from", "2026-11-22 12:01:00", [2, 3]),
        ("created_at", "to", "2026-11-22 12:01:00", [1, 2]),
        ("created_at", "gt", "2026-11-22T13:00:30+01:00", [2, 3]),
        ("applied_rule_ids", "finset", "7", [2]),
        ("status", "frobnicate", "x", []),
    ],
)
def test_a_condition_finds(
    magento: Caller, field: str, condition: str, value: str, found: list[int]
) -> None:
    place(magento, increment_id="A-1", ext_order_id="x")
    magento.later(60)
    place(magento, a_line(qty=3), increment_id="B-1", ext_order_id="y", applied_rule_ids="5,7,9")
    magento.later(60)
    place(magento, a_line(qty=4), increment_id="B-2", ext_order_id=None)
    answer = magento.ok("GET", f"orders?{criteria((field, condition, value))}")
    assert [order["entity_id"] for order in answer["items"]] == found
    assert answer["total_count"] == len(found)


def test_groups_narrow_and_filters_in_a_group_widen(magento: Caller) -> None:
    for _ in range(12):
        place(magento)
    either = (
        "searchCriteria[filter_groups][0][filters][0][field]=entity_id"
        "&searchCriteria[filter_groups][0][filters][0][value]=1"
        "&searchCriteria[filter_groups][0][filters][1][field]=entity_id"
        "&searchCriteria[filter_groups][0][filters][1][value]=11"
        "&searchCriteria[filter_groups][0][filters][1][condition_type]=gteq"
    )
    order = "&searchCriteria[sortOrders][0][field]=entity_id&searchCriteria[sortOrders][0]"
    both = f"{either}&{criteria(('store_id', 'eq', '1'), start=1)}{order}[direction]=DESC"
    answer = magento.ok("GET", f"orders?{both}&searchCriteria[pageSize]=2")
    assert [item["entity_id"] for item in answer["items"]] == [12, 11]
    assert answer["total_count"] == 3
    assert answer["search_criteria"]["page_size"] == 2
    paged = f"orders?{both}&searchCriteria[pageSize]=2&searchCriteria[currentPage]="
    assert [item["entity_id"] for item in magento.ok("GET", paged + "2")["items"]] == [1]
    assert magento.ok("GET", paged + "3")["items"] == []


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("", 400, '"%fieldName" is required. Enter and try again.'),
        (criteria(("nothing", "eq", "1")), 500, "Internal Error."),
        ("searchCriteria[sortOrders][0][field]=nothing", 500, "Internal Error."),
        (
            "searchCriteria[sortOrders][0][field]=entity_id"
            "&searchCriteria[sortOrders][0][direction]=UP",
            400,
            "The sort order has to be specified",
        ),
        ("searchCriteria[pageSize]=abc", 400, 'Error occurred during "pageSize" processing.'),
    ],
)
@pytest.mark.parametrize("route", ["orders", "products", "customers/search", "shipments"])
def test_a_bad_search_is_refused(
    magento: Caller, route: str, query: str, status: int, message: str
) -> None:
    answer = magento.call("GET", f"{route}?{query}")
    assert answer.status_code == status
    assert message in answer.json()["message"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("total_count", {"total_count": 1}),
        ("items[entity_id],total_count", {"items": [{"entity_id": 1}], "total_count": 1}),
        ("items[items[sku]]", {"items": [{"items": [{"sku": "MUG-BLUE"}]}]}),
        ("items[payment[method],nothing]", {"items": [{"payment": {"method": "checkmo"}}]}),
        ("items[nothing]", {"items": [[]]}),
        ("items[status_histories[comment]]", {"items": [{"status_histories": None}]}),
    ],
)
def test_fields_cut_an_answer_down(magento: Caller, fields: str, expected: Any) -> None:
    place(magento)
    assert magento.ok("GET", f"orders?searchCriteria=&fields={fields}") == expected


def test_nothing_found_is_null_once_fields_are_named(magento: Caller) -> None:
    nothing = criteria(("entity_id", "eq", "99"))
    assert magento.ok("GET", f"orders?{nothing}")["items"] == []
    assert magento.ok("GET", f"orders?{nothing}&fields=items[entity_id]") == {"items": None}


def test_order_lines_can_be_searched(magento: Caller) -> None:
    place(magento, a_line(), a_line("MUG-RED"))
    answer = magento.ok("GET", f"orders/items?{criteria(('sku', 'eq', 'mug-red'))}")["items"]
    assert [(item["item_id"], item["order_id"]) for item in answer] == [(2, 1)]


@pytest.mark.parametrize(
    ("path", "sku"),
    [
        ("MUG-BLUE", "MUG-BLUE"),
        ("mug-blue", "MUG-BLUE"),
        ("MUG-BLUE%20", "MUG-BLUE"),
        ("SLASH%2FSKU%2B1", "SLASH/SKU+1"),
        ("OFF-1", "OFF-1"),
        ("SLASH%252FSKU%252B1", None),
        ("SLASH%2FSKU+1", None),
        ("SLASH/SKU%2B1", None),
        ("NOT-THERE", None),
    ],
)
def test_a_product_is_found_by_its_encoded_sku(magento: Caller, path: str, sku: str | None) -> None:
    answer = magento.call("GET", f"products/{path}?fields=sku")
    expected = (404, None) if sku is None else (200, sku)
    assert (answer.status_code, answer.json().get("sku")) == expected


def test_products_are_searched_by_many_skus_at_once(magento: Caller) -> None:
    wanted = criteria(("sku", "in", "LAMP,OFF-1,CONF-1,NOPE"))
    fields = "items[sku,status,type_id],total_count"
    assert magento.ok("GET", f"products?{wanted}&fields={fields}") == {
        "items": [
            {"sku": "LAMP", "status": 1, "type_id": "simple"},
            {"sku": "OFF-1", "status": 2, "type_id": "simple"},
            {"sku": "CONF-1", "status": 1, "type_id": "configurable"},
        ],
        "total_count": 3,
    }


def test_saving_a_known_sku_updates_it(magento: Caller) -> None:
    before = magento.ok("GET", "products/LAMP")
    magento.ok("POST", "products", {"product": {"sku": "lamp", "price": 45}})
    after = magento.ok("GET", "products/LAMP")
    assert (after["id"], after["sku"], after["name"]) == (before["id"], "LAMP", before["name"])
    assert (before["price"], after["price"]) == (49, 45)


@pytest.mark.parametrize(
    ("sku", "status", "quantity"),
    [
        ("MUG-BLUE", 200, 100),
        ("OUT-1", 200, 0),
        ("OFF-1", 200, 0),
        ("CONF-1", 400, None),
        ("NOT-THERE", 500, None),
    ],
)
def test_what_can_be_sold(magento: Caller, sku: str, status: int, quantity: int | None) -> None:
    answer = magento.call("GET", f"inventory/get-product-salable-quantity/{sku}/1")
    assert answer.status_code == status
    if status == 500:
        assert answer.headers["Content-Type"] == "text/plain;charset=UTF-8"
    elif quantity is not None:
        assert answer.json() == quantity


def test_stock_is_set_in_two_ways(magento: Caller) -> None:
    assert magento.ok("PUT", "products/LAMP/stockItems/6", {"stockItem": {"qty": 7}}) == 6
    assert magento.ok("GET", "stockItems/LAMP")["qty"] == 7
    item = {"sku": "LAMP", "source_code": "default", "quantity": 9, "status": 0}
    assert magento.ok("POST", "inventory/source-items", {"sourceItems": [item]}) == []
    found = magento.ok("GET", f"inventory/source-items?{criteria(('sku', 'eq', 'LAMP'))}")
    assert found["items"] == [item]
    assert magento.ok("GET", "stockItems/LAMP")["is_in_stock"] is False
    query = "skus[0]=LAMP&skus[1]=MUG-RED&skus[2]=NOPE&stockId=1"
    answers = magento.ok("GET", f"inventory/are-products-salable?{query}")
    assert [answer["salable"] for answer in answers] == [False, True, False]
    missing = magento.call("GET", "stockItems/NOPE")
    assert missing.status_code == 404
    assert missing.json()["parameters"] == ["NOPE"]


def test_quantities_are_asked_for_together(magento: Caller) -> None:
    query = "&".join(
        f"skuRequests[{n}][sku]={sku}&skuRequests[{n}][qty]={qty}"
        for n, (sku, qty) in enumerate((("CHAIR", 10), ("LAMP", 21)))
    )
    path = f"inventory/are-product-salable-for-requested-qty/?stockId=1&{query}"
    answers = magento.ok("GET", path)
    assert [(answer["sku"], answer["salable"]) for answer in answers] == [
        ("CHAIR", True),
        ("LAMP", False),
    ]
    assert [fault["code"] for fault in answers[1]["errors"]][-1] == (
        "is_salable_with_reservations-not_enough_qty"
    )


def test_countries_and_their_regions(magento: Caller) -> None:
    regions = {
        code: magento.ok("GET", f"directory/countries/{code}").get("available_regions")
        for code in ("US", "DE", "FR", "IT", "ES", "GB")
    }
    assert {code: found and len(found) for code, found in regions.items()} == {
        "US": 65,
        "DE": 16,
        "FR": 96,
        "IT": 110,
        "ES": 52,
        "GB": None,
    }
    assert {"id": "62", "code": "WA", "name": "Washington"} in regions["US"]
    assert {"id": "82", "code": "BER", "name": "Berlin"} in regions["DE"]
    assert len({one["id"] for found in regions.values() for one in found or []}) == 339
    answer = magento.call("GET", "directory/countries/XX")
    assert refusal(answer) == (404, "The country isn't available.")


def test_stores_currency_and_version(magento: Caller) -> None:
    views = magento.ok("GET", "store/storeViews")
    assert [(view["id"], view["code"]) for view in views] == [
        (0, "admin"),
        (1, "default"),
        (2, "amazon_fba"),
    ]
    assert magento.ok("GET", "directory/currency")["base_currency_code"] == "EUR"
    assert [website["code"] for website in magento.ok("GET", "store/websites")] == ["admin", "base"]
    assert magento.ok("GET", "inventory/stock-resolver/website/base")["stock_id"] == 1
    assert "Magento_InventorySales" in magento.ok("GET", "modules")
    assert magento.call("GET", "/rest/all/V1/store/storeConfigs").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/rest/nosuch/V1/orders/1", 400, "Specified request cannot be processed."),
        ("GET", "/rest/V1/nosuch", 404, "Request does not match any route."),
        ("GET", "/rest/default/V9/orders/1", 404, "Request does not match any route."),
        ("DELETE", "/rest/default/V1/orders/1", 404, "Request does not match any route."),
        (
            "GET",
            "/rest/default/V1/orders/1",
            404,
            "The entity that was requested doesn't exist. Verify the entity and try again.",
        ),
        (
            "GET",
            "/rest/default/V1/orders/abc",
            400,
            'The "abc" value\'s type is invalid. The "int" type was expected. '
            "Verify and try again.",
        ),
    ],
)
def test_a_wrong_address(
    magento: Caller, method: str, path: str, status: int, message: str
) -> None:
    assert refusal(magento.call(method, path)) == (status, message)


@pytest.mark.parametrize(
    ("raw", "kind", "message"),
    [
        ("{,}", "application/json", "Decoding error."),
        ("{}", "application/json", '"%fieldName" is required. Enter and try again.'),
        ("{}", None, "Content-Type header is empty."),
    ],
)
def test_a_wrong_body(magento: Caller, raw: str, kind: str | None, message: str) -> None:
    headers = BEARER | ({"Content-Type": kind} if kind else {})
    url = f"{magento.url}/rest/default/V1/orders"
    assert refusal(magento.send("POST", url, raw, headers)) == (400, message)


def test_a_browser_gets_xml_and_a_stranger_nothing(magento: Caller) -> None:
    place(magento)
    url = f"{magento.url}/rest/default/V1/orders/1?fields=entity_id,status"
    browser = BEARER | {"Accept": "text/html,application/xhtml+xml;q=0.9"}
    assert magento.send("GET", url, None, browser).text == (
        '<?xml version="1.0"?>\n<response>\n  <entity_id>1</entity_id>\n'
        "  <status>pending</status>\n</response>\n"
    )
    answer = magento.send("GET", url, None, BEARER | {"Accept": "image/png"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "text/html; charset=UTF-8")
