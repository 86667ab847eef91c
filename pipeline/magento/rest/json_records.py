"""Convert Magento's JSON to records: a missing, null or oddly typed field gets its default.

Ids come as numbers or as strings, quantities as 2 or "2.0000", an empty list as null. Two defects
raise ValueError or TypeError: an object without its id, which is indistinguishable from others, and
a list of units or packages with an unreadable entry, since Amazon would get half of the list.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pipeline.base.clock import YEARS
from pipeline.base.money import LARGEST_AMOUNT, ZERO, parse_amount
from pipeline.magento.records import (
    CreditMemo,
    CreditMemoLine,
    Invoice,
    MagentoItem,
    MagentoOrder,
    MagentoShipment,
    NumberedInvoice,
    Product,
    Region,
    Track,
)
from pipeline.magento.rest.odd_rows import OddRow

ENABLED = 1
_LONGEST_NAME = 255
_LARGEST_QUANTITY = 2**31


def entries(value: object) -> list[Any]:
    """The entries of a list. PHP writes a list with gaps in its indexes as an object, and an empty
    list as null. Raises TypeError for anything else."""
    if value is None:
        return []
    if isinstance(value, dict) and all(isinstance(entry, dict) for entry in value.values()):
        return list(value.values())
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def rows(value: object) -> list[dict[str, Any]]:
    """The objects of a list; an empty list for null or anything else."""
    try:
        return [row for row in entries(value) if isinstance(row, dict)]
    except TypeError:
        return []


def all_rows(row: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects of a list in which every entry matters. Raises TypeError when an entry is not an
    object."""
    listed = entries(row.get(key))
    if not all(isinstance(entry, dict) for entry in listed):
        raise TypeError(f"{key} has an entry that is no object")
    return listed


def odd_row(path: str, row: object) -> OddRow:
    """The identifying fields of a row that cannot be read."""
    known: dict[str, Any] = row if isinstance(row, dict) else {}
    return OddRow(
        path,
        entity_id=integer(known, "entity_id") or integer(known, "id"),
        order_id=integer(known, "order_id"),
        number=name(known, "ext_order_id"),
        sku=name(known, "sku"),
        created_at=moment(known.get("created_at")),
    )


def text(row: dict[str, Any], key: str) -> str:
    """A field as text, "" by default."""
    value = row.get(key)
    return str(value) if isinstance(value, str | int | Decimal) else ""


def name(row: dict[str, Any], key: str) -> str:
    """A field as text that rows are looked up by, cut to the length of Magento's columns."""
    return text(row, key)[:_LONGEST_NAME]


def number(row: dict[str, Any], key: str) -> Decimal:
    """A field as Decimal, zero by default and when it exceeds Magento's columns."""
    try:
        value = parse_amount(row.get(key))
    except (TypeError, ValueError):
        return ZERO
    return value if abs(value) < LARGEST_AMOUNT else ZERO


def quantity(row: dict[str, Any], key: str) -> Decimal:
    """A number of units, zero by default and when it is beyond reason."""
    value = number(row, key)
    return value if abs(value) < _LARGEST_QUANTITY else ZERO


def units(row: dict[str, Any], key: str) -> Decimal:
    """A number of units that Amazon will receive. Raises ValueError or TypeError when the field is
    missing or unreadable."""
    parse_amount(row.get(key))
    return quantity(row, key)


def integer(row: dict[str, Any], key: str) -> int:
    """A field as integer, zero by default."""
    return int(number(row, key))


def identifier(row: dict[str, Any], key: str) -> int:
    """An id. Raises ValueError when the id is missing."""
    value = integer(row, key)
    if value <= 0:
        raise ValueError(f"an object without {key}")
    return value


def new_id(body: object) -> str:
    """The id in a reply that consists of the new object's id. Raises ValueError without an id."""
    return str(identifier({"id": body}, "id"))


def moment(value: object) -> datetime | None:
    """Magento's "2026-11-22 21:09:42" as a time: Magento writes UTC without a time zone."""
    try:
        read = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    if read.year not in YEARS:
        return None
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)


def product(row: dict[str, Any]) -> Product:
    """A product of a search result. Source: GET /V1/products."""
    return Product(
        id=identifier(row, "id"),
        sku=text(row, "sku"),
        name=text(row, "name"),
        type_id=text(row, "type_id"),
        enabled=integer(row, "status") == ENABLED,
        weight=number(row, "weight"),
    )


def region(row: dict[str, Any]) -> Region:
    """A region of a country. Source: GET /V1/directory/countries/:id."""
    return Region(identifier(row, "id"), text(row, "code"), text(row, "name"))


def order(row: dict[str, Any]) -> MagentoOrder:
    """An order, complete or reduced by `fields`. Source: GET /V1/orders."""
    return MagentoOrder(
        entity_id=identifier(row, "entity_id"),
        increment_id=name(row, "increment_id"),
        ext_order_id=text(row, "ext_order_id"),
        store_id=integer(row, "store_id"),
        state=text(row, "state"),
        status=text(row, "status"),
        grand_total=number(row, "grand_total"),
        total_paid=number(row, "total_paid"),
        total_invoiced=number(row, "total_invoiced"),
        total_refunded=number(row, "total_refunded"),
        items=tuple(_item(item) for item in all_rows(row, "items")),
        child_id=max(integer(row, "relation_child_id"), 0),
        child_number=name(row, "relation_child_real_id"),
        parent_id=integer(row, "relation_parent_id"),
        base_grand_total=number(row, "base_grand_total"),
        base_total_paid=number(row, "base_total_paid"),
        payment=_payment(row),
    )


