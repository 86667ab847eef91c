"""Writes a feed's document and reads its processing report, both XML. Pure.

The elements have the order of Amazon's schema: Amazon refuses a whole document for a wrong order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from pydantic import SecretStr

from pipeline.amazon.charsets import text_of
from pipeline.base.errors import LONGEST_WORDS, NO_WORDS, code_of


class FeedKind(StrEnum):
    """The kind of a feed's messages, in the order in which they get the shared quota."""

    CANCELLATIONS = "cancellations"
    REFUNDS = "refunds"
    CONFIRMATIONS = "confirmations"


CONTENT_TYPE = "text/xml; charset=UTF-8"
MAX_BYTES = 10 * 1024 * 1024
FEED_TYPES = {
    FeedKind.CONFIRMATIONS: "POST_ORDER_FULFILLMENT_DATA",
    FeedKind.CANCELLATIONS: "POST_ORDER_ACKNOWLEDGEMENT_DATA",
    FeedKind.REFUNDS: "POST_PAYMENT_ADJUSTMENT_DATA",
}
_MESSAGE_TYPES = {
    FeedKind.CONFIRMATIONS: "OrderFulfillment",
    FeedKind.CANCELLATIONS: "OrderAcknowledgement",
}
# XML 1.0 cannot express these characters.
_UNWRITABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What words contain that XML 1.0 reads as markup: a reference that it does not know, or to a
# character that it cannot express, and a sign that begins neither a reference nor a tag.
_NO_MARKUP = re.compile(
    r"&#(?:([0-9]{1,7})|x([0-9a-fA-F]{1,6}));|&(?!(?:amp|lt|gt|quot|apos);)|<(?![A-Za-z_/!?])"
)
_ENVELOPE_BYTES = 2048
_LONGEST_REASON = 200

Body = Mapping[str, Any]


