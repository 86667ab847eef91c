"""Amazon's own models and examples against the client: what it reads, and what it sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft4Validator

from pipeline.amazon.amounts import amounts
from pipeline.amazon.client import Amazon
from pipeline.amazon.parsing import parse
from pipeline.orders.amounts import Adjustment, LineAmounts
from pipeline.orders.channel import Confirmation
from tests.amazon.orders import WHOLE
from tests.amazon.scripted import Answer, Asked, Server, an_account, serving
from tests.contract.amazon_models import closed, model, parameter_faults

SEARCH, GET = "/orders/2026-01-01/orders", "/orders/2026-01-01/orders/{orderId}"
CONFIRM = "/orders/v0/orders/{orderId}/shipmentConfirmation"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def orders_model() -> Any:
    return model("orders_2026-01-01.json")


@pytest.fixture(scope="module")
def v0_model() -> Any:
    return model("ordersV0.json")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def amazon(server: Server) -> Amazon:
    return Amazon("main", an_account(server.url), now=lambda: NOW)


def example(orders_model: Any, path: str) -> Any:
    return orders_model["paths"][path]["get"]["responses"]["200"]["examples"]["application/json"]


def body_faults(v0_model: Any, asked: Asked) -> list[str]:
    schema = {
        "$ref": "#/definitions/ConfirmShipmentRequest",
        "definitions": closed(v0_model["definitions"]),
    }
    return [fault.message for fault in Draft4Validator(schema).iter_errors(asked.json)]


def test_the_american_example_adds_up(orders_model: Any) -> None:
    (raw,) = example(orders_model, SEARCH)["orders"]
    order, read = parse(raw), amounts(raw)
    assert (order.external_id, order.status) == ("123-4567890-1234567", "SHIPPED")
    assert [(line.sku, line.quantity) for line in order.lines] == [
        ("ECHO-DOT-4-CHARCOAL", 2),
        ("FIRE-TV-4K-2021", 1),
    ]
    assert order.buyer_wants_to_cancel
    assert read.lines == {
        "12345678901234": LineAmounts(row_net=Decimal("99.98"), tax=Decimal("0.02")),
        "12345678901235": LineAmounts(row_net=Decimal("49.99")),
    }
    assert read.adjustments == (Adjustment("Delivery tip", Decimal("5.00")),)
    assert (read.currency, read.grand_total, read.mode) == ("USD", Decimal("154.99"), "tax on top")


def test_the_british_example_adds_up(orders_model: Any) -> None:
    raw = example(orders_model, GET)["order"]
    order, read = parse(raw), amounts(raw)
    assert (order.external_id, order.grand_total) == ("202-1234567-8901234", Decimal("103.97"))
    assert order.packages[0].quantities == {"20212345678901": 3}
    assert read.lines == {
        "20212345678901": LineAmounts(
            row_net=Decimal("89.97"),
            tax=Decimal("3.00"),
            shipping_net=Decimal("10.00"),
            shipping_tax=Decimal("1.00"),
        )
    }
    assert (read.adjustments, read.mode) == ((), "tax on top")
    assert (read.currency, read.grand_total) == ("GBP", Decimal("103.97"))


def test_the_order_that_has_everything_fits_the_model(orders_model: Any) -> None:
    """What the tests of reading call an order's fields is what Amazon calls them."""
    schema = {"$ref": "#/definitions/Order", "definitions": closed(orders_model["definitions"])}
    order = json.loads(json.dumps(WHOLE, default=float))
    faults = [fault.message for fault in Draft4Validator(schema).iter_errors(order)]
    assert faults == ["'OPTIONAL' is not one of ['MANDATORY']"]  # a word that may come one day


def leaves(schema: Any, definitions: Any, path: str = "") -> Iterator[str]:
    """The paths of everything in a schema that is no object and no list."""
    if "$ref" in schema:
        yield from leaves(definitions[schema["$ref"].rpartition("/")[2]], definitions, path)
    elif "items" in schema:
        yield from leaves(schema["items"], definitions, path)
    elif "properties" in schema:
        for name, part in schema["properties"].items():
            yield from leaves(part, definitions, f"{path}.{name}")
    else:
        yield path[1:]


