"""OrderFulfillment: a message of a feed that confirms a package."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from sandbox.amazon.confirm import add_package, check_items, check_order, edit_package
from sandbox.amazon.feed_envelope import Message
from sandbox.amazon.feed_orders import order_of
from sandbox.amazon.shipment import read_shipment
from sandbox.amazon.state import count_confirmation, save_order
from sandbox.amazon.times import iso


def fulfil(db: sqlite3.Connection, feed: sqlite3.Row, message: Message, now: datetime) -> None:
    """Add the package that the message describes, or edit it by its reference."""
    body, account = message.body, feed["account"]
    order = order_of(db, account, body)
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
