"""Turns an order in Amazon's JSON (Orders API 2026-01-01) into the facts of an order.

Lenient on purpose: unknown words are kept, missing fields are empty. Amazon withholds most of an
order in many normal cases, so an error means that the order cannot be stored.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pipeline.amazon import withheld_fields
from pipeline.amazon.items import every_item, line, nothing_is_left, window
from pipeline.amazon.json_fields import blocks, look, moment, money, text, whole, word, words
from pipeline.base.errors import CannotMap
from pipeline.orders.channel import Raw
from pipeline.orders.channel_order import (
    Address,
    ChannelOrder,
    Delivery,
    FulfilledBy,
    Identity,
    Package,
    RemoteStatus,
    TaxRegistration,
)
from pipeline.orders.outcome import HoldCode

_NUMBER = re.compile(r"[0-9A-Z]{3}-[0-9]{7}-[0-9]{7}")
# Between the parts of an address line: a comma or semicolon, or a dash with spaces around it.
_PARTS = re.compile(r"[,;]|\s[-–—]\s")
# The states of a package that tell something of its delivery.
_DELIVERED, _CANCELLED = "DELIVERED", "CANCELLED"
_NOTHING_LEFT_YET = frozenset(
    {RemoteStatus.PENDING_AVAILABILITY, RemoteStatus.PENDING, RemoteStatus.UNSHIPPED}
)
# Words of Orders API v0, which notifications and migration data still use.
_OLD_STATUSES = {"CANCELED": RemoteStatus.CANCELLED, "INVOICE_UNCONFIRMED": RemoteStatus.SHIPPED}
_FULFILLED_BY = {
    "MERCHANT": FulfilledBy.MERCHANT,
    "MFN": FulfilledBy.MERCHANT,
    "AMAZON": FulfilledBy.AMAZON,
    "AFN": FulfilledBy.AMAZON,
}


def number(reply: object) -> str:
    """The order's number; empty when the reply has no usable number, or is no order."""
    return word(reply, "orderId")


def is_number(text: str) -> bool:
    """Whether the text has the form of Amazon's order numbers."""
    return _NUMBER.fullmatch(text) is not None


def identify(raw: Raw) -> Identity:
    """The fields that an order's row needs at least.

    Raises CannotMap when the order id, createdTime or lastUpdatedTime is missing.
    """
    external_id = number(raw)
    if not external_id:
        raise CannotMap(HoldCode.UNREADABLE_ORDER, "Amazon's order has no usable orderId")
    status, fulfilled_by = _fulfilment(raw)
    return Identity(
        external_id=external_id,
        marketplace_id=word(raw, "salesChannel", "marketplaceId"),
        status=status,
        fulfilled_by=fulfilled_by,
        purchased_at=_time(raw, "createdTime"),
        updated_at=_time(raw, "lastUpdatedTime"),
    )


def delivery(raw: Raw) -> Delivery:
    """What Amazon says of the delivery; it names packages of the merchant only, and no time of
    their delivery."""
    packages = blocks(raw, "packages")
    states = {text(package, "packageStatus", "status") for package in packages} - {_CANCELLED}
    departures = [at for package in packages if (at := moment(package, "shipTime"))]
    return Delivery(
        promised_at=window(raw, "fulfillment", "deliverByWindow").latest_at,
        left_at=max(departures, default=None),
        is_delivered=states == {_DELIVERED},
    )


def parse(raw: Raw) -> ChannelOrder:
    """The facts of an order, without amounts other than its total.

    Raises CannotMap(UNREADABLE_ORDER) when the order cannot be stored or has no usable items.
    """
    identity = identify(raw)
    every = every_item(raw)
    if nothing_is_left(raw) and identity.status != RemoteStatus.CANCELLED:
        raise CannotMap(
            HoldCode.UNREADABLE_ORDER,
            f"the order is {identity.status or 'of no known status'} although no unit is left of "
            "any of its items",
        )
    total = money(raw, "proceeds", "grandTotal")
    ship_by = window(raw, "fulfillment", "shipByWindow")
    deliver_by = window(raw, "fulfillment", "deliverByWindow")
    order = ChannelOrder(
        **identity._asdict(),
        lines=tuple(line(item) for item in every if item.quantity),
        cancelled_lines=tuple(line(item) for item in every if not item.quantity),
        channel=text(raw, "salesChannel", "channelName"),
        marketplace_name=text(raw, "salesChannel", "marketplaceName"),
        aliases=_each(raw, "aliasId", "orderAliases"),
        currency=(total.currency or None) if total else None,
        grand_total=total.amount if total else None,
        ship_from_at=ship_by.earliest_at,
        ship_by_at=ship_by.latest_at,
        deliver_from_at=deliver_by.earliest_at,
        deliver_by_at=deliver_by.latest_at,
        label_from_at=window(raw, "fulfillment", "labelPrintingWindow").earliest_at,
        service_level=text(raw, "fulfillment", "fulfillmentServiceLevel"),
        programs=words(raw, "programs"),
        replaces=_associated(raw, "REPLACEMENT_ORIGINAL_ID"),
        exchanges=_associated(raw, "EXCHANGE_ORIGINAL_ID"),
        buyer_name=text(raw, "buyer", "buyerName"),
        buyer_email=text(raw, "buyer", "buyerEmail"),
        buyer_company=text(raw, "buyer", "buyerCompanyName"),
        purchase_order_number=text(raw, "buyer", "buyerPurchaseOrderNumber"),
        address=_address(raw),
        drop_off=text(raw, "recipient", "deliveryPreference", "dropOffLocation"),
        delivery_instruction=text(raw, "recipient", "deliveryPreference", "addressInstruction"),
        packages=tuple(_package(package) for package in blocks(raw, "packages")),
        tax_registrations=tuple(
            _registration(registration) for registration in blocks(raw, "tax", "taxRegistrations")
        ),
        invoice_preference=text(raw, "tax", "taxInvoicing", "buyerInvoicePreference"),
        invoice_status=text(raw, "tax", "taxInvoicing", "invoiceStatus"),
        payment_methods=_each(raw, "paymentMethod", "payment", "paymentExecutions"),
    )
    return replace(order, missing=withheld_fields.reasons(order))


