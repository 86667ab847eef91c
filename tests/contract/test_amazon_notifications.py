"""The stand-in's notifications and what we send to set them up fit Amazon's own models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft7Validator

from pipeline.amazon import notification_messages
from pipeline.amazon.subscriptions import Notifications, queue_policy
from sandbox.amazon.builders import a_cancellation_request, an_order
from sandbox.amazon.order_change import order_change, seller_id
from sandbox.amazon.state import fill_quantities
from sandbox.amazon.times import iso
from sandbox.amazon.transaction_update import transaction_update
from tests.amazon.scripted import Answer, Server, an_account, serving
from tests.contract.test_amazon_sandbox import Model, model
from tests.contracts import contract
from tests.sandbox.conftest import NOW, Caller, running_amazon

NUMBER = "028-0000001-0000001"
STATUSES = (
    *("PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED"),
    *("SHIPPED", "CANCELLED", "UNFULFILLABLE", "INVOICE_UNCONFIRMED"),
)
ARN = "arn:aws:sqs:eu-west-1:123456789012:orders"


@pytest.fixture
def notifications_model() -> Model:
    return model("notifications.json")


@pytest.fixture
def schema() -> Any:
    return json.loads(contract("amazon/OrderChangeNotification.json").read_text())


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def closed(schema: Any) -> Any:
    """The schema with objects that take no property it does not list."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        result["additionalProperties"] = False
    return result


def a_message(status: str, fulfilled_by: str = "MERCHANT", **patch: Any) -> Any:
    order = an_order(
        NUMBER, status=status, fulfilled_by=fulfilled_by, programs=["PRIME"], created_at=NOW
    )
    fill_quantities(order | patch)
    return order_change(order | patch, "main", "a-subscription", 7, NOW)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("fulfilled_by", ["MERCHANT", "AMAZON"])
def test_a_message_of_the_stand_in_fits(schema: Any, status: str, fulfilled_by: str) -> None:
    message = a_message(status, fulfilled_by)
    errors = Draft7Validator(closed(schema)).iter_errors(message)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


@pytest.mark.parametrize("order_id", [NUMBER, None])
def test_a_message_about_posted_money_fits(order_id: str | None) -> None:
    posted = {
        "kind": "Refund",
        "order_id": order_id,
        "marketplace": "A1PA6795UKMFR9",
        "posted_at": iso(NOW),
        "total": "-8.50",
        "currency": "EUR",
    }
    message = transaction_update(posted, "main", "a-subscription", 7, NOW)
    schema = json.loads(contract("amazon/TransactionUpdateNotification.json").read_text())
    assert list(Draft7Validator(closed(schema)).iter_errors(message)) == []
    told = notification_messages.read(json.dumps(message), "message")
    if order_id is None:
        assert told == notification_messages.Other("TRANSACTION_UPDATE")
    else:
        assert told == notification_messages.MoneyPosted(NUMBER, seller_id("main"))
    # The number in Amazon's example has not the form of an order's.
    [example] = schema["examples"]
    read = notification_messages.read
    assert read(json.dumps(example), "message") == notification_messages.Other("TRANSACTION_UPDATE")
    update = example["Payload"]["TransactionUpdateNotification"]
    update["RelatedIdentifiers"][0]["RelatedIdentifierValue"] = NUMBER
    posted_money = notification_messages.MoneyPosted(NUMBER, "A3TH9S8BH6GOGM")
    assert read(json.dumps(example), "message") == posted_money


def test_a_message_about_a_wish_to_cancel_fits(schema: Any) -> None:
    patch = a_cancellation_request(an_order(NUMBER))
    message = a_message("UNSHIPPED", **patch)
    assert list(Draft7Validator(closed(schema)).iter_errors(message)) == []


def test_both_amazons_example_and_the_stand_ins_message_are_read(schema: Any) -> None:
    [example] = schema["examples"]
    notification = notification_messages.read(json.dumps(example), "message")
    assert isinstance(notification, notification_messages.OrderChange)
    assert (notification.notification_id, notification.external_id, notification.seller_id) == (
        "d0e9e693-c3ad-4373-979f-ed4ec98dd746",
        "903-8868176-2219830",
        "A3TH9S8BH6GOGM",
    )
    notification = notification_messages.read(json.dumps(a_message("UNSHIPPED")), "message")
    assert isinstance(notification, notification_messages.OrderChange)
    assert (notification.external_id, notification.seller_id) == (NUMBER, seller_id("main"))


