"""Our clients talk with the stand-in, and every word of both is held against Amazon's models."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, Response, request

from pipeline.amazon.client import Amazon
from pipeline.amazon.connection import Connection
from pipeline.amazon.feed_documents import CONTENT_TYPE, FEED_TYPES, FeedKind, write
from pipeline.amazon.feeds import FeedsApi
from pipeline.amazon.subscriptions import Notifications
from pipeline.base.errors import AccountStopped, Rejected, RemoteError, Transient
from pipeline.orders.channel import Confirmation
from pipeline.settings.model import AccountSettings
from sandbox.amazon.app import create_app
from sandbox.amazon.builders import a_line, an_order
from sandbox.amazon.quota import USAGE_PLAN, Quota
from sandbox.amazon.state import Options, open_store
from sandbox.core import make
from tests.amazon.orders import GERMANY
from tests.amazon.scripted import an_account
from tests.contract.amazon_models import Exchange, answer_faults, operation_of, request_faults

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(days=1)
NOT_SP_API = ("/auth/o2/token", "/feed-documents/", "/_control/")
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:orders"


@dataclass
class Talk:
    """A running stand-in and what was said to it and by it."""

    url: str
    said: list[Exchange] = field(default_factory=list)

    def control(self, path: str, method: str = "POST", **body: Any) -> Any:
        answer = requests.request(method, f"{self.url}/_control/{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def account(self, name: str = "main", **changes: Any) -> AccountSettings:
        return an_account(
            self.url,
            client_id="sandbox-client",
            client_secret="sandbox-secret",
            refresh_token=f"Atzr|sandbox-{name}",
            **changes,
        )

    @property
    def faults(self) -> list[str]:
        return [fault for one in self.said for fault in (*request_faults(one), *answer_faults(one))]

    @property
    def names(self) -> set[tuple[str, int]]:
        """Which operations were asked for, and what they were answered."""
        return {
            (operation.name, one.status)
            for one in self.said
            if (operation := operation_of(one)) is not None
        }


def listen(app: Flask, said: list[Exchange]) -> None:
    """Write down every exchange that is SP-API's."""

    def write_down(response: Response) -> Response:
        if not request.path.startswith(NOT_SP_API):
            said.append(
                Exchange(
                    request.method,
                    request.path,
                    request.args.to_dict(),
                    {name.lower(): value for name, value in request.headers.items()},
                    request.get_json(silent=True),
                    response.status_code,
                    response.get_json(silent=True),
                )
            )
        return response

    app.after_request(write_down)


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    store = open_store(tmp_path / "amazon.sqlite")
    quotas = USAGE_PLAN | {"getOrder": Quota(0.001, 12)}
    said: list[Exchange] = []
    app = create_app(store, Options(quotas=quotas), clock=lambda: NOW)
    listen(app, said)
    server = make(app, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Talk(f"http://127.0.0.1:{server.server_port}", said)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        store.close()


def number(position: int) -> str:
    return f"028-0000002-{position:07}"


def a_day_of_orders() -> list[dict[str, Any]]:
    """One of each kind that the stand-in can play."""
    rich = a_line(
        "SKU-1",
        3,
        unit="19.99",
        discount="5.00",
        shipping_discount="1.00",
        gift_wrap="3.50",
        shipping="4.99",
        tax="9.57",
        item_id="A",
        programs=["TRANSPARENCY"],
        gift_message="All the best",
    )
    replacement = an_order(number(5), lines=[a_line("SKU-1", unit="0")], created_at=EARLIER)
    replacement["associatedOrders"] = [
        {"orderId": number(1), "associationType": "REPLACEMENT_ORIGINAL_ID"}
    ]
    cancelled = an_order(number(6), status="CANCELLED", created_at=EARLIER)
    cancelled["orderItems"][0]["quantityOrdered"] = 0
    return [
        an_order(number(1), lines=[rich], programs=["PRIME"], created_at=EARLIER),
        an_order(number(2), lines=[a_line("SKU-2", 2, item_id="B")], created_at=EARLIER),
        an_order(number(3), status="PENDING", created_at=EARLIER),
        an_order(number(4), status="SHIPPED", fulfilled_by="AMAZON", created_at=EARLIER),
        replacement,
        cancelled,
    ]


def a_confirmation(reference: str, **changes: Any) -> Confirmation:
    values: dict[str, Any] = {
        "external_id": number(2),
        "marketplace_id": GERMANY,
        "reference": reference,
        "carrier_code": "dhl",
        "carrier_title": "DHL",
        "tracking_number": "00340434161094000000",
        "shipped_at": NOW,
        "quantities": {"B": 1},
    }
    return Confirmation(**{**values, **changes})


def refused(error: type[RemoteError], call: Any, *arguments: Any) -> None:
    with pytest.raises(error):
        call(*arguments)


def test_orders_are_asked_for_and_told_as_in_the_models(talk: Talk) -> None:
    orders = a_day_of_orders()
    for order in orders:
        talk.control("orders", order=order)
    amazon = Amazon("main", talk.account(), now=lambda: NOW, sleep=lambda _: None)
    page = amazon.changed_orders(EARLIER - timedelta(days=1), None)
    assert len(page.orders) == len(orders)
    for raw in page.orders:
        amazon.parse(raw)
    assert len(amazon.placed_orders(EARLIER, NOW - timedelta(hours=1), None).orders) == len(orders)
    for order in orders:
        assert amazon.parse(amazon.order(order["orderId"])).external_id == order["orderId"]
    refused(Rejected, amazon.order, number(99))
    assert talk.faults == []
    assert talk.names == {
        ("searchOrders", 200),
        ("getOrder", 200),
        ("getOrder", 404),
    }


def test_pages_go_on_as_in_the_model(talk: Talk) -> None:
    for position in range(101):
        talk.control("orders", order=an_order(number(position), created_at=EARLIER))
    amazon = Amazon("main", talk.account(), now=lambda: NOW, sleep=lambda _: None)
    first = amazon.changed_orders(EARLIER, None)
    assert amazon.changed_orders(EARLIER, first.next_token).next_token is None
    refused(Rejected, amazon.changed_orders, EARLIER, "no such token")
    assert talk.faults == []
    assert talk.names == {("searchOrders", 200), ("searchOrders", 400)}


def test_confirmations_are_sent_and_answered_as_in_the_model(talk: Talk) -> None:
    for order in a_day_of_orders():
        talk.control("orders", order=order)
    amazon = Amazon("main", talk.account(), now=lambda: NOW, sleep=lambda _: None)
    amazon.confirm_shipment(a_confirmation("1"))
    amazon.confirm_shipment(a_confirmation("1", tracking_number="00340434161094000001"))
    amazon.confirm_shipment(a_confirmation("2", carrier_code="custom", carrier_title="My Bike"))
    coded = {"external_id": number(1), "quantities": {"A": 3}}
    amazon.confirm_shipment(
        a_confirmation("3", **coded, transparency_codes={"A": ["T1", "T2", "T3"]})
    )
    refused(Rejected, amazon.confirm_shipment, a_confirmation("4"))
    refused(Rejected, amazon.confirm_shipment, a_confirmation("5", external_id=number(99)))
    talk.control("orders", account="other", order=an_order(number(7), created_at=EARLIER))
    refused(Rejected, amazon.confirm_shipment, a_confirmation("6", external_id=number(7)))
    assert talk.faults == []
    assert talk.names == {("confirmShipment", status) for status in (204, 400, 403, 404)}


def test_a_used_up_quota_and_a_revoked_grant_are_told_as_in_the_model(talk: Talk) -> None:
    talk.control("orders", order=an_order(number(1), created_at=EARLIER))
    amazon = Amazon("main", talk.account(), now=lambda: NOW, sleep=lambda _: None)
    for _ in range(12):
        amazon.order(number(1))
    refused(Transient, amazon.order, number(1))
    talk.control("accounts", account="gone", revoked=True)
    gone = Amazon("gone", talk.account("gone"), now=lambda: NOW, sleep=lambda _: None)
    refused(AccountStopped, gone.order, number(1))
    assert talk.faults == []
    assert talk.names == {("getOrder", 200), ("getOrder", 429)}


def test_feeds_are_sent_and_answered_as_in_the_models(talk: Talk) -> None:
    talk.control("orders", order=a_day_of_orders()[1])
    account = talk.account()
    feeds = FeedsApi(Connection("main", account, sleep=lambda _: None))
    amazon = Amazon("main", account, now=lambda: NOW, sleep=lambda _: None)
    message = amazon.feed_message(a_confirmation("1"))
    content = write(FeedKind.CONFIRMATIONS, "A1SELLER", [(1, message)])
    document = feeds.new_document(CONTENT_TYPE)
    feeds.upload(document, content, CONTENT_TYPE)
    kind = FEED_TYPES[FeedKind.CONFIRMATIONS]
    feed_id = feeds.create(kind, [GERMANY], document.document_id)
    assert feeds.feed(feed_id).status != "DONE"
    talk.control("clock", offset_s=3600)
    done = feeds.feed(feed_id)
    assert done.status == "DONE"
    assert [feed.feed_id for feed in feeds.since(kind, NOW - timedelta(hours=1))] == [feed_id]
    assert b"ProcessingReport" in feeds.report(done.report_id)
    refused(Rejected, feeds.feed, "999")
    refused(Rejected, feeds.create, kind, [GERMANY], "no such document")
    refused(Rejected, feeds.create, "NO_SUCH_FEED", [GERMANY], document.document_id)
    refused(Rejected, feeds.report, "no such document")
    assert talk.faults == []
    assert talk.names == {
        ("createFeedDocument", 201),
        ("createFeed", 202),
        ("createFeed", 400),
        ("getFeed", 200),
        ("getFeed", 403),  # the access token had expired meanwhile
        ("getFeed", 404),
        ("getFeeds", 200),
        ("getFeedDocument", 200),
        ("getFeedDocument", 400),
    }


def test_notifications_are_set_up_as_in_the_model(talk: Talk) -> None:
    notifications = Notifications("main", talk.account(), sleep=lambda _: None)
    assert notifications.subscription() is None
    assert notifications.destination(QUEUE) is None
    destination = notifications.create_destination("orderbridge", QUEUE)
    assert notifications.create_destination("orderbridge", QUEUE) == destination
    subscription = notifications.create_subscription(destination.destination_id)
    assert notifications.create_subscription(destination.destination_id) == subscription
    assert notifications.subscription() == subscription
    assert notifications.destination(QUEUE) == destination
    notifications.delete_subscription(subscription.subscription_id)
    notifications.delete_subscription(subscription.subscription_id)
    notifications.delete_destination(destination.destination_id)
    notifications.delete_destination(destination.destination_id)
    assert talk.faults == []
    assert talk.names == {
        ("getDestinations", 200),
        ("createDestination", 200),
        ("createDestination", 409),
        ("getSubscription", 200),
        ("getSubscription", 404),
        ("createSubscription", 200),
        ("createSubscription", 409),
        ("deleteSubscriptionById", 200),
        ("deleteSubscriptionById", 404),
        ("deleteDestination", 200),
        ("deleteDestination", 404),
    }


AGENT = {"x-amz-access-token": "Atza|1", "user-agent": "Orderbridge/1 (Language=Python/3.11)"}
GET_ORDER = "/orders/2026-01-01/orders/028-1"


@pytest.mark.parametrize(
    ("exchange", "fault"),
    [
        (Exchange("GET", "/orders/v1", {}, AGENT, None, 200, {}), "is no operation of Amazon's"),
        (Exchange("GET", GET_ORDER, {"x": "1"}, AGENT, None, 404, None), "x is not known"),
        (Exchange("GET", GET_ORDER, {}, AGENT, {"a": 1}, 404, None), "a body that nobody reads"),
        (Exchange("GET", GET_ORDER, {}, {"user-agent": "x"}, None, 404, None), "no access token"),
        (
            Exchange("POST", "/feeds/2021-06-30/feeds", {}, AGENT, {"feedType": 1}, 202, {}),
            "1 is not of type 'string'",
        ),
        (
            Exchange("POST", "/feeds/2021-06-30/feeds", {}, AGENT, {"type": "A"}, 202, {}),
            "'type' was unexpected",
        ),
    ],
)
def test_the_judge_sees_a_fault_in_a_request(exchange: Exchange, fault: str) -> None:
    assert any(fault in one for one in request_faults(exchange))


@pytest.mark.parametrize(
    ("status", "answer", "fault"),
    [
        (200, {"order": {}}, "'orderId' is a required property"),
        (200, {"payload": {}}, "'payload' was unexpected"),
        (418, {}, "there is no answer 418"),
        (404, {"errors": [{"code": 404}]}, "404 is not of type 'string'"),
        (404, None, "None is not of type 'object'"),
    ],
)
def test_the_judge_sees_a_fault_in_an_answer(status: int, answer: Any, fault: str) -> None:
    exchange = Exchange("GET", GET_ORDER, {}, AGENT, None, status, answer)
    assert any(fault in one for one in answer_faults(exchange))
