"""confirmShipment of the Orders API v0: one call, one package; a known reference edits it."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, request

from sandbox.amazon.errors import ApiError, invalid_input, not_found, unauthorized
from sandbox.amazon.shipment import Shipment, read_shipment
from sandbox.amazon.state import (
    Account,
    Order,
    Standin,
    count_confirmation,
    find_order,
    save_order,
    status_of,
)
from sandbox.amazon.times import iso, parse

# Such orders are confirmed in another way: by Amazon, by a bought label, or by the shop.
OTHERWISE_CONFIRMED = (
    "FBM_SHIP_PLUS",
    "AMAZON_EASY_SHIP",
    "DELIVERY_BY_AMAZON",
    "IN_STORE_PICK_UP",
)
SHIPPABLE = ("UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED")


def nothing_left() -> ApiError:
    """Everything is shipped already, under other references."""
    return invalid_input(
        "Failed to create package due to not finding a matching package or order already fulfilled."
        " PackageToUpdateNotFound (GeneralError)"
    )


def check_order(order: Order, shipment: Shipment) -> None:
    """A 400 unless the order is one that its seller may confirm."""
    if shipment.marketplace != order["salesChannel"].get("marketplaceId"):
        raise invalid_input("MarketplaceId is invalid, it is not the marketplace of the order.")
    if order["fulfillment"].get("fulfilledBy") != "MERCHANT":
        raise invalid_input("The order is not fulfilled by the merchant.")
    for program in OTHERWISE_CONFIRMED:
        if program in order.get("programs", []):
            raise invalid_input(f"Shipment confirmation is not supported for {program} orders.")
    if "INVOICE_BY_AMAZON" in order.get("programs", []) and not shipment.ship_from:
        raise invalid_input("ShipFromAddress is required for orders that Amazon invoices.")
    if status_of(order) not in SHIPPABLE:
        raise invalid_input(f"The order cannot be confirmed, it is {status_of(order)}.")
    # Callers send whole seconds, orders are created within one.
    created_at = parse(order["createdTime"]).replace(microsecond=0)
    if shipment.ship_at < created_at:
        raise invalid_input("ShipDate is invalid, must not be before the order.")


def check_items(order: Order, shipment: Shipment) -> None:
    """A 400 unless every item is the order's and carries its Transparency codes."""
    items = {item["orderItemId"]: item for item in order["orderItems"]}
    for asked in shipment.items:
        if asked.item_id not in items:
            raise invalid_input(
                "OrderItemId is invalid, please obtain the value through the getOrderItems API."
            )
        needs_codes = "TRANSPARENCY" in items[asked.item_id].get("programs", [])
        if needs_codes and len(asked.transparency_codes) != asked.quantity:
            raise invalid_input("TransparencyCodes is invalid, one code per unit is required.")


def edit_package(package: dict[str, Any], shipment: Shipment) -> None:
    """Replace carrier, method, tracking number and date; what is in the package stays."""
    package["carrier"] = shipment.carrier
    package["shipTime"] = iso(shipment.ship_at)
    if shipment.ship_from is not None:
        # The stand-in knows no addresses of places, only their ids.
        package["shipFromAddress"] = {"name": shipment.ship_from}
    package.pop("trackingNumber", None)
    if shipment.tracking_number is not None:
        package["trackingNumber"] = shipment.tracking_number
    package.pop("shippingService", None)
    if shipment.method is not None:
        package["shippingService"] = shipment.method


def add_package(order: Order, shipment: Shipment, created_time: str) -> None:
    """Take the quantities from what is left, and move the order's status."""
    counts = {item["orderItemId"]: item["fulfillment"] for item in order["orderItems"]}
    if not any(count["quantityUnfulfilled"] for count in counts.values()):
        raise nothing_left()
    for asked in shipment.items:
        count = counts[asked.item_id]
        if asked.quantity > count["quantityUnfulfilled"]:
            raise invalid_input("Quantity is invalid, it exceeds the unshipped quantity.")
        count["quantityFulfilled"] += asked.quantity
        count["quantityUnfulfilled"] -= asked.quantity
    package: dict[str, Any] = {
        "packageReferenceId": shipment.reference,
        "createdTime": created_time,
        "packageStatus": {"status": "SHIPPED"},
        "packageItems": [asked.as_package_item() for asked in shipment.items],
    }
    edit_package(package, shipment)
    order.setdefault("packages", []).append(package)
    left = any(count["quantityUnfulfilled"] for count in counts.values())
    order["fulfillment"]["fulfillmentStatus"] = "PARTIALLY_SHIPPED" if left else "SHIPPED"


def add_confirmations(app: Flask, standin: Standin) -> None:
    """Add confirmShipment."""

    @app.post("/orders/v0/orders/<order_id>/shipmentConfirmation")
    def confirm_shipment(order_id: str) -> Response:
        account: Account = g.account
        with standin.store.transaction() as db:
            now = standin.now(db)
            shipment = read_shipment(request.get_json(silent=True), now)
            stored = find_order(db, order_id)
            if stored is None:
                raise not_found(order_id)
            if stored.account != account.name:
                raise unauthorized()
            order = stored.order
            check_order(order, shipment)
            check_items(order, shipment)
            for package in order.get("packages", []):
                if package["packageReferenceId"] == shipment.reference:
                    edit_package(package, shipment)
                    break
            else:
                add_package(order, shipment, iso(now))
            order["lastUpdatedTime"] = iso(now)
            save_order(db, account.name, order)
            count_confirmation(db, order_id, shipment.reference)
        return Response(status=204)
