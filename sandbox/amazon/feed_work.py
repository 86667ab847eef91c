"""What Amazon does with an order feed: each message by itself, and a report of all of them."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml.ElementTree import fromstring

from sandbox.amazon.confirm import add_package, check_items, check_order, edit_package
from sandbox.amazon.errors import ApiError
from sandbox.amazon.shipment import read_shipment
from sandbox.amazon.state import (
    Order,
    count_confirmation,
    find_order,
    save_order,
    status_of,
)
from sandbox.amazon.times import iso

FEED_TYPES = {
    "POST_ORDER_FULFILLMENT_DATA": "OrderFulfillment",
    "POST_ORDER_ACKNOWLEDGEMENT_DATA": "OrderAcknowledgement",
}
CANCEL_REASONS = (
    "NoInventory",
    "ShippingAddressUndeliverable",
    "CustomerExchange",
    "BuyerCanceled",
    "GeneralAdjustment",
    "CarrierCreditDecision",
    "RiskAssessmentInformationNotValid",
    "CarrierCoverageFailure",
    "CustomerReturn",
    "MerchandiseNotReceived",
)
_IN_ORDER = {
    "Header": ("DocumentVersion", "MerchantIdentifier"),
    "OrderFulfillment": (
        *("AmazonOrderID", "MerchantFulfillmentID", "FulfillmentDate", "FulfillmentData"),
        *("CODCollectionMethod", "Item"),
    ),
    "FulfillmentData": ("CarrierCode", "CarrierName", "ShippingMethod", "ShipperTrackingNumber"),
    "OrderAcknowledgement": ("AmazonOrderID", "MerchantOrderID", "StatusCode", "Item"),
}


class Refused(Exception):
    """One message, or the document as a whole, is not taken."""


def work(
    db: sqlite3.Connection, account: str, feed_type: str, document: bytes, now: datetime
) -> bytes:
    """Do what the document asks for and return the report."""
    errors: list[tuple[str, str]] = []
    try:
        messages = _messages(document, FEED_TYPES[feed_type])
    except Refused as error:
        return _report([("0", str(error))], 0)
    for message in messages:
        body = message[1]
        try:
            if feed_type == "POST_ORDER_FULFILLMENT_DATA":
                _fulfil(db, account, body, now)
            else:
                _cancel(db, account, body, now)
        except Refused as error:
            errors.append((message[0].text or "", str(error)))
        except ApiError as error:
            errors.append((message[0].text or "", error.message))
    return _report(errors, len(messages))


def _messages(document: bytes, kind: str) -> list[Element]:
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
    return messages


def _check_order_of(part: Element) -> None:
    """A schema's sequence: nothing unknown, nothing out of order."""
    if part.tag not in _IN_ORDER:
        return
    places = _IN_ORDER[part.tag]
    tags = [child.tag for child in part]
    if any(tag not in places for tag in tags) or tags != sorted(tags, key=places.index):
        raise Refused(f"The content of {part.tag} is not as the schema says.")


def _order(db: sqlite3.Connection, account: str, body: Element) -> Order:
    stored = find_order(db, body.findtext("AmazonOrderID") or "")
    if stored is None or stored.account != account:
        raise Refused("The AmazonOrderID is invalid.")
    refusal = db.execute(
        "DELETE FROM feed_refusals WHERE order_id = ? RETURNING words", (stored.order["orderId"],)
    ).fetchone()
    if refusal is not None:
        raise Refused(refusal["words"])
    return stored.order


def _fulfil(db: sqlite3.Connection, account: str, body: Element, now: datetime) -> None:
    order = _order(db, account, body)
    items = [
        {
            "orderItemId": item.findtext("AmazonOrderItemCode"),
            "quantity": int(item.findtext("Quantity") or 0),
        }
        for item in body.findall("Item")
    ] or [
        # Without items the message is about whatever has not been shipped.
        {"orderItemId": item["orderItemId"], "quantity": item["fulfillment"]["quantityUnfulfilled"]}
        for item in order["orderItems"]
        if item["fulfillment"]["quantityUnfulfilled"]
    ]
    reference = body.findtext("MerchantFulfillmentID")
    detail = {
        "packageReferenceId": reference or str(len(order.get("packages", [])) + 1),
        "carrierCode": body.findtext("FulfillmentData/CarrierCode"),
        "carrierName": body.findtext("FulfillmentData/CarrierName"),
        "shippingMethod": body.findtext("FulfillmentData/ShippingMethod"),
        "trackingNumber": body.findtext("FulfillmentData/ShipperTrackingNumber"),
        "shipDate": body.findtext("FulfillmentDate"),
        "orderItems": items,
    }
    marketplace = order["salesChannel"].get("marketplaceId")
    shipment = read_shipment(
        {"marketplaceId": marketplace, "packageDetail": detail}, now, needs_number=False
    )
    check_order(order, shipment)
    check_items(order, shipment)
    for package in order.get("packages", []):
        if package["packageReferenceId"] == shipment.reference:
            edit_package(package, shipment)
            break
    else:
        add_package(order, shipment, iso(now))
    order["lastUpdatedTime"] = iso(now)
    save_order(db, account, order)
    count_confirmation(db, order["orderId"], shipment.reference)


def _cancel(db: sqlite3.Connection, account: str, body: Element, now: datetime) -> None:
    order = _order(db, account, body)
    if body.findtext("StatusCode") != "Failure":
        return
    if order["fulfillment"].get("fulfilledBy") != "MERCHANT":
        raise Refused("The order is not fulfilled by the merchant.")
    if status_of(order) not in ("PENDING", "PENDING_AVAILABILITY", "UNSHIPPED"):
        raise Refused(f"The order cannot be cancelled, it is {status_of(order)}.")
    named = {item.findtext("AmazonOrderItemCode"): item for item in body.findall("Item")}
    if set(named) != {item["orderItemId"] for item in order["orderItems"]}:
        raise Refused("The AmazonOrderItemCode values are not those of the order.")
    for item in order["orderItems"]:
        reason = named[item["orderItemId"]].findtext("CancelReason")
        if reason not in CANCEL_REASONS:
            raise Refused("The CancelReason is invalid.")
        item.setdefault("cancellation", {})["cancellationExecution"] = {
            "cancelledBy": "MERCHANT",
            "cancelReason": reason,
        }
    order["fulfillment"]["fulfillmentStatus"] = "CANCELLED"
    order["lastUpdatedTime"] = iso(now)
    save_order(db, account, order)


def _report(errors: list[tuple[str, str]], processed: int) -> bytes:
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
        "MessagesSuccessful": max(0, processed - len(errors)),
        "MessagesWithError": len(errors),
        "MessagesWithWarning": 0,
    }
    for name, count in counts.items():
        SubElement(summary, name).text = str(count)
    for message_id, words in errors:
        result = SubElement(report, "Result")
        SubElement(result, "MessageID").text = message_id
        SubElement(result, "ResultCode").text = "Error"
        SubElement(result, "ResultMessageCode").text = "18028"
        SubElement(result, "ResultDescription").text = words
    written: bytes = tostring(envelope, encoding="UTF-8", xml_declaration=True)
    return written
