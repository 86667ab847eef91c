"""The Magento stand-in set up as shops differ: version, rights, input limits, statuses, bulks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.test_magento_auth import STORE_VIEWS, Caller, magento, oauth, one_shop, refusal
from tests.sandbox.test_magento_orders import a_line, an_order, place, state

__all__ = ["magento", "one_shop"]
MASKED = "Internal Error. Details are available in Magento log file."
TAX = {"code": "DE", "percent": 19, "amount": 3.8, "base_amount": 3.8, "base_real_amount": 3.8}
TAX_ROW = TAX | {"priority": 0, "position": 0, "process": 0}
ITEM_TAX = {"tax_code": "DE", "tax_percent": 19, "amount": 3.8, "base_amount": 3.8}
ITEM_TAX_ROW = ITEM_TAX | {"real_amount": 3.8, "real_base_amount": 3.8}


def configure(magento: Caller, **settings: Any) -> None:
    magento.control("POST", "config", settings)


def taxed(**more: Any) -> dict[str, Any]:
    line = a_line(extension_attributes={"itemized_taxes": [ITEM_TAX_ROW]})
    order = an_order(line)
    taxes = {"taxes": [TAX_ROW], "additional_itemized_taxes": [ITEM_TAX_ROW]}
    order["extension_attributes"] |= taxes | more
    return order


def test_a_setting_that_nothing_reads_is_refused(magento: Caller) -> None:
    answer = magento.call("POST", "/_control/config", {"verson": "2.4.6"})
    assert answer.status_code == 400
    answer = magento.call("POST", "/_control/config", {"version": 2.4})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("version", "status", "message"),
    [
        ("2.4.6-p8", 500, MASKED),
        ("2.4.7", 400, '"%fieldName" is not supported. Correct the field name and try again.'),
        ("2.4.8", 400, '"%fieldName" is not supported. Correct the field name and try again.'),
    ],
)
def test_an_unknown_name_is_caught_since_2_4_7(
    magento: Caller, version: str, status: int, message: str
) -> None:
    configure(magento, version=version)
    answer = magento.call("PUT", "orders/create", {"entity": an_order(surprise=1)})
    assert answer.status_code == status
    assert answer.json()["message"].startswith(message)
    assert magento.control("GET", "orders") == []


def test_tax_rows_are_kept_and_shown(magento: Caller) -> None:
    made = magento.ok("POST", "orders", {"entity": taxed()})
    assert made["extension_attributes"]["taxes"] == [TAX_ROW]
    answer = magento.ok("GET", f"orders/{made['entity_id']}")
    extension = answer["extension_attributes"]
    assert extension["taxes"] == [TAX_ROW]
    assert extension["additional_itemized_taxes"] == [ITEM_TAX_ROW]
    assert [tax["code"] for tax in extension["applied_taxes"]] == ["DE"]
    assert answer["items"][0]["extension_attributes"]["itemized_taxes"] == [ITEM_TAX_ROW]


def test_a_tax_row_with_an_unknown_field_is_refused(magento: Caller) -> None:
    order = taxed(taxes=[TAX_ROW | {"rate": 19}])
    answer = magento.call("POST", "orders", {"entity": order})
    assert answer.status_code == 400
    assert answer.json()["parameters"] == {"fieldName": "Rate"}


def test_a_shop_before_2_4_7_knows_no_tax_rows(magento: Caller) -> None:
    configure(magento, version="2.4.6-p10")
    assert magento.call("POST", "orders", {"entity": taxed()}).status_code == 500
    assert magento.control("GET", "orders") == []


@pytest.mark.parametrize(
    ("version", "sent", "answered", "left"),
    [
        ("2.4.6", "packed", 200, "packed"),
        ("2.4.6", "nonsense", 200, "nonsense"),
        ("2.4.6", None, 200, None),
        ("2.4.7-p3", "packed", 400, "processing"),
        ("2.4.7-p3", "processing", 200, "processing"),
        ("2.4.7-p3", None, 200, "processing"),
        ("2.4.8", "packed", 200, "packed"),
        ("2.4.8", "fraud", 200, "fraud"),
        ("2.4.8", "nonsense", 400, "processing"),
        ("2.4.8", None, 200, "processing"),
    ],
)
def test_what_a_comment_does_to_the_status(
    magento: Caller, version: str, sent: str | None, answered: int, left: str | None
) -> None:
    configure(magento, version=version, **{"sales/statuses": {"packed": "processing"}})
    order_id = place(magento, state="processing", status="processing")["entity_id"]
    entry = {"comment": "x", "is_customer_notified": 0, "is_visible_on_front": 0}
    entry |= {"status": sent} if sent else {}
    answer = magento.call("POST", f"orders/{order_id}/comments", {"statusHistory": entry})
    assert answer.status_code == answered
    assert state(magento, order_id) == ("processing", left)


@pytest.mark.parametrize(("version", "left"), [("2.4.7-p3", 0), ("2.4.6-p9", -2)])
def test_a_cancellation_that_fails_midway(magento: Caller, version: str, left: int) -> None:
    configure(magento, version=version, failing_cancels=1)
    order_id = place(magento, a_line(qty_shipped=4))["entity_id"]
    answer = magento.call("POST", f"orders/{order_id}/cancel")
    assert answer.status_code == 500
    assert state(magento, order_id) == ("new", "pending")
    assert magento.control("GET", "stock/MUG-BLUE")["reservations_sum"] == left
    assert magento.ok("POST", f"orders/{order_id}/cancel") is True
    assert magento.control("GET", "stock/MUG-BLUE")["reservations_sum"] == left - 2


def test_a_resource_that_was_not_given(magento: Caller) -> None:
    configure(magento, **{"integration/withheld": ["Magento_Sales::actions_view"]})
    for headers in (None, oauth("GET", f"{magento.url}/rest/default/V1/orders/1")):
        answer = magento.call("GET", "orders/1", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["parameters"] == {"resources": "Magento_Sales::actions_view"}
    assert magento.call("POST", "orders", {"entity": an_order()}).status_code == 200


@pytest.mark.parametrize(
    ("version", "post"),
    [("2.4.7-p3", 200), ("2.4.7-p5", 401), ("2.4.6-p9", 200), ("2.4.6-p10", 401), ("2.4.8", 401)],
)
def test_posting_an_order_got_a_resource_of_its_own(
    magento: Caller, version: str, post: int
) -> None:
    configure(magento, version=version, **{"integration/withheld": ["Magento_Sales::api_actions"]})
    assert magento.call("POST", "orders", {"entity": an_order()}).status_code == post
    assert magento.call("PUT", "orders/create", {"entity": an_order()}).status_code == 200


def test_bearer_can_be_switched_off(magento: Caller) -> None:
    configure(magento, **{"oauth/consumer/enable_integration_as_bearer": False})
    assert magento.call("GET", STORE_VIEWS).status_code == 401
    signed = oauth("GET", magento.url + STORE_VIEWS)
    assert magento.call("GET", STORE_VIEWS, headers=signed).status_code == 200


def test_a_hardened_shop_limits_pages_and_lists(magento: Caller) -> None:
    configure(
        magento,
        **{
            "webapi/validation/input_limit_enabled": True,
            "webapi/validation/maximum_page_size": 50,
            "webapi/validation/default_page_size": 2,
            "webapi/validation/complex_array_limit": 1,
        },
    )
    answer = magento.call("GET", "products?searchCriteria[pageSize]=51")
    assert refusal(answer) == (400, "Maximum SearchCriteria pageSize is %max")
    assert len(magento.ok("GET", "products?searchCriteria=")["items"]) == 2
    two = {"entity": an_order(a_line(), a_line("MUG-RED"))}
    answer = magento.call("POST", "orders", two)
    assert refusal(answer) == (400, 'Maximum items of type "%type" is %max')
    assert answer.json()["parameters"]["max"] == 1


def test_a_shop_without_multi_source_inventory(magento: Caller) -> None:
    configure(magento, **{"modules/inventory": False})
    answer = magento.call("GET", "inventory/source-items?searchCriteria=")
    assert refusal(answer) == (404, "Request does not match any route.")
    assert "Magento_InventoryApi" not in magento.ok("GET", "/rest/V1/modules")


def test_currencies_have_the_rates_they_were_given(magento: Caller) -> None:
    configure(magento, **{"currency/rates": {"SEK": 11.5}})
    answer = magento.ok("GET", "directory/currency")
    assert answer["available_currency_codes"] == ["EUR", "SEK"]
    assert answer["exchange_rates"] == [
        {"currency_to": "EUR", "rate": 1},
        {"currency_to": "SEK", "rate": 11.5},
    ]


def test_a_bulk_is_done_when_the_consumer_runs(magento: Caller) -> None:
    taken = place(magento)["increment_id"]
    orders = [{"entity": an_order()}, {"entity": an_order(increment_id=taken)}]
    answer = magento.call("POST", "/rest/default/async/bulk/V1/orders", orders)
    assert answer.status_code == 202
    bulk = answer.json()["bulk_uuid"]
    assert operations(magento, bulk) == [(4, None), (4, None)]
    assert magento.control("POST", "consume") == {"operations": 2}
    assert operations(magento, bulk) == [
        (1, r"Service execution success Magento\Sales\Model\OrderRepository\Interceptor::save"),
        (3, "Unique constraint violation found"),
    ]
    assert magento.control("POST", "consume") == {"operations": 0}
    assert len(magento.control("GET", "orders")) == 2


def operations(magento: Caller, bulk: str) -> list[tuple[int, str | None]]:
    listed = magento.ok("GET", f"bulk/{bulk}/status")["operations_list"]
    return [(one["status"], one["result_message"]) for one in listed]


def test_one_unreadable_order_refuses_the_bulk(magento: Caller) -> None:
    orders = [{"entity": an_order()}, {"entity": an_order(surprise=1)}]
    answer = magento.call("POST", "/rest/default/async/bulk/V1/orders", orders)
    assert answer.status_code == 400
    assert magento.control("POST", "consume") == {"operations": 0}


def test_an_asynchronous_shipment(magento: Caller) -> None:
    order_id = place(magento)["entity_id"]
    path = f"/rest/default/async/V1/order/{order_id}/ship"
    assert magento.call("POST", path, {}).status_code == 202
    magento.control("POST", "consume")
    assert magento.ok("GET", f"orders/{order_id}")["items"][0]["qty_shipped"] == 2