def test_our_requests_fit(notifications_model: Model, server: Server) -> None:
    own = Notifications("eu", an_account(server.url), sleep=lambda _: None)
    resource = {"sqs": {"arn": ARN}}
    made = {"destinationId": "D", "name": "orders", "resource": resource}
    server.answers = [Answer(200, {"payload": made})]
    own.create_destination("orders", ARN)
    subscription = {"subscriptionId": "S", "destinationId": "D", "payloadVersion": "1.0"}
    server.answers = [Answer(200, {"payload": subscription})]
    own.create_subscription("D")
    destination, subscribing = server.calls
    assert notifications_model.misfits("CreateDestinationRequest", destination.json) == []
    asked = subscribing.json
    # Its parts are joined with allOf, which a closed model refuses as a whole.
    event_filter = asked.pop("processingDirective")["eventFilter"]
    assert notifications_model.misfits("CreateSubscriptionRequest", asked) == []
    parts = notifications_model.body["definitions"]["EventFilter"]["allOf"]
    assert event_filter["eventFilterType"] in (parts[-1]["properties"]["eventFilterType"]["enum"])
    assert [(call.method, call.path) for call in server.calls] == [
        ("POST", "/notifications/v1/destinations"),
        ("POST", "/notifications/v1/subscriptions/ORDER_CHANGE"),
    ]
    # The application's own token for the one, the seller's for the other.
    assert [call.form["grant_type"] for call in server.token_calls] == [
        ["client_credentials"],
        ["refresh_token"],
    ]
    assert server.token_calls[0].form["scope"] == ["sellingpartnerapi::notifications"]
    assert json.loads(queue_policy(ARN))["Statement"][0]["Resource"] == ARN


def test_the_stand_ins_answers_fit(notifications_model: Model, tmp_path: Path) -> None:
    with running_amazon(tmp_path / "amazon.sqlite") as amazon:
        _answers_fit(notifications_model, amazon)


def _answers_fit(notifications_model: Model, amazon: Caller) -> None:
    form = {
        "grant_type": "client_credentials",
        "scope": "sellingpartnerapi::notifications",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
    }
    own = {"x-amz-access-token": amazon.token(**form).json()["access_token"]}
    base = f"{amazon.url}/notifications/v1"
    destinations, subscriptions = f"{base}/destinations", f"{base}/subscriptions/ORDER_CHANGE"

    def call(method: str, url: str, *, grantless: bool, **body: Any) -> requests.Response:
        headers = amazon.headers | (own if grantless else {})
        return requests.request(method, url, json=body or None, headers=headers, timeout=10)

    made = call(
        "POST",
        destinations,
        grantless=True,
        name="orders",
        resourceSpecification={"sqs": {"arn": ARN}},
    )
    destination_id = made.json()["payload"]["destinationId"]
    subscribed = call(
        "POST", subscriptions, grantless=False, payloadVersion="1.0", destinationId=destination_id
    )
    subscription_id = subscribed.json()["payload"]["subscriptionId"]
    listed = call("GET", destinations, grantless=True)
    found = call("GET", subscriptions, grantless=False)
    ended = call("DELETE", f"{subscriptions}/{subscription_id}", grantless=True)
    forgotten = call("DELETE", f"{destinations}/{destination_id}", grantless=True)
    missing = call("GET", subscriptions, grantless=False)
    one, of_type = "/notifications/v1/destinations", "/notifications/v1/subscriptions"
    for answer, name, path, method in (
        (made, "CreateDestinationResponse", one, "post"),
        (subscribed, "CreateSubscriptionResponse", f"{of_type}/{{notificationType}}", "post"),
        (listed, "GetDestinationsResponse", one, "get"),
        (found, "GetSubscriptionResponse", f"{of_type}/{{notificationType}}", "get"),
        (
            ended,
            "DeleteSubscriptionByIdResponse",
            f"{of_type}/{{notificationType}}/{{subscriptionId}}",
            "delete",
        ),
        (forgotten, "DeleteDestinationResponse", f"{one}/{{destinationId}}", "delete"),
        (missing, "GetSubscriptionResponse", f"{of_type}/{{notificationType}}", "get"),
    ):
        assert answer.status_code == (404 if answer is missing else 200), name
        assert notifications_model.misfits(name, answer.json()) == [], name
        sent = {header for header in answer.headers if header.startswith("x-amzn-")}
        assert sent <= notifications_model.headers(path, method, answer.status_code) | {
            "x-amzn-RequestId"
        }