def _each(raw: Raw, key: str, *path: str) -> tuple[str, ...]:
    """The different texts under `key` in a list of objects."""
    names = (text(block, key) for block in blocks(raw, *path))
    return tuple(dict.fromkeys(filter(None, names)))


def _associated(raw: Raw, kind: str) -> str:
    """The number of the order that this order replaces or exchanges."""
    return next(
        (
            text(other, "orderId")
            for other in blocks(raw, "associatedOrders")
            if text(other, "associationType") == kind
        ),
        "",
    )


def _registration(raw: Mapping[str, Any]) -> TaxRegistration:
    return TaxRegistration(
        entity=text(raw, "entityType"),
        kind=text(raw, "taxRegistrationType"),
        number=text(raw, "taxRegistrationNumber"),
        legal_name=text(raw, "legalName"),
        country=text(raw, "taxRegistrationAddress", "countryCode").upper(),
    )


def _time(raw: Raw, key: str) -> datetime:
    at = moment(raw, key)
    if at is None:
        raise CannotMap(HoldCode.UNREADABLE_ORDER, f"Amazon's order has no usable {key}")
    return at


def _fulfilment(raw: Raw) -> tuple[str, FulfilledBy]:
    """The status in the words of the Orders API 2026-01-01, and who fulfils.

    Who fulfils decides whose goods leave. Where Amazon does not say it, the status stays empty,
    that is unknown, rather than guessed.
    """
    fulfilled_by = _FULFILLED_BY.get(text(raw, "fulfillment", "fulfilledBy").upper())
    if fulfilled_by is None:
        return "", FulfilledBy.MERCHANT
    status = text(raw, "fulfillment", "fulfillmentStatus")
    word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", status).upper()
    word = _OLD_STATUSES.get(word, word)
    if word in _NOTHING_LEFT_YET and nothing_is_left(raw):
        # Every item was cancelled singly; Amazon changes the order's status later, or never.
        return RemoteStatus.CANCELLED, fulfilled_by
    return (word if word in set(RemoteStatus) else status), fulfilled_by


def _address(raw: Raw) -> Address | None:
    given = look(raw, "recipient", "deliveryAddress")
    lines = tuple(filter(None, (text(given, f"addressLine{number}") for number in (1, 2, 3))))
    city, district = text(given, "city"), text(given, "districtOrCounty")
    municipality = text(given, "municipality")
    if city and municipality not in (city, district):
        # Where Amazon gives both, the carrier needs both.
        district = ", ".join(filter(None, (district, municipality)))
    address = Address(
        name=text(given, "name"),
        company=text(given, "companyName"),
        lines=_with_brazilian(lines, given),
        city=city or municipality,
        district=district,
        region=text(given, "stateOrRegion"),
        postcode=text(given, "postalCode"),
        country=text(given, "countryCode").upper(),
        phone=text(given, "phone"),
        is_pickup_point=text(given, "addressType") == "PICKUP_POINT",
    )
    return None if address == Address() else address


def _with_brazilian(lines: tuple[str, ...], given: object) -> tuple[str, ...]:
    """The address lines, followed by Brazil's street, complement and neighbourhood fields.

    A field is added unless the lines contain it, as a whole line or as parts of a line between
    commas or dashes. Each part counts once: the house number 12 is not also flat 12.
    """
    extended = look(given, "extendedFields")
    street = f"{text(extended, 'streetName')} {text(extended, 'streetNumber')}".strip()
    others = (text(extended, "complement"), text(extended, "neighborhood"))
    line_parts = [words for line in lines for part in _PARTS.split(line) if (words := _words(part))]
    added = [] if _take(line_parts, street, is_start_enough=True) else [street]
    added += [part for part in others if not _take(line_parts, part)]
    return lines + tuple(added)


def _take(line_parts: list[list[str]], part: str, *, is_start_enough: bool = False) -> bool:
    """Remove `part` from the `line_parts` where adjoining parts equal it exactly.

    With `is_start_enough` the last of these parts may have further words, which stay. Returns
    False if the lines do not contain `part`.
    """
    wanted = _words(part)
    for start in range(len(line_parts)):
        joined: list[str] = []
        for end, words_ in enumerate(line_parts[start:], start + 1):
            joined = joined + words_
            rest = joined[len(wanted) :]
            if joined[: len(wanted)] == wanted and (is_start_enough or not rest):
                line_parts[start:end] = [rest] if rest else []
                return True
            if len(joined) >= len(wanted):
                break
    return not wanted


def _words(text_: str) -> list[str]:
    """The words without case and accents: Amazon's two spellings of a street may differ in them."""
    spread = unicodedata.normalize("NFKD", text_.casefold())
    return re.findall(r"\w+", "".join(char for char in spread if not unicodedata.combining(char)))


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
        status=text(raw, "packageStatus", "status"),
        service=text(raw, "shippingService"),
        shipped_at=moment(raw, "shipTime"),
    )