def told(value: Any, path: str = "") -> Iterator[str]:
    """The same paths of a value."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from told(one, f"{path}.{name}")
    elif isinstance(value, list):
        for one in value:
            yield from told(one, path)
    else:
        yield path[1:]


# Beside Brazil's address and the amounts, which have tests of their own, and all other addresses.
NOT_READ = {
    "fulfillment": {"labelPrintingWindow.latestDateTime"},
    "fulfillmentOrders": {"fulfillmentOrderId"},
    "orderItems": {
        "fulfillment.quantityUnfulfilled",
        "associatedOrderItems.orderId",
        "expense.pointsCost.pointsGranted.pointsMonetaryValue",
        *(
            f"fulfillment.picking.substitutionPreference.substitutionOptions.{name}"
            for name in ("asin", "measurement", "quantityOrdered", "sellerSku", "title")
        ),
        *(
            f"fulfillment.shipping.shippingConstraints.{name}"
            for name in ("recipientAgeVerification", "recipientIdentityVerification")
        ),
    },
    "packages": {"createdTime", "packageItems.transparencyCodes", "shipFromAddress"},
    "payment": {
        *(
            f"paymentExecutions.{name}"
            for name in ("authorizationCode", "cardBrand", "paymentAmount")
        )
    },
    "proceeds": {"breakdowns.status"},
    "recipient": {
        "deliveryAddress.extendedFields",
        "deliveryAddress.municipality",
        "deliveryPreference.deliveryCapabilities",
        "deliveryPreference.deliveryTime",
    },
    "tax": {
        "taxRegistrations.taxRegistrationAddress",
        "taxRegistrations.taxRegistrationAttributes",
    },
}


def test_no_field_of_the_model_is_forgotten(orders_model: Any) -> None:
    """Each is in the order that the tests of reading know whole, or left out on purpose."""
    definitions = orders_model["definitions"]
    left_out = {f"{top}.{name}" for top, names in NOT_READ.items() for name in names}
    forgotten = [
        path
        for path in set(leaves({"$ref": "#/definitions/Order"}, definitions)) - set(told(WHOLE))
        if not any(f"{path}.".startswith(f"{one}.") for one in left_out)
    ]
    assert sorted(forgotten) == []


def test_the_examples_come_through_the_client(
    orders_model: Any, server: Server, amazon: Amazon
) -> None:
    answers = [example(orders_model, SEARCH), example(orders_model, GET)]
    server.answers = [Answer(200, body) for body in answers]
    page = amazon.changed_orders(NOW, None)
    assert (list(page.orders), page.next_token, page.upper_bound) == (
        answers[0]["orders"],
        "2YgYW55IGNhcm5hbCBwbGVhc3VyZS4",
        datetime(2024, 12, 25, 15, 0, tzinfo=UTC),
    )
    assert amazon.order("202-1234567-8901234") == answers[1]["order"]


def test_searches_with_parameters_amazon_knows(
    orders_model: Any, server: Server, amazon: Amazon
) -> None:
    server.answers = [Answer(200, {"orders": []})]
    amazon.changed_orders(NOW, None)
    amazon.changed_orders(NOW, "a token")
    operation = orders_model["paths"][SEARCH]["get"]
    assert [parameter_faults(operation, call.query) for call in server.calls] == [[], []]
    assert {call.path for call in server.calls} == {SEARCH}


def test_gets_an_order_with_parameters_amazon_knows(
    orders_model: Any, server: Server, amazon: Amazon
) -> None:
    server.answers = [Answer(200, {"order": {}})]
    amazon.order("202-1234567-8901234")
    (call,) = server.calls
    assert parameter_faults(orders_model["paths"][GET]["get"], call.query) == []
    assert call.path == GET.format(orderId="202-1234567-8901234")


@pytest.mark.parametrize("carrier_title", ["UPS", "Bike Couriers"])
def test_confirms_with_fields_amazon_knows(
    v0_model: Any, server: Server, amazon: Amazon, carrier_title: str
) -> None:
    server.answers = [Answer(204)]
    amazon.confirm_shipment(
        Confirmation(
            external_id="202-1234567-8901234",
            marketplace_id="A1F83G8C2ARO7P",
            reference="1",
            carrier_code="custom",
            carrier_title=carrier_title,
            tracking_number="1Z999AA10123456784",
            shipped_at=NOW,
            quantities={"20212345678901": 3},
        )
    )
    (call,) = server.calls
    assert body_faults(v0_model, call) == []
    assert call.path == CONFIRM.format(orderId="202-1234567-8901234")
    assert call.query == {}


def test_the_check_of_bodies_sees_faults(v0_model: Any) -> None:
    body = {"marketplaceId": "A", "packageDetail": {"packageReferenceId": 1, "carrier": "UPS"}}
    asked = Asked("POST", CONFIRM, {}, {}, json.dumps(body).encode())
    faults = body_faults(v0_model, asked)
    assert "1 is not of type 'string'" in faults
    assert any("'carrier' was unexpected" in fault for fault in faults)
    assert "'carrierCode' is a required property" in faults
