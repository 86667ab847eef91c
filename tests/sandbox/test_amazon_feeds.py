"""The stand-in's feeds: documents with signed URLs, time, results per message."""

from __future__ import annotations

import gzip
from datetime import timedelta
from typing import Any
from xml.etree.ElementTree import Element

import pytest
import requests
from defusedxml.ElementTree import fromstring

from sandbox.amazon.builders import a_line, an_order
from tests.sandbox.conftest import NOW, Caller, refusal

ORDER, OTHER = "028-0000001-0000001", "028-0000001-0000002"
XML = "text/xml; charset=UTF-8"
FULFILMENT, CANCELLATION = "POST_ORDER_FULFILLMENT_DATA", "POST_ORDER_ACKNOWLEDGEMENT_DATA"
GERMANY = "A1PA6795UKMFR9"


def api(amazon: Caller, method: str, path: str, **more: Any) -> requests.Response:
    url = f"{amazon.url}/feeds/2021-06-30/{path}"
    return requests.request(method, url, headers=amazon.headers, timeout=10, **more)


def a_place(amazon: Caller) -> tuple[str, str]:
    answer = api(amazon, "POST", "documents", json={"contentType": XML})
    assert answer.status_code == 201
    body = answer.json()
    return body["feedDocumentId"], body["url"]


def put(url: str, document: str = "<a/>", **headers: str) -> int:
    sent = {"content-type": XML, **headers}
    return requests.put(url, data=document.encode(), headers=sent, timeout=10).status_code


def submit(amazon: Caller, document: str, feed_type: str = FULFILMENT) -> str:
    document_id, url = a_place(amazon)
    assert put(url, document) == 200
    body = {
        "feedType": feed_type,
        "marketplaceIds": [GERMANY],
        "inputFeedDocumentId": document_id,
    }
    answer = api(amazon, "POST", "feeds", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["feedId"])


def wait(amazon: Caller, seconds: float) -> None:
    amazon.control("POST", "clock", {"offset_s": seconds})


def status(amazon: Caller, feed_id: str) -> str:
    return str(api(amazon, "GET", f"feeds/{feed_id}").json()["processingStatus"])


def report(amazon: Caller, feed_id: str) -> Element:
    result = api(amazon, "GET", f"feeds/{feed_id}").json()["resultFeedDocumentId"]
    document = api(amazon, "GET", f"documents/{result}").json()
    assert document["compressionAlgorithm"] == "GZIP"
    packed = requests.get(document["url"], timeout=10).content
    found = fromstring(gzip.decompress(packed)).find("Message/ProcessingReport")
    assert found is not None
    return found


def words(amazon: Caller, feed_id: str) -> dict[str, str]:
    """What the report says of single messages."""
    return {
        result.findtext("MessageID") or "": result.findtext("ResultDescription") or ""
        for result in report(amazon, feed_id).findall("Result")
    }


def envelope(kind: str, *messages: str) -> str:
    numbered = "".join(
        f"<Message><MessageID>{number}</MessageID><{kind}>{one}</{kind}></Message>"
        for number, one in enumerate(messages, start=1)
    )
    return (
        "<AmazonEnvelope><Header><DocumentVersion>1.01</DocumentVersion>"
        "<MerchantIdentifier>A1SELLER</MerchantIdentifier></Header>"
        f"<MessageType>{kind}</MessageType>{numbered}</AmazonEnvelope>"
    )


def a_package(
    order_id: str = ORDER,
    reference: str = "71",
    carrier: str = "<CarrierCode>DHL</CarrierCode>",
    item: str = "I1",
    quantity: int = 1,
    number: str = "<ShipperTrackingNumber>123</ShipperTrackingNumber>",
) -> str:
    return (
        f"<AmazonOrderID>{order_id}</AmazonOrderID>"
        f"<MerchantFulfillmentID>{reference}</MerchantFulfillmentID>"
        f"<FulfillmentDate>{NOW.isoformat()}</FulfillmentDate>"
        f"<FulfillmentData>{carrier}{number}</FulfillmentData>"
        f"<Item><AmazonOrderItemCode>{item}</AmazonOrderItemCode>"
        f"<Quantity>{quantity}</Quantity></Item>"
    )


def a_cancellation(order_id: str = ORDER, reason: str = "NoInventory", item: str = "I1") -> str:
    return (
        f"<AmazonOrderID>{order_id}</AmazonOrderID><StatusCode>Failure</StatusCode>"
        f"<Item><AmazonOrderItemCode>{item}</AmazonOrderItemCode>"
        f"<CancelReason>{reason}</CancelReason></Item>"
    )


def place(amazon: Caller, *order_ids: str, **changes: Any) -> None:
    for order_id in order_ids:
        line = a_line("SKU-1", 2, item_id="I1")
        earlier = NOW - timedelta(days=1)
        amazon.place(an_order(order_id, lines=[line], created_at=earlier, **changes))


