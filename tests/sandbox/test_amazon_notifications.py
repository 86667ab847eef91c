"""The stand-in's Notifications API, and the messages it sends after each change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.amazon.builders import a_cancellation_request, an_order
from sandbox.amazon.quota import USAGE_PLAN, Quota
from sandbox.amazon.state import Options
from tests.queues import TestQueue
from tests.sandbox.conftest import Caller, refusal, running_amazon

ORDER = "028-0000001-0000001"
SCOPE = "sellingpartnerapi::notifications"
DESTINATIONS = "destinations"
SUBSCRIPTIONS = "subscriptions/ORDER_CHANGE"
DIRECTIVE = {"eventFilter": {"eventFilterType": "ORDER_CHANGE"}}


class Api:
    """The application with both of its tokens."""

    def __init__(self, amazon: Caller) -> None:
        self.amazon = amazon
        form = {
            "grant_type": "client_credentials",
            "scope": SCOPE,
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
        }
        own = amazon.token(**form).json()["access_token"]
        self.application = amazon.headers | {"x-amz-access-token": own}
        self.seller = amazon.headers

    def call(
        self, method: str, path: str, body: Any = None, *, seller: bool = False
    ) -> requests.Response:
        headers = self.seller if seller else self.application
        url = f"{self.amazon.url}/notifications/v1/{path}"
        return requests.request(method, url, json=body, headers=headers, timeout=10)

    def destination(self, arn: str) -> requests.Response:
        body = {"name": "orders", "resourceSpecification": {"sqs": {"arn": arn}}}
        return self.call("POST", DESTINATIONS, body)

    def subscribe(self, destination_id: str, **changes: Any) -> requests.Response:
        body = {"payloadVersion": "1.0", "destinationId": destination_id, **changes}
        return self.call("POST", SUBSCRIPTIONS, body, seller=True)


@pytest.fixture
def api(tmp_path: Path, sqs_url: str) -> Iterator[Api]:
    quotas = {operation: Quota(1.0, 100) for operation in USAGE_PLAN}
    options = Options(quotas=quotas, sqs_endpoint=sqs_url)
    with running_amazon(tmp_path / "amazon.sqlite", options) as caller:
        yield Api(caller)


@pytest.fixture
def subscribed(api: Api, queue: TestQueue) -> Api:
    destination_id = api.destination(queue.arn).json()["payload"]["destinationId"]
    assert api.subscribe(destination_id, processingDirective=DIRECTIVE).status_code == 200
    return api


def received(queue: TestQueue) -> list[str]:
    """What lies in the queue, in the order it was sent."""
    bodies: list[str] = []
    while received := queue.sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10).get(
        "Messages"
    ):
        bodies += [one["Body"] for one in received]
        for one in received:
            queue.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=one["ReceiptHandle"])
    return bodies


def told(queue: TestQueue) -> list[tuple[str, str]]:
    """Status and notification id of each message."""
    messages = [json.loads(body) for body in received(queue)]
    return [
        (
            message["Payload"]["OrderChangeNotification"]["Summary"]["OrderStatus"],
            message["NotificationMetadata"]["NotificationId"][:8],
        )
        for message in messages
    ]


def move(api: Api, status: str) -> None:
    api.amazon.control("POST", f"orders/{ORDER}/status", {"status": status})


def test_a_destination_is_made_once_listed_and_deleted(api: Api, queue: TestQueue) -> None:
    assert api.call("GET", DESTINATIONS).json() == {"payload": []}
    made = api.destination(queue.arn)
    assert made.status_code == 200
    payload = made.json()["payload"]
    assert payload["resource"] == {"sqs": {"arn": queue.arn}}
    assert refusal(api.destination(queue.arn))[0] == 409
    assert api.call("GET", DESTINATIONS).json() == {"payload": [payload]}
    path = f"{DESTINATIONS}/{payload['destinationId']}"
    assert api.call("DELETE", path).json() == {}
    assert refusal(api.call("DELETE", path))[0] == 404


@pytest.mark.parametrize("arn", ["", "not an arn", "arn:aws:sns:eu-west-1:1:x"])
def test_a_destination_needs_a_queue(api: Api, arn: str) -> None:
    assert refusal(api.destination(arn))[0] == 400


def test_a_subscription_is_made_once_and_protects_its_destination(
    subscribed: Api,
) -> None:
    payload = subscribed.call("GET", SUBSCRIPTIONS, seller=True).json()["payload"]
    assert payload["processingDirective"] == DIRECTIVE
    assert refusal(subscribed.subscribe(payload["destinationId"]))[0] == 409
    destination = f"{DESTINATIONS}/{payload['destinationId']}"
    assert refusal(subscribed.call("DELETE", destination))[0] == 409
    path = f"{SUBSCRIPTIONS}/{payload['subscriptionId']}"
    assert subscribed.call("DELETE", path).status_code == 200
    assert refusal(subscribed.call("DELETE", path))[0] == 404
    assert refusal(subscribed.call("GET", SUBSCRIPTIONS, seller=True))[0] == 404
    assert subscribed.call("DELETE", destination).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"payloadVersion": "2.0"},
        {"destinationId": "unknown"},
        {"processingDirective": {"eventFilter": {}}},
        {"processingDirective": {"eventFilter": {"eventFilterType": "ANY_OFFER_CHANGED"}}},
    ],
)
def test_a_subscription_that_makes_no_sense_is_refused(
    api: Api, queue: TestQueue, changes: dict[str, Any]
) -> None:
    destination_id = api.destination(queue.arn).json()["payload"]["destinationId"]
    asked = {"destination_id": destination_id} | changes
    asked["destination_id"] = asked.pop("destinationId", destination_id)
    assert refusal(api.subscribe(**asked))[0] == 400


def test_each_route_takes_its_own_kind_of_token(api: Api) -> None:
    api.seller, api.application = api.application, api.seller
    for method, path, seller in (
        ("GET", DESTINATIONS, False),
        ("POST", DESTINATIONS, False),
        ("DELETE", f"{DESTINATIONS}/1", False),
        ("DELETE", f"{SUBSCRIPTIONS}/1", False),
        ("GET", SUBSCRIPTIONS, True),
        ("POST", SUBSCRIPTIONS, True),
    ):
        assert refusal(api.call(method, path, {}, seller=seller))[:2] == (403, "Unauthorized")


def test_every_change_of_an_order_is_told(subscribed: Api, queue: TestQueue) -> None:
    subscribed.amazon.place(an_order(ORDER, status="PENDING"))
    move(subscribed, "UNSHIPPED")
    request = a_cancellation_request(an_order(ORDER))
    subscribed.amazon.control("PATCH", f"orders/{ORDER}", request)
    move(subscribed, "CANCELLED")
    messages = [json.loads(body)["Payload"]["OrderChangeNotification"] for body in received(queue)]
    assert [message["Summary"]["OrderStatus"] for message in messages] == [
        "Pending",
        "Unshipped",
        "Unshipped",
        "Canceled",
    ]
    assert [message["OrderChangeType"] for message in messages] == [
        "OrderStatusChange",
        "OrderStatusChange",
        "BuyerRequestedChange",
        "BuyerRequestedChange",
    ]
    assert {message["AmazonOrderId"] for message in messages} == {ORDER}


def test_nothing_is_told_to_who_did_not_ask(api: Api, subscribed: Api, queue: TestQueue) -> None:
    api.amazon.control("POST", "accounts", {"account": "second"})
    api.amazon.place(an_order(ORDER), account="second")
    assert received(queue) == []
    payload = api.call("GET", SUBSCRIPTIONS, seller=True).json()["payload"]
    api.call("DELETE", f"{SUBSCRIPTIONS}/{payload['subscriptionId']}")
    api.amazon.place(an_order("028-0000001-0000002"))
    assert received(queue) == []


def test_messages_can_be_lost_and_doubled(subscribed: Api, queue: TestQueue) -> None:
    subscribed.amazon.control("POST", "notifications", {"drop_every": 3, "copies": 2})
    subscribed.amazon.place(an_order(ORDER, status="PENDING"))
    for status in ("UNSHIPPED", "SHIPPED", "CANCELLED"):
        move(subscribed, status)
    first, second, fourth = "00000001", "00000002", "00000004"
    assert told(queue) == [
        ("Pending", first),
        ("Pending", first),
        ("Unshipped", second),
        ("Unshipped", second),
        ("Canceled", fourth),
        ("Canceled", fourth),
    ]
    counted = subscribed.amazon.control("GET", "notifications")
    assert counted == {"sent": 6, "dropped": 2, "held": 0}


def test_messages_can_be_held_back_and_turned_round(subscribed: Api, queue: TestQueue) -> None:
    subscribed.amazon.control("POST", "notifications", {"hold": 1})
    subscribed.amazon.place(an_order(ORDER, status="PENDING"))
    move(subscribed, "UNSHIPPED")
    assert (received(queue), subscribed.amazon.control("GET", "notifications")["held"]) == ([], 2)
    subscribed.amazon.control("POST", "notifications/release", {"reversed": True})
    assert [status for status, _ in told(queue)] == ["Unshipped", "Pending"]


def test_anything_can_be_put_into_the_queue(subscribed: Api, queue: TestQueue) -> None:
    subscribed.amazon.control("POST", "notifications/garbage", {"bodies": ["{", "x"]})
    assert received(queue) == ["{", "x"]


def test_a_fifo_queue_gets_nothing(api: Api, queue: TestQueue) -> None:
    destination_id = api.destination(f"{queue.arn}.fifo").json()["payload"]["destinationId"]
    assert api.subscribe(destination_id).status_code == 200
    api.amazon.place(an_order(ORDER))
    assert received(queue) == []


def test_posted_money_is_told_to_its_own_subscription_before_it_can_be_read(
    subscribed: Api, queue: TestQueue
) -> None:
    path = "subscriptions/TRANSACTION_UPDATE"
    assert subscribed.call("GET", path, seller=True).status_code == 404
    (orders,) = subscribed.call("GET", DESTINATIONS).json()["payload"]
    body = {"payloadVersion": "1.0", "destinationId": orders["destinationId"]}
    assert subscribed.call("POST", path, body, seller=True).status_code == 200
    assert refusal(subscribed.call("POST", path, body, seller=True))[0] == 409
    subscribed.amazon.control("POST", "finances", {"delay_s": 3600})
    order = an_order(ORDER, status="SHIPPED")
    subscribed.amazon.place(order)
    messages = [json.loads(text) for text in received(queue)]
    assert [message["NotificationType"] for message in messages] == [
        "TRANSACTION_UPDATE",
        "ORDER_CHANGE",
    ]
    told_of = messages[0]["Payload"]["TransactionUpdateNotification"]
    assert told_of["TransactionType"] == "Shipment"
    assert told_of["TotalAmount"] == {"CurrencyAmount": 8.5, "CurrencyCode": "EUR"}
    assert told_of["RelatedIdentifiers"] == [
        {"RelatedIdentifierName": "OrderId", "RelatedIdentifierValue": ORDER}
    ]
    answer = requests.get(
        f"{subscribed.amazon.url}/finances/2024-06-19/transactions",
        params={"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": ORDER},
        headers=subscribed.seller,
        timeout=10,
    )
    assert answer.json() == {"payload": {"transactions": []}}