class MessageOutcome(StrEnum):
    """The result of a message.

    AGAIN means that Amazon reported no result, UNCLEAR that its report cannot be read.
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    AGAIN = "again"
    UNCLEAR = "unclear"


class MessageResult(NamedTuple):
    """An outcome, the reason in words of ours, and Amazon's own words, which may quote the buyer.

    An accepted message has a reason when Amazon warned.
    """

    outcome: MessageOutcome
    reason: str = ""
    words: SecretStr = NO_WORDS


@dataclass(frozen=True, slots=True)
class Report:
    """A feed's processing report: its counts, and its results by message id.

    A count that the report lacks is -1.
    """

    processed: int
    successful: int
    with_error: int
    results: Mapping[int, MessageResult]


class UnreadableReport(Exception):
    """The document is no processing report."""


def write(kind: FeedKind, seller_id: str, messages: Iterable[tuple[int, Body]]) -> bytes:
    """The document of a feed, with a message for each (message id, body).

    `pipeline.amazon.refund_documents` writes the refunds.
    """
    envelope = Element(
        "AmazonEnvelope",
        {
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": "amzn-envelope.xsd",
        },
    )
    header = SubElement(envelope, "Header")
    _leaf(header, "DocumentVersion", "1.01")
    _leaf(header, "MerchantIdentifier", seller_id)
    _leaf(envelope, "MessageType", _MESSAGE_TYPES[kind])
    for message_id, body in messages:
        envelope.append(_message(kind, message_id, body))
    document: bytes = tostring(envelope, encoding="UTF-8", xml_declaration=True)
    return document


def fitting(kind: FeedKind, bodies: Sequence[Body]) -> int:
    """How many of these bodies, counted from the first, fit into a document of 10 MiB."""
    size = _ENVELOPE_BYTES
    for number, body in enumerate(bodies, start=1):
        size += len(tostring(_message(kind, number, body), encoding="UTF-8"))
        if size > MAX_BYTES:
            return number - 1
    return len(bodies)


def _message(kind: FeedKind, message_id: int, body: Body) -> Element:
    message = Element("Message")
    _leaf(message, "MessageID", str(message_id))
    if kind is FeedKind.CONFIRMATIONS:
        message.append(_fulfilment(body))
    else:
        message.append(_acknowledgement(body))
    return message


def _fulfilment(body: Body) -> Element:
    """The confirmation of a package; `body` comes from `Amazon.feed_message`."""
    fulfilment = Element("OrderFulfillment")
    _leaf(fulfilment, "AmazonOrderID", body["order"])
    _leaf(fulfilment, "MerchantFulfillmentID", body["reference"])
    _leaf(fulfilment, "FulfillmentDate", body["date"])
    data = SubElement(fulfilment, "FulfillmentData")
    _leaf(data, "CarrierCode", body["carrier_code"])
    if body["carrier_name"]:
        _leaf(data, "CarrierName", body["carrier_name"])
    if body["tracking"]:
        _leaf(data, "ShipperTrackingNumber", body["tracking"])
    for item_id, quantity in body["items"].items():
        item = SubElement(fulfilment, "Item")
        _leaf(item, "AmazonOrderItemCode", item_id)
        _leaf(item, "Quantity", str(quantity))
    return fulfilment


def _acknowledgement(body: Body) -> Element:
    """A cancellation, which Amazon calls Failure; it cancels whole lines only."""
    acknowledgement = Element("OrderAcknowledgement")
    _leaf(acknowledgement, "AmazonOrderID", body["order"])
    _leaf(acknowledgement, "StatusCode", "Failure")
    for item_id in body["items"]:
        item = SubElement(acknowledgement, "Item")
        _leaf(item, "AmazonOrderItemCode", item_id)
        _leaf(item, "CancelReason", body["reason"])
    return acknowledgement


def _leaf(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = _UNWRITABLE.sub("", text)


def read(content: bytes) -> Report:
    """Read a processing report. Raises UnreadableReport.

    Several results of a message are merged: the worst outcome with all codes and words.
    """
    try:
        # Decode first, so that a wrong declaration has no effect; words may have control signs.
        document = _UNWRITABLE.sub("", text_of(content)).lstrip()
        report = _root(document).find(".//{*}ProcessingReport")
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise UnreadableReport(f"the report is not usable XML ({type(error).__name__})") from error
    if report is None:
        raise UnreadableReport("there is no ProcessingReport in it")
    results: dict[int, MessageResult] = {}
    for result in report.findall("{*}Result"):
        message_id = _number(result, "MessageID")
        is_error = _text(result, "ResultCode").casefold() != "warning"
        code, words = (
            code_of(_text(result, "ResultMessageCode")),
            _text(result, "ResultDescription"),
        )
        before = results.get(message_id)
        outcome = MessageOutcome.REFUSED if is_error else MessageOutcome.ACCEPTED
        reason = f"Amazon's code {code}" if code else "Amazon gave no code"
        if before is not None:
            outcome = max(outcome, before.outcome, key=list(MessageOutcome).index)
            reason = f"{before.reason}; {reason}"
            words = f"{before.words.get_secret_value()}; {words}"
        results[message_id] = MessageResult(
            outcome, reason[:_LONGEST_REASON], SecretStr(words[:LONGEST_WORDS])
        )
    return Report(
        processed=_number(report, "ProcessingSummary/{*}MessagesProcessed"),
        successful=_number(report, "ProcessingSummary/{*}MessagesSuccessful"),
        with_error=_number(report, "ProcessingSummary/{*}MessagesWithError"),
        results=results,
    )


def _root(document: str) -> Element:
    """The document's root. Signs in its words that are no markup do not make it unreadable."""
    try:
        return fromstring(document, forbid_dtd=True)
    except ParseError:
        return fromstring(_NO_MARKUP.sub(_as_words, document), forbid_dtd=True)


def _as_words(sign: re.Match[str]) -> str:
    """The sign so that XML reads it as text; "" for a character that XML cannot express."""
    if sign[1] is None and sign[2] is None:
        return {"&": "&amp;", "<": "&lt;"}[sign[0]]
    code = int(sign[1]) if sign[1] else int(sign[2], 16)
    is_writable = code < 0x110000 and not _UNWRITABLE.match(chr(code))
    return sign[0] if is_writable else ""


def results(report: Report, message_ids: Sequence[int]) -> dict[int, MessageResult]:
    """The result of each of a feed's messages.

    A message that the report does not name was accepted only if the report counts as many messages
    as the feed has, no more errors than it names, and a success for each message that it does not
    name. Otherwise the result is AGAIN, and its order must be checked before the message is sent
    again.
    """
    named = {number: report.results[number] for number in message_ids if number in report.results}
    errors = sum(result.outcome is MessageOutcome.REFUSED for result in named.values())
    counts_allow = (
        report.processed == len(message_ids)
        and report.with_error <= errors
        and (report.successful < 0 or report.successful >= len(message_ids) - len(named))
    )
    if counts_allow:
        unnamed = MessageResult(MessageOutcome.ACCEPTED)
    else:
        missing = MessageResult(
            MessageOutcome.AGAIN, "the report does not account for every message"
        )
        unnamed = report.results.get(0, missing)._replace(outcome=MessageOutcome.AGAIN)
    return {number: named.get(number, unnamed) for number in message_ids}


def _text(element: Element, path: str) -> str:
    return " ".join((element.findtext(f"{{*}}{path}") or "").split())


def _number(element: Element, path: str) -> int:
    text = _text(element, path)
    return int(text) if text.isdecimal() and len(text) < 10 else -1
