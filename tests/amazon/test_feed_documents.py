"""Feeds as XML, and reports read back: tables of documents, no network."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring
from pydantic import SecretStr

from pipeline.amazon.feed_documents import (
    MAX_BYTES,
    FeedKind,
    MessageOutcome,
    MessageResult,
    Report,
    UnreadableReport,
    fitting,
    read,
    results,
    write,
)

ACCEPTED = MessageResult(MessageOutcome.ACCEPTED)
PACKAGE = {
    "order": "028-0000001-0000001",
    "reference": "71",
    "date": "2026-11-22T12:00:00Z",
    "carrier_code": "DHL",
    "carrier_name": "",
    "tracking": "00340434161094000001",
    "items": {"I1": 2, "I2": 1},
    "announcement": "dhl/DHL/00340434161094000001",
}
CANCELLATION = {"order": "028-0000001-0000001", "reason": "NoInventory", "items": ["I1", "I2"]}


def tree(element: Element) -> Any:
    """Tags and texts, in their order."""
    return [(child.tag, tree(child) if len(child) else child.text) for child in element]


def messages(kind: FeedKind, *bodies: dict[str, Any]) -> Any:
    document = write(kind, "A1SELLER", list(enumerate(bodies, start=1)))
    assert document.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
    header, message_type, *rest = tree(fromstring(document))
    assert header == (
        "Header",
        [("DocumentVersion", "1.01"), ("MerchantIdentifier", "A1SELLER")],
    )
    return message_type[1], rest


def test_a_confirmation_has_its_elements_in_the_schemas_order() -> None:
    assert messages(FeedKind.CONFIRMATIONS, PACKAGE) == (
        "OrderFulfillment",
        [
            (
                "Message",
                [
                    ("MessageID", "1"),
                    (
                        "OrderFulfillment",
                        [
                            ("AmazonOrderID", "028-0000001-0000001"),
                            ("MerchantFulfillmentID", "71"),
                            ("FulfillmentDate", "2026-11-22T12:00:00Z"),
                            (
                                "FulfillmentData",
                                [
                                    ("CarrierCode", "DHL"),
                                    ("ShipperTrackingNumber", "00340434161094000001"),
                                ],
                            ),
                            ("Item", [("AmazonOrderItemCode", "I1"), ("Quantity", "2")]),
                            ("Item", [("AmazonOrderItemCode", "I2"), ("Quantity", "1")]),
                        ],
                    ),
                ],
            )
        ],
    )


def test_another_carrier_is_named_beside_its_code() -> None:
    other = {**PACKAGE, "carrier_code": "Other", "carrier_name": "Rösch & <Söhne>\x00", "items": {}}
    _, [(_, [_, (_, fulfilment)])] = messages(FeedKind.CONFIRMATIONS, other)
    assert dict(fulfilment)["FulfillmentData"] == [
        ("CarrierCode", "Other"),
        ("CarrierName", "Rösch & <Söhne>"),
        ("ShipperTrackingNumber", "00340434161094000001"),
    ]
    assert "Item" not in dict(fulfilment)


def test_a_package_without_a_number_has_none() -> None:
    _, [(_, [_, (_, fulfilment)])] = messages(FeedKind.CONFIRMATIONS, {**PACKAGE, "tracking": ""})
    assert dict(fulfilment)["FulfillmentData"] == [("CarrierCode", "DHL")]


def test_a_cancellation_gives_every_item_its_reason() -> None:
    kind, [(_, [number, (tag, content)])] = messages(FeedKind.CANCELLATIONS, CANCELLATION)
    assert (kind, number, tag) == ("OrderAcknowledgement", ("MessageID", "1"), kind)
    assert content == [
        ("AmazonOrderID", "028-0000001-0000001"),
        ("StatusCode", "Failure"),
        ("Item", [("AmazonOrderItemCode", "I1"), ("CancelReason", "NoInventory")]),
        ("Item", [("AmazonOrderItemCode", "I2"), ("CancelReason", "NoInventory")]),
    ]


def test_as_many_messages_as_fit_into_ten_mebibytes() -> None:
    large = {**PACKAGE, "items": {f"ITEM-{number:05}": 1 for number in range(15_000)}}
    bodies = [large] * 12
    count = fitting(FeedKind.CONFIRMATIONS, bodies)
    assert 1 < count < len(bodies)

    def size(count: int) -> int:
        taken = list(enumerate(bodies[:count], start=1))
        return len(write(FeedKind.CONFIRMATIONS, "A1SELLER", taken))

    assert size(count) <= MAX_BYTES < size(count + 1)
    assert fitting(FeedKind.CONFIRMATIONS, [PACKAGE] * 100) == 100


def a_report(processed: object, errors: object, *entries: tuple[str, str, str, str]) -> bytes:
    listed = "".join(
        f"<Result><MessageID>{number}</MessageID><ResultCode>{kind}</ResultCode>"
        f"<ResultMessageCode>{code}</ResultMessageCode>"
        f"<ResultDescription>{words}</ResultDescription></Result>"
        for number, kind, code, words in entries
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><AmazonEnvelope><Header/><Message>'
        "<MessageID>1</MessageID><ProcessingReport><StatusCode>Complete</StatusCode>"
        f"<ProcessingSummary><MessagesProcessed>{processed}</MessagesProcessed>"
        f"<MessagesWithError>{errors}</MessagesWithError></ProcessingSummary>{listed}"
        "</ProcessingReport></Message></AmazonEnvelope>"
    ).encode()


def refused(reason: str, words: str) -> MessageResult:
    return MessageResult(MessageOutcome.REFUSED, reason, SecretStr(words))


UNKNOWN = MessageResult(MessageOutcome.AGAIN, "the report does not account for every message")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(a_report(2, 0), [ACCEPTED, ACCEPTED], id="all went well"),
        pytest.param(
            a_report(2, 1, ("2", "Error", "18028", "The data\n is wrong")),
            [ACCEPTED, refused("Amazon's code 18028", "The data is wrong")],
            id="one refused",
        ),
        pytest.param(
            a_report(2, 0, ("1", "Warning", "99", "odd number")),
            [
                MessageResult(MessageOutcome.ACCEPTED, "Amazon's code 99", SecretStr("odd number")),
                ACCEPTED,
            ],
            id="a warning is no refusal",
        ),
        pytest.param(
            a_report(2, 1, ("1", "Error", "1", "bad"), ("1", "Warning", "2", "odd")),
            [refused("Amazon's code 1; Amazon's code 2", "bad; odd"), ACCEPTED],
            id="the worst of several counts",
        ),
        pytest.param(
            a_report(2, 1, ("1", "Warning", "2", "odd"), ("1", "Error", "1", "bad")),
            [refused("Amazon's code 2; Amazon's code 1", "odd; bad"), ACCEPTED],
            id="in either order",
        ),
        pytest.param(a_report(1, 0), [UNKNOWN, UNKNOWN], id="one was not processed"),
        pytest.param(a_report(3, 0), [UNKNOWN, UNKNOWN], id="not the report of this feed"),
        pytest.param(
            a_report(2, 2, ("1", "Error", "1", "bad")),
            [refused("Amazon's code 1", "bad"), UNKNOWN],
            id="an error that is not named",
        ),
        pytest.param(
            a_report(0, 1, ("0", "Error", "5000", "XML Parsing Fatal Error")),
            [
                MessageResult(
                    MessageOutcome.AGAIN,
                    "Amazon's code 5000",
                    SecretStr("XML Parsing Fatal Error"),
                )
            ]
            * 2,
            id="the document as a whole",
        ),
        pytest.param(a_report("many", ""), [UNKNOWN, UNKNOWN], id="no counts"),
    ],
)
def test_what_became_of_each_of_two_messages(content: bytes, expected: list[MessageResult]) -> None:
    assert list(results(read(content), [1, 2]).items()) == list(enumerate(expected, start=1))


def test_a_namespace_changes_nothing() -> None:
    content = a_report(1, 1, ("1", "Error", "8", "bad"))
    content = content.replace(b"<AmazonEnvelope>", b'<AmazonEnvelope xmlns="urn:x">')
    assert read(content) == Report(1, -1, 1, {1: refused("Amazon's code 8", "bad")})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Service Unavailable</html",
        b"<AmazonEnvelope/>",
        b'{"errors": []}',
        b'<!DOCTYPE a [<!ENTITY b "c">]><AmazonEnvelope>&b;</AmazonEnvelope>',
        b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
    ],
)
def test_whatever_is_no_report_is_told_apart(content: bytes) -> None:
    with pytest.raises(UnreadableReport):
        read(content)