def test_a_feed_takes_its_time_and_then_changes_the_order(amazon: Caller) -> None:
    place(amazon, ORDER)
    feed_id = submit(amazon, envelope("OrderFulfillment", a_package()))
    assert status(amazon, feed_id) == "IN_QUEUE"
    wait(amazon, 30)
    assert status(amazon, feed_id) == "IN_PROGRESS"
    assert "packages" not in amazon.truth(ORDER)["order"]
    wait(amazon, 90)
    order = amazon.truth(ORDER)["order"]
    assert order["fulfillment"]["fulfillmentStatus"] == "PARTIALLY_SHIPPED"
    assert [package["packageReferenceId"] for package in order["packages"]] == ["71"]
    assert status(amazon, feed_id) == "DONE"
    summary = report(amazon, feed_id).find("ProcessingSummary")
    assert summary is not None
    assert [one.text for one in summary] == ["1", "1", "0", "0"]


def test_a_message_may_be_refused_in_any_words_once(amazon: Caller) -> None:
    place(amazon, ORDER)
    amazon.control("POST", f"orders/{ORDER}/feed_refusal", {"words": "Zoë & Söhne are unknown."})
    for feed, told in enumerate(({"1": "Zoë & Söhne are unknown."}, {}), start=1):
        feed_id = submit(amazon, envelope("OrderFulfillment", a_package()))
        wait(amazon, 90 * feed)
        assert words(amazon, feed_id) == told


def test_a_feed_asks_for_no_tracking_number(amazon: Caller) -> None:
    place(amazon, ORDER)
    feed_id = submit(amazon, envelope("OrderFulfillment", a_package(number="")))
    wait(amazon, 120)
    assert words(amazon, feed_id) == {}
    (package,) = amazon.truth(ORDER)["order"]["packages"]
    assert "trackingNumber" not in package


@pytest.mark.parametrize(
    ("package", "said"),
    [
        (a_package("028-9999999-0000001"), "The AmazonOrderID is invalid."),
        (
            a_package(item="NOT-HERE"),
            "OrderItemId is invalid, please obtain the value through the getOrderItems API.",
        ),
        (a_package(quantity=3), "Quantity is invalid, it exceeds the unshipped quantity."),
        (a_package(carrier="<CarrierCode>Nobody</CarrierCode>"), "CarrierCode is invalid."),
        (
            a_package(carrier="<CarrierCode>Other</CarrierCode>"),
            "fields missing [packageDetail.carrierName]",
        ),
    ],
)
def test_each_message_has_a_result_of_its_own(amazon: Caller, package: str, said: str) -> None:
    place(amazon, ORDER, OTHER)
    feed_id = submit(amazon, envelope("OrderFulfillment", a_package(OTHER), package))
    wait(amazon, 90)
    assert words(amazon, feed_id) == {"2": said}
    assert "packages" not in amazon.truth(ORDER)["order"]
    assert len(amazon.truth(OTHER)["order"]["packages"]) == 1


def test_the_same_reference_again_edits_the_package(amazon: Caller) -> None:
    place(amazon, ORDER)
    ups = a_package(carrier="<CarrierCode>UPS</CarrierCode>")
    submit(amazon, envelope("OrderFulfillment", a_package(), ups))
    wait(amazon, 90)
    truth = amazon.truth(ORDER)
    assert [package["carrier"] for package in truth["order"]["packages"]] == ["UPS"]
    assert truth["confirmations"] == {"71": {"calls": 2, "edits": 1}}


@pytest.mark.parametrize("before", ["UNSHIPPED", "PENDING"])
def test_a_cancellation_cancels_what_has_not_been_shipped(amazon: Caller, before: str) -> None:
    place(amazon, ORDER, status=before)
    submit(amazon, envelope("OrderAcknowledgement", a_cancellation()), CANCELLATION)
    wait(amazon, 90)
    order = amazon.truth(ORDER)["order"]
    assert order["fulfillment"]["fulfillmentStatus"] == "CANCELLED"
    assert order["orderItems"][0]["cancellation"]["cancellationExecution"] == {
        "cancelledBy": "MERCHANT",
        "cancelReason": "NoInventory",
    }


@pytest.mark.parametrize(
    ("body", "order", "said"),
    [
        (a_cancellation(), {"status": "SHIPPED"}, "The order cannot be cancelled, it is SHIPPED."),
        (a_cancellation(reason="Bored"), {}, "The CancelReason is invalid."),
        (
            a_cancellation(item="I9"),
            {},
            "The AmazonOrderItemCode values are not those of the order.",
        ),
        (
            a_cancellation(),
            {"fulfilled_by": "AMAZON"},
            "The order is not fulfilled by the merchant.",
        ),
    ],
)
def test_a_cancellation_may_be_refused(
    amazon: Caller, body: str, order: dict[str, str], said: str
) -> None:
    place(amazon, ORDER, **order)
    feed_id = submit(amazon, envelope("OrderAcknowledgement", body), CANCELLATION)
    wait(amazon, 90)
    assert words(amazon, feed_id) == {"1": said}
    status = amazon.truth(ORDER)["order"]["fulfillment"]["fulfillmentStatus"]
    assert status == order.get("status", "UNSHIPPED")