def _payment(row: dict[str, Any]) -> dict[str, Any]:
    """The payment's id, method and facts. Magento sends each fact as a pair of key and value."""
    payment = row.get("payment")
    if not isinstance(payment, dict):
        return {}
    extension = row.get("extension_attributes")
    payment_info = extension.get("payment_additional_info") if isinstance(extension, dict) else None
    return {
        "entity_id": integer(payment, "entity_id"),
        "method": text(payment, "method"),
        "additional_information": {
            text(entry, "key"): text(entry, "value") for entry in rows(payment_info)
        },
    }


def _item(row: dict[str, Any]) -> MagentoItem:
    return MagentoItem(
        item_id=identifier(row, "item_id"),
        sku=text(row, "sku"),
        ext_order_item_id=text(row, "ext_order_item_id"),
        quantity_ordered=quantity(row, "qty_ordered"),
        quantity_shipped=quantity(row, "qty_shipped"),
        quantity_invoiced=quantity(row, "qty_invoiced"),
        quantity_canceled=quantity(row, "qty_canceled"),
        quantity_refunded=quantity(row, "qty_refunded"),
        product_type=text(row, "product_type"),
        product_id=integer(row, "product_id"),
    )


def invoice(row: dict[str, Any]) -> Invoice:
    """An invoice. Source: GET /V1/invoices."""
    return Invoice(identifier(row, "entity_id"), number(row, "grand_total"))


def numbered_invoice(row: dict[str, Any]) -> NumberedInvoice:
    """An invoice with its number. Raises ValueError without one. Source: GET /V1/invoices."""
    increment_id = name(row, "increment_id")
    if not increment_id:
        raise ValueError("an invoice without increment_id")
    return NumberedInvoice(increment_id, number(row, "grand_total"), number(row, "tax_amount"))


def credit_memo(row: dict[str, Any]) -> CreditMemo:
    """A credit memo with its lines. Raises ValueError without a time. Source: GET /V1/creditmemos.

    As in an order's items, a discount is a positive amount that the row's total does not include.
    """
    created_at = moment(row.get("created_at"))
    if created_at is None:
        raise ValueError("a credit memo without created_at")
    return CreditMemo(
        entity_id=identifier(row, "entity_id"),
        order_id=identifier(row, "order_id"),
        increment_id=name(row, "increment_id"),
        created_at=created_at,
        currency=text(row, "order_currency_code"),
        grand_total=number(row, "grand_total"),
        shipping=number(row, "shipping_amount") + number(row, "shipping_tax_amount"),
        lines=tuple(
            _credit_memo_line(item) for item in all_rows(row, "items") if _is_refunded(item)
        ),
        shipping_tax=number(row, "shipping_tax_amount"),
        state=integer(row, "state"),
        base_currency=text(row, "base_currency_code"),
        subtotal=number(row, "subtotal"),
        tax=number(row, "tax_amount"),
        discount=abs(number(row, "discount_amount")),
        tax_compensation=number(row, "discount_tax_compensation_amount"),
        adjustment_positive=number(row, "adjustment_positive"),
        adjustment_negative=number(row, "adjustment_negative"),
        comments=tuple(text(comment, "comment") for comment in rows(row.get("comments"))),
    )


def _is_refunded(item: dict[str, Any]) -> bool:
    """Whether a memo's line refunds anything: a memo of an adjustment lists lines of no units."""
    return units(item, "qty") > 0 or number(item, "row_total") != ZERO


def _credit_memo_line(item: dict[str, Any]) -> CreditMemoLine:
    row, tax, discount = (
        number(item, key) for key in ("row_total", "tax_amount", "discount_amount")
    )
    return CreditMemoLine(
        order_item_id=identifier(item, "order_item_id"),
        sku=text(item, "sku"),
        quantity=quantity(item, "qty"),
        total=row + tax + number(item, "discount_tax_compensation_amount") - discount,
        tax=tax,
        row=row,
        discount=discount,
        name=name(item, "name"),
    )


def shipment(row: dict[str, Any]) -> MagentoShipment:
    """A shipment with its items and tracks. Source: GET /V1/shipments."""
    items: dict[int, Decimal] = {}
    for item in all_rows(row, "items"):
        item_id = identifier(item, "order_item_id")
        items[item_id] = items.get(item_id, ZERO) + units(item, "qty")
    return MagentoShipment(
        entity_id=identifier(row, "entity_id"),
        order_id=identifier(row, "order_id"),
        created_at=moment(row.get("created_at")),
        items=items,
        tracks=tuple(
            Track(
                entity_id=identifier(track, "entity_id"),
                carrier_code=text(track, "carrier_code"),
                title=text(track, "title"),
                number=name(track, "track_number"),
            )
            for track in all_rows(row, "tracks")
        ),
    )


def shipment_of(row: dict[str, Any]) -> tuple[int, int]:
    """A shipment's id and the id of its order."""
    return identifier(row, "entity_id"), identifier(row, "order_id")


def shipped_from(row: dict[str, Any]) -> tuple[int, str]:
    """A shipment's id and its source code; the code is empty without multi-source inventory.

    PHP writes an empty object as a list.
    """
    extensions = row.get("extension_attributes")
    code = text(extensions, "source_code") if isinstance(extensions, dict) else ""
    return identifier(row, "entity_id"), code
