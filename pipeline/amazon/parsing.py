"""From an order in Amazon's JSON (Orders API 2026-01-01) to the facts of an order.

Lenient on purpose: unknown words survive, whatever is missing is empty. Amazon withholds most of an
order in many normal cases, so only what makes it impossible to keep is an error.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pipeline.amazon.reading import blocks, look, moment, money, text, texts, whole
from pipeline.channel import Address, ChannelOrder, FulfilledBy, Identity, Line, Package, Raw
from pipeline.errors import CannotMap
from pipeline.outcome import HoldCode

_STATUSES = frozenset(
    {
        *("PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED"),
        *("CANCELLED", "UNFULFILLABLE"),
    }
)
# Words of Orders API v0, which notifications and migration data still use.
_OLD_STATUSES = {"CANCELED": "CANCELLED", "INVOICE_UNCONFIRMED": "SHIPPED"}
_FULFILLED_BY = {
    "MERCHANT": FulfilledBy.MERCHANT,
    "MFN": FulfilledBy.MERCHANT,
    "AMAZON": FulfilledBy.AMAZON,
    "AFN": FulfilledBy.AMAZON,
}


class Item(NamedTuple):
    """An order item with the two facts without which it is none."""

    item_id: str
    quantity: int
    raw: Mapping[str, Any]


def identify(raw: Raw) -> Identity:
    """The least that is needed to keep an order.

    Raises CannotMap when the order id or one of its two times is missing.
    """
    external_id = text(raw, "orderId")
    if not external_id:
        raise CannotMap(HoldCode.UNREADABLE_ORDER, "Amazon's order has no orderId")
    status, fulfilled_by = _fulfilment(raw)
    return Identity(
        external_id=external_id,
        marketplace_id=text(raw, "salesChannel", "marketplaceId"),
        status=status,
        fulfilled_by=fulfilled_by,
        purchased_at=_time(raw, "createdTime"),
        updated_at=_time(raw, "lastUpdatedTime"),
    )


def parse(raw: Raw) -> ChannelOrder:
    """The facts of an order, without amounts other than its total.

    Raises CannotMap(UNREADABLE_ORDER) when it cannot be kept, or has no usable items.
    """
    identity = identify(raw)
    total = money(raw, "proceeds", "grandTotal")
    return ChannelOrder(
        external_id=identity.external_id,
        marketplace_id=identity.marketplace_id,
        status=identity.status,
        fulfilled_by=identity.fulfilled_by,
        purchased_at=identity.purchased_at,
        updated_at=identity.updated_at,
        lines=tuple(_line(item) for item in items(raw)),
        currency=(total.currency or None) if total else None,
        grand_total=total.amount if total else None,
        ship_by_at=moment(raw, "fulfillment", "shipByWindow", "latestDateTime"),
        deliver_by_at=moment(raw, "fulfillment", "deliverByWindow", "latestDateTime"),
        service_level=text(raw, "fulfillment", "fulfillmentServiceLevel"),
        programs=texts(raw, "programs"),
        replaces=next(
            (
                text(other, "orderId")
                for other in blocks(raw, "associatedOrders")
                if text(other, "associationType") == "REPLACEMENT_ORIGINAL_ID"
            ),
            "",
        ),
        buyer_name=text(raw, "buyer", "buyerName"),
        buyer_email=text(raw, "buyer", "buyerEmail"),
        buyer_company=text(raw, "buyer", "buyerCompanyName"),
        purchase_order_number=text(raw, "buyer", "buyerPurchaseOrderNumber"),
        address=_address(raw),
        packages=tuple(_package(package) for package in blocks(raw, "packages")),
    )


def items(raw: Raw) -> list[Item]:
    """The order's items.

    Raises CannotMap(UNREADABLE_ORDER) when there is none, or one has no id of its own or no
    positive whole quantity: goods would be left out silently.
    """
    found = look(raw, "orderItems")
    if not isinstance(found, list) or not found:
        raise CannotMap(HoldCode.UNREADABLE_ORDER, "Amazon's order has no orderItems")
    result: list[Item] = []
    for number, one in enumerate(found, start=1):
        item_id = text(one, "orderItemId")
        if not item_id:
            raise CannotMap(HoldCode.UNREADABLE_ORDER, f"item {number} has no orderItemId")
        quantity = whole(one, "quantityOrdered")
        if quantity is None or quantity < 1:
            raise CannotMap(
                HoldCode.UNREADABLE_ORDER,
                f"the quantityOrdered of item {item_id} is not a positive whole number",
            )
        if any(item_id == known.item_id for known in result):
            raise CannotMap(HoldCode.UNREADABLE_ORDER, f"two items have orderItemId {item_id}")
        result.append(Item(item_id, quantity, one))
    return result


def _time(raw: Raw, key: str) -> datetime:
    at = moment(raw, key)
    if at is None:
        raise CannotMap(HoldCode.UNREADABLE_ORDER, f"Amazon's order has no usable {key}")
    return at


def _fulfilment(raw: Raw) -> tuple[str, FulfilledBy]:
    """Status in Amazon's words of 2026, and who fulfils.

    Who fulfils decides whose goods leave: where Amazon does not say so, the status is left empty
    as well, which is an unknown one, rather than guessing.
    """
    fulfilled_by = _FULFILLED_BY.get(text(raw, "fulfillment", "fulfilledBy").upper())
    if fulfilled_by is None:
        return "", FulfilledBy.MERCHANT
    told = text(raw, "fulfillment", "fulfillmentStatus")
    word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", told).upper()
    word = _OLD_STATUSES.get(word, word)
    return (word if word in _STATUSES else told), fulfilled_by


def _line(item: Item) -> Line:
    raw = item.raw
    request = look(raw, "cancellation", "cancellationRequest")
    return Line(
        item_id=item.item_id,
        sku=text(raw, "product", "sellerSku"),
        title=text(raw, "product", "title"),
        quantity=item.quantity,
        asin=text(raw, "product", "asin"),
        quantity_fulfilled=max(0, whole(raw, "fulfillment", "quantityFulfilled") or 0),
        programs=texts(raw, "programs"),
        gift_message=text(raw, "fulfillment", "packing", "giftOption", "giftMessage"),
        promotion_ids=tuple(
            filter(
                None, (text(one, "promotionId") for one in blocks(raw, "promotion", "breakdowns"))
            )
        ),
        buyer_wants_to_cancel=text(request, "requester").upper() == "BUYER",
    )


def _address(raw: Raw) -> Address | None:
    given = look(raw, "recipient", "deliveryAddress")
    lines = tuple(filter(None, (text(given, f"addressLine{number}") for number in (1, 2, 3))))
    address = Address(
        name=text(given, "name"),
        company=text(given, "companyName"),
        lines=lines or _brazilian_lines(given),
        city=text(given, "city") or text(given, "municipality"),
        district=text(given, "districtOrCounty"),
        region=text(given, "stateOrRegion"),
        postcode=text(given, "postalCode"),
        country=text(given, "countryCode").upper(),
        phone=text(given, "phone"),
        is_pickup_point=text(given, "addressType") == "PICKUP_POINT",
    )
    return None if address == Address() else address


def _brazilian_lines(given: object) -> tuple[str, ...]:
    """Street, complement and neighbourhood, which Brazil tells apart instead of in lines."""
    extended = look(given, "extendedFields")
    street = f"{text(extended, 'streetName')} {text(extended, 'streetNumber')}".strip()
    return tuple(
        filter(None, (street, text(extended, "complement"), text(extended, "neighborhood")))
    )


def _package(raw: Mapping[str, Any]) -> Package:
    quantities: Counter[str] = Counter()
    for item in blocks(raw, "packageItems"):
        item_id, quantity = text(item, "orderItemId"), whole(item, "quantity")
        if item_id and quantity is not None and quantity > 0:
            quantities[item_id] += quantity
    return Package(
        reference=text(raw, "packageReferenceId"),
        tracking_number=text(raw, "trackingNumber"),
        carrier=text(raw, "carrier"),
        quantities=dict(quantities),
    )