OUT_OF_ORDER = a_package().replace(
    f"<AmazonOrderID>{ORDER}</AmazonOrderID><MerchantFulfillmentID>71</MerchantFulfillmentID>",
    f"<MerchantFulfillmentID>71</MerchantFulfillmentID><AmazonOrderID>{ORDER}</AmazonOrderID>",
)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("<AmazonEnvelope>", "XML Parsing Fatal Error"),
        ("<Envelope/>", "The document is no AmazonEnvelope."),
        (
            envelope("OrderAcknowledgement", a_cancellation()),
            "The messages do not match the feed type.",
        ),
        (
            envelope("OrderFulfillment", OUT_OF_ORDER),
            "The content of OrderFulfillment is not as the schema says.",
        ),
    ],
)
def test_a_document_that_breaks_the_schema_is_refused_whole(
    amazon: Caller, document: str, said: str
) -> None:
    place(amazon, ORDER)
    feed_id = submit(amazon, document)
    wait(amazon, 90)
    assert words(amazon, feed_id) == {"0": said}
    assert "packages" not in amazon.truth(ORDER)["order"]


def test_a_document_goes_to_its_url_as_it_was_announced_and_within_five_minutes(
    amazon: Caller,
) -> None:
    _, url = a_place(amazon)
    assert put(url, **{"content-type": "text/xml"}) == 403
    assert put(url, **{"x-amz-access-token": "Atza|any"}) == 400
    wait(amazon, 300)
    assert put(url) == 200
    assert put(url) == 403
    _, late = a_place(amazon)
    wait(amazon, 601)
    assert put(late) == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"feedType": "POST_PRODUCT_DATA"},
        {"marketplaceIds": []},
        {"inputFeedDocumentId": "another"},
    ],
)
def test_a_feed_that_is_asked_for_wrongly_is_refused(
    amazon: Caller, changes: dict[str, Any]
) -> None:
    document_id, url = a_place(amazon)
    assert put(url) == 200
    body = {"feedType": FULFILMENT, "marketplaceIds": [GERMANY], "inputFeedDocumentId": document_id}
    answer = api(amazon, "POST", "feeds", json={**body, **changes})
    assert refusal(answer)[:2] == (400, "InvalidInput")


def test_feeds_are_listed_by_type_and_time_and_only_to_their_seller(amazon: Caller) -> None:
    first = submit(amazon, "<a/>")
    wait(amazon, 60)
    second = submit(amazon, "<a/>")
    submit(amazon, "<a/>", CANCELLATION)

    def listed(since: timedelta) -> list[str]:
        since_at = (NOW + since).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"feedTypes": FULFILMENT, "createdSince": since_at}
        return [one["feedId"] for one in api(amazon, "GET", "feeds", params=query).json()["feeds"]]

    assert listed(timedelta(0)) == [second, first]
    assert listed(timedelta(seconds=60)) == [second]
    assert refusal(api(amazon, "GET", "feeds"))[0] == 400
    amazon.control("POST", "accounts", {"account": "second"})
    other = Caller(amazon.url, "second").log_in()
    assert refusal(api(other, "GET", f"feeds/{first}"))[0] == 403
    assert refusal(api(amazon, "GET", "feeds/1"))[0] == 404


def test_only_a_queued_feed_can_be_cancelled(amazon: Caller) -> None:
    feed_id = submit(amazon, "<a/>")
    assert api(amazon, "DELETE", f"feeds/{feed_id}").status_code == 200
    assert status(amazon, feed_id) == "CANCELLED"
    assert refusal(api(amazon, "DELETE", f"feeds/{feed_id}"))[0] == 400


@pytest.mark.parametrize(
    ("fate", "ended", "has_result"),
    [("FATAL", "FATAL", False), ("CANCELLED", "CANCELLED", False), ("NO_REPORT", "DONE", False)],
)
def test_a_feed_ends_as_it_was_told(
    amazon: Caller, fate: str, ended: str, has_result: bool
) -> None:
    place(amazon, ORDER)
    amazon.control("POST", "feeds", {"fate": fate})
    feed_id = submit(amazon, envelope("OrderFulfillment", a_package()))
    wait(amazon, 90)
    answer = api(amazon, "GET", f"feeds/{feed_id}").json()
    assert (answer["processingStatus"], "resultFeedDocumentId" in answer) == (ended, has_result)
    next_one = submit(amazon, "<a/>")
    wait(amazon, 180)
    assert status(amazon, next_one) == "DONE"


def test_the_tight_plans_are_kept(amazon: Caller) -> None:
    query = {"feedTypes": FULFILMENT}
    codes = [api(amazon, "GET", "feeds", params=query).status_code for _ in range(11)]
    assert codes == [200] * 10 + [429]
