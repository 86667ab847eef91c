"""OrderAcknowledgement: a message of a feed that cancels an order nothing of which is shipped."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from sandbox.amazon.errors import Refused
from sandbox.amazon.feed_envelope import Message
from sandbox.amazon.feed_orders import order_of
from sandbox.amazon.state import save_order, status_of
from sandbox.amazon.times import iso

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


def cancel(db: sqlite3.Connection, feed: sqlite3.Row, message: Message, now: datetime) -> None:
    """Cancel the whole order; an acknowledgement of success changes nothing."""
    body, account = message.body, feed["account"]
    order = order_of(db, account, body)
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
