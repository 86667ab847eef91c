"""The XML around the messages of a feed, and the report about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml.ElementTree import fromstring

from sandbox.amazon.errors import Refused

_IN_ORDER = {
    "Header": ("DocumentVersion", "MerchantIdentifier"),
    "OrderFulfillment": (
        *("AmazonOrderID", "MerchantFulfillmentID", "FulfillmentDate", "FulfillmentData"),
        *("CODCollectionMethod", "Item"),
    ),
    "FulfillmentData": ("CarrierCode", "CarrierName", "ShippingMethod", "ShipperTrackingNumber"),
    "OrderAcknowledgement": ("AmazonOrderID", "MerchantOrderID", "StatusCode", "Item"),
    "OrderAdjustment": (
        *("AmazonOrderID", "MerchantOrderID", "ActionType", "CODCollectionMethod"),
        "AdjustedItem",
    ),
    "AdjustedItem": (
        *("AmazonOrderItemCode", "MerchantOrderItemID", "MerchantAdjustmentItemID"),
        *("AdjustmentReason", "ItemPriceAdjustments", "PromotionAdjustments"),
        *("DirectPaymentAdjustments", "QuantityCancelled", "Quantity"),
    ),
    "ItemPriceAdjustments": ("Component",),
    "PromotionAdjustments": ("PromotionClaimCode", "MerchantPromotionID", "Component"),
    "Component": ("Type", "Amount"),
}


@dataclass(frozen=True)
class Message:
    """One message of a feed: its number and what it says."""

    number: str
    body: Element


@dataclass(frozen=True)
class Result:
    """What a report says of one message that was refused; number 0 is the whole document."""

    number: str
    refusal: Refused


def read_messages(document: bytes, kind: str) -> list[Message]:
    """The messages of a document of this kind; Refused when it breaks the schema."""
    if not document.startswith(b"<"):
        words = "ill-formed at the Amazon Envelope XML level at (or near) line 1, column 1"
        raise Refused(words, code="50001")
    try:
        envelope = fromstring(document)
    except ParseError as error:
        raise Refused("XML Parsing Fatal Error") from error
    tags = [part.tag for part in envelope]
    if envelope.tag != "AmazonEnvelope" or tags[:2] != ["Header", "MessageType"]:
        raise Refused("The document is no AmazonEnvelope.")
    if set(tags[2:]) != {"Message"} or envelope[1].text != kind:
        raise Refused("The messages do not match the feed type.")
    _check_order_of(envelope[0])
    if not envelope[0].findtext("MerchantIdentifier"):
        raise Refused("MerchantIdentifier is missing.")
    messages = list(envelope)[2:]
    ids = [message.findtext("MessageID") or "" for message in messages]
    if len(set(ids)) != len(ids) or not all(text.isdecimal() and text != "0" for text in ids):
        raise Refused("MessageID must be a positive number of its own.")
    for message in messages:
        if [part.tag for part in message] != ["MessageID", kind]:
            raise Refused("The content of a message is not as the schema says.")
        for part in message.iter():
            _check_order_of(part)
    return [Message(message[0].text or "", message[1]) for message in messages]


def _check_order_of(part: Element) -> None:
    """A schema's sequence: nothing unknown, nothing out of order."""
    if part.tag not in _IN_ORDER:
        return
    places = _IN_ORDER[part.tag]
    tags = [child.tag for child in part]
    if any(tag not in places for tag in tags) or tags != sorted(tags, key=places.index):
        raise Refused(f"The content of {part.tag} is not as the schema says.")


def write_report(
    results: Sequence[Result], processed: int, *, silent_on: str | None = None
) -> bytes:
    """The report of a feed of `processed` messages.

    `silent_on` is a message that the report leaves out: neither a result nor a success is told.
    """
    told = [result for result in results if result.number != silent_on]
    succeeded = max(0, processed - len(results))
    if silent_on is not None and len(told) == len(results):
        succeeded -= 1
    envelope = Element("AmazonEnvelope")
    header = SubElement(envelope, "Header")
    SubElement(header, "DocumentVersion").text = "1.02"
    SubElement(header, "MerchantIdentifier").text = "SANDBOX"
    SubElement(envelope, "MessageType").text = "ProcessingReport"
    message = SubElement(envelope, "Message")
    SubElement(message, "MessageID").text = "1"
    report = SubElement(message, "ProcessingReport")
    SubElement(report, "StatusCode").text = "Complete"
    summary = SubElement(report, "ProcessingSummary")
    counts = {
        "MessagesProcessed": processed,
        "MessagesSuccessful": succeeded,
        "MessagesWithError": len(told),
        "MessagesWithWarning": 0,
    }
    for name, count in counts.items():
        SubElement(summary, name).text = str(count)
    for one in told:
        result = SubElement(report, "Result")
        SubElement(result, "MessageID").text = one.number
        SubElement(result, "ResultCode").text = "Error"
        SubElement(result, "ResultMessageCode").text = one.refusal.code
        SubElement(result, "ResultDescription").text = one.refusal.words
    written: bytes = tostring(envelope, encoding="UTF-8", xml_declaration=True)
    return written
