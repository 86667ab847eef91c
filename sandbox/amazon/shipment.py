"""The body of a confirmShipment call, and what can be wrong with it without knowing the order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.amazon.carriers import CARRIER_CODES, OTHER
from sandbox.amazon.errors import invalid_input
from sandbox.amazon.times import parse

INDIA = "A21TJRUUN4KGV"
JAPAN = "A1VC38T7YXB528"

_TEXTS = (
    "packageReferenceId",
    "carrierCode",
    "carrierName",
    "shippingMethod",
    "trackingNumber",
    "shipDate",
    "shipFromSupplySourceId",
)


@dataclass(frozen=True)
class ShippedItem:
    """How much of one order item is in the package."""

    item_id: str
    quantity: int
    transparency_codes: list[str]

    def as_package_item(self) -> dict[str, Any]:
        """The item as it stands in the order's `packages`."""
        body = {"orderItemId": self.item_id, "quantity": self.quantity}
        codes = {"transparencyCodes": self.transparency_codes} if self.transparency_codes else {}
        return body | codes


@dataclass(frozen=True)
class Shipment:
    """A package as the seller describes it."""

    marketplace: str
    reference: str
    carrier: str
    method: str | None
    tracking_number: str | None
    ship_at: datetime
    items: list[ShippedItem]
    ship_from: str | None = None


def read_shipment(body: Any, now: datetime, *, needs_number: bool = True) -> Shipment:
    """Read the body; a 400 with Amazon's text for what it refuses.

    A feed's schema does not ask for a tracking number, the call's does.
    """
    if not isinstance(body, dict) or not isinstance(body.get("packageDetail"), dict):
        raise invalid_input("Request has missing or invalid parameters and cannot be parsed.")
    detail: dict[str, Any] = body["packageDetail"]
    _check_types(body, detail)
    marketplace = _required(body, "marketplaceId", "marketplaceId")
    if body.get("codCollectionMethod") is not None and (
        marketplace != JAPAN or body["codCollectionMethod"] != "DirectPayment"
    ):
        raise invalid_input("CodCollectionMethod is invalid.")
    reference = detail.get("packageReferenceId") or ""
    if not re.fullmatch("[0-9]+", reference) or not reference.strip("0"):
        raise invalid_input("PackageReferenceId: is invalid, must be a positive numeric value")
    return Shipment(
        marketplace=marketplace,
        reference=reference,
        carrier=_carrier(detail, marketplace),
        method=detail.get("shippingMethod"),
        tracking_number=_required(detail, "trackingNumber", "packageDetail.trackingNumber")
        if needs_number
        else detail.get("trackingNumber"),
        ship_at=_ship_at(detail, now),
        items=_items(detail),
        ship_from=detail.get("shipFromSupplySourceId"),
    )


def _check_types(body: dict[str, Any], detail: dict[str, Any]) -> None:
    given = {f"packageDetail.{name}": detail.get(name) for name in _TEXTS}
    given |= {name: body.get(name) for name in ("marketplaceId", "codCollectionMethod")}
    wrong = [name for name, value in given.items() if not isinstance(value, str | None)]
    if wrong:
        raise invalid_input(f"fields with invalid type [{', '.join(wrong)}]")


def _required(part: dict[str, Any], name: str, path: str) -> str:
    value: str = part.get(name) or ""
    if not value.strip():
        raise invalid_input(f"fields missing [{path}]")
    return value


def _carrier(detail: dict[str, Any], marketplace: str) -> str:
    code = _required(detail, "carrierCode", "packageDetail.carrierCode")
    if code not in CARRIER_CODES or (code == OTHER and marketplace == INDIA):
        raise invalid_input("CarrierCode is invalid.")
    if code == OTHER:
        return _required(detail, "carrierName", "packageDetail.carrierName")
    return code


def _ship_at(detail: dict[str, Any], now: datetime) -> datetime:
    text = _required(detail, "shipDate", "packageDetail.shipDate")
    try:
        ship_at = parse(text)
    except ValueError:
        raise invalid_input("ShipDate is invalid, must be ISO 8601 with an offset.") from None
    if ship_at > now:
        raise invalid_input("ShipDate is invalid, must not be in the future.")
    return ship_at


def _items(detail: dict[str, Any]) -> list[ShippedItem]:
    listed = detail.get("orderItems")
    if not isinstance(listed, list) or not listed:
        # What Amazon says of a single object where it wants an array.
        raise invalid_input(
            "OrderItemId is invalid, please obtain the value through the getOrderItems API."
        )
    return [_item(entry) for entry in listed]


def _item(entry: Any) -> ShippedItem:
    if not isinstance(entry, dict) or not isinstance(entry.get("orderItemId"), str):
        raise invalid_input("fields with invalid type [packageDetail.orderItems.orderItemId]")
    quantity = entry.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool):
        raise invalid_input("fields with invalid type [packageDetail.orderItems.quantity]")
    if quantity < 1:
        raise invalid_input("Quantity is invalid, must be positive.")
    codes = entry.get("transparencyCodes", [])
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise invalid_input("fields with invalid type [packageDetail.orderItems.transparencyCodes]")
    return ShippedItem(entry["orderItemId"], quantity, codes)
