"""What the Amazon stand-in shows of an order: datasets and personal data."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sandbox.amazon.builders import a_cancellation_request, a_line, an_order
from tests.sandbox.conftest import NOW, Caller

ORDER = "028-0000001-0000001"


def a_full_order(**changes: Any) -> dict[str, Any]:
    """An order with every dataset in it."""
    line = a_line("SKU-1", 2, discount="1.00", gift_wrap="2.00", gift_message="All the best")
    order = an_order(ORDER, lines=[line], created_at=NOW - timedelta(days=1), **changes)
    order |= a_cancellation_request(order)
    item = order["orderItems"][0]
    item["expense"] = {"pointsCost": {"pointsGranted": {"pointsNumber": 10}}}
    item["tax"] = {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]}
    item["product"]["customization"] = {"customizedUrl": "https://customized.example/1"}
    registration = {"entityType": "BUYER", "legalName": "Muster GmbH"}
    order["tax"] = {
        "taxRegistrations": [registration],
        "taxInvoicing": {"invoiceStatus": "PENDING"},
    }
    order["recipient"]["deliveryPreference"] = {"addressInstruction": "Ring twice"}
    order["packages"] = [{"packageReferenceId": "1"}]
    order["fulfillmentOrders"] = [{"fulfillmentOrderId": "F1"}]
    return order


ALWAYS = {"orderId", "createdTime", "lastUpdatedTime", "salesChannel", "orderItems", "programs"}
ALWAYS_IN_ITEM = {"orderItemId", "quantityOrdered", "product", "programs"}


@pytest.mark.parametrize(
    ("included", "in_order", "in_item"),
    [
        ("", set(), set()),
        ("BUYER", {"buyer"}, set()),
        ("RECIPIENT", {"recipient"}, set()),
        ("PROCEEDS", {"proceeds"}, {"proceeds"}),
        ("EXPENSE", set(), {"expense"}),
        ("PROMOTION", set(), {"promotion"}),
        ("CANCELLATION", set(), {"cancellation"}),
        ("FULFILLMENT", {"fulfillment"}, {"fulfillment"}),
        ("PACKAGES", {"packages"}, set()),
        ("TAX", {"tax"}, {"tax"}),
        ("PAYMENT", {"payment"}, set()),
        ("FULFILLMENT_ORDERS", {"fulfillmentOrders"}, set()),
        ("BUYER,PROMOTION", {"buyer"}, {"promotion"}),
    ],
)
def test_only_what_was_asked_for_is_included(
    amazon: Caller, included: str, in_order: set[str], in_item: set[str]
) -> None:
    amazon.place(a_full_order())
    one = amazon.get(ORDER, included).json()["order"]
    asked = {"includedData": included} if included else {}
    (searched,) = amazon.search(createdAfter="2026-01-01T00:00:00Z", **asked).json()["orders"]
    assert one == searched
    assert set(one) == ALWAYS | in_order
    assert set(one["orderItems"][0]) == ALWAYS_IN_ITEM | in_item


def shown(amazon: Caller, order: dict[str, Any]) -> dict[str, Any]:
    amazon.place(order)
    answer: dict[str, Any] = amazon.get(ORDER).json()["order"]
    return answer


@pytest.mark.parametrize("status", ["UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED"])
def test_a_merchants_order_shows_its_buyer(amazon: Caller, status: str) -> None:
    order = a_full_order(status=status)
    answer = shown(amazon, order)
    assert answer["buyer"] == order["buyer"]
    assert answer["recipient"] == order["recipient"]
    assert answer["proceeds"] == order["proceeds"]


@pytest.mark.parametrize("status", ["PENDING_AVAILABILITY", "PENDING", "CANCELLED"])
def test_before_and_after_the_sale_there_is_neither_buyer_nor_money(
    amazon: Caller, status: str
) -> None:
    answer = shown(amazon, a_full_order(status=status))
    assert answer["fulfillment"]["fulfillmentStatus"] == status
    assert not {"buyer", "recipient", "proceeds"} & set(answer)
    assert "proceeds" not in answer["orderItems"][0]


def test_amazons_own_deliveries_show_the_place_and_no_person(amazon: Caller) -> None:
    order = a_full_order(status="SHIPPED", fulfilled_by="AMAZON")
    order["buyer"]["buyerCompanyName"] = "Muster GmbH"
    answer = shown(amazon, order)
    assert answer["buyer"] == {"buyerCompanyName": "Muster GmbH"}
    assert answer["recipient"] == {
        "deliveryAddress": {"city": "Berlin", "postalCode": "10115", "countryCode": "DE"}
    }
    assert "packages" not in answer
    assert answer["proceeds"] == order["proceeds"]


def test_a_buyer_of_whom_nothing_is_left_is_absent(amazon: Caller) -> None:
    answer = shown(amazon, a_full_order(status="SHIPPED", fulfilled_by="AMAZON"))
    assert "buyer" not in answer


def test_without_the_role_no_personal_data_comes(amazon: Caller) -> None:
    amazon.control("POST", "accounts", {"account": "main", "pii": False})
    answer = shown(amazon, a_full_order())
    item = answer["orderItems"][0]
    assert "buyer" not in answer
    assert answer["recipient"] == {"deliveryAddress": {"city": "Berlin", "countryCode": "DE"}}
    assert answer["tax"] == {"taxInvoicing": {"invoiceStatus": "PENDING"}}
    assert item["fulfillment"]["packing"] == {"giftOption": {"giftWrapLevel": "STANDARD"}}
    assert "customization" not in item["product"]
    assert "proceeds" in answer


def test_old_orders_fill_when_the_role_is_granted(amazon: Caller) -> None:
    amazon.control("POST", "accounts", {"account": "main", "pii": False})
    order = a_full_order()
    shown(amazon, order)
    amazon.control("POST", "accounts", {"account": "main", "pii": True})
    assert amazon.get(ORDER).json()["order"]["buyer"] == order["buyer"]


@pytest.mark.parametrize(
    ("status", "days", "has_phone"),
    [("SHIPPED", 4, True), ("SHIPPED", 5, False), ("PARTIALLY_SHIPPED", 5, True)],
)
def test_the_phone_goes_when_a_shipped_order_must_have_arrived(
    amazon: Caller, status: str, days: int, has_phone: bool
) -> None:
    amazon.place(a_full_order(status=status))  # placed a day ago, to be delivered within five
    amazon.control("POST", "clock", {"offset_s": days * 86400})
    amazon.log_in()
    address = amazon.get(ORDER).json()["order"]["recipient"]["deliveryAddress"]
    assert ("phone" in address) is has_phone
    assert "name" in address
