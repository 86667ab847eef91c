"""The items of an order in Amazon's JSON: which goods to deliver, and their facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline.amazon.json_fields import (
    blocks,
    look,
    moment,
    named,
    number,
    text,
    texts,
    whole,
    word,
)
from pipeline.base.errors import CannotMap
from pipeline.orders.channel import Raw
from pipeline.orders.channel_order import Line, Window
from pipeline.orders.outcome import HoldCode


class Item(NamedTuple):
    """An order item with the two fields that it must have, and its JSON."""

    item_id: str
    quantity: int
    raw: Mapping[str, Any]


def items(raw: Raw) -> list[Item]:
    """The items to deliver. Raises CannotMap as `every_item` does."""
    return [item for item in every_item(raw) if item.quantity]


def every_item(raw: Raw) -> list[Item]:
    """The order's items; fully cancelled items have the quantity 0.

    Raises CannotMap(UNREADABLE_ORDER) when the order has no items, or an item lacks a unique id or
    a whole quantity: goods would be left out silently.
    """
    rows = look(raw, "orderItems")
    if not isinstance(rows, list) or not rows:
        raise CannotMap(HoldCode.UNREADABLE_ORDER, "Amazon's order has no orderItems")
    result: list[Item] = []
    for position, row in enumerate(rows, start=1):
        item_id = word(row, "orderItemId")
        if not item_id:
            raise CannotMap(HoldCode.UNREADABLE_ORDER, f"item {position} has no usable orderItemId")
        quantity = whole(row, "quantityOrdered")
        if quantity is None or quantity < 0:
            raise CannotMap(
                HoldCode.UNREADABLE_ORDER,
                f"the quantityOrdered of item {item_id} is not a whole number of zero or more",
            )
        if any(item_id == known.item_id for known in result):
            raise CannotMap(HoldCode.UNREADABLE_ORDER, f"two items have orderItemId {item_id}")
        result.append(Item(item_id, quantity, row))
    return result


def nothing_is_left(raw: Raw) -> bool:
    """Whether every item has the ordered quantity 0."""
    rows = look(raw, "orderItems")
    return (
        isinstance(rows, list)
        and bool(rows)
        and all(whole(row, "quantityOrdered") == 0 for row in rows)
    )


def line(item: Item) -> Line:
    """The facts of an item, without amounts."""
    raw = item.raw
    request = look(raw, "cancellation", "cancellationRequest")
    execution = look(raw, "cancellation", "cancellationExecution")
    packing = look(raw, "fulfillment", "packing")
    shipping = look(raw, "fulfillment", "shipping")
    return Line(
        item_id=item.item_id,
        sku=word(raw, "product", "sellerSku"),
        title=text(raw, "product", "title"),
        quantity=item.quantity,
        asin=text(raw, "product", "asin"),
        quantity_fulfilled=max(0, whole(raw, "fulfillment", "quantityFulfilled") or 0),
        programs=texts(raw, "programs"),
        gift_message=text(packing, "giftOption", "giftMessage"),
        promotion_ids=_each(raw, "promotionId", "promotion", "breakdowns"),
        buyer_wants_to_cancel=text(request, "requester").upper() == "BUYER",
        buyer_cancel_reason=text(request, "cancelReason"),
        cancelled_by=text(execution, "cancelledBy"),
        cancel_reason=text(execution, "cancelReason"),
        gift_wrap=text(packing, "giftOption", "giftWrapLevel"),
        condition=_condition(raw),
        price_designation=text(raw, "product", "price", "priceDesignation"),
        customization_url=text(raw, "product", "customization", "customizedUrl"),
        measurement=_measurement(raw),
        substitution=text(
            raw, "fulfillment", "picking", "substitutionPreference", "substitutionType"
        ),
        serial_number_required=(
            text(packing, "serialNumberRequirement", "requirementType") == "REQUIRED"
        ),
        serial_numbers=texts(raw, "product", "serialNumbers"),
        # Duties of the carrier, such as signatureConfirmation.
        constraints=named(look(shipping, "shippingConstraints"), "MANDATORY"),
        delivery=window(shipping, "scheduledDeliveryWindow"),
        ioss_number=text(shipping, "internationalShipping", "iossNumber"),
        points=whole(raw, "expense", "pointsCost", "pointsGranted", "pointsNumber") or 0,
        tax_collected_by=next(
            (
                text(collection, "responsibleParty") or "Amazon"
                for collection in blocks(raw, "tax", "taxCollections")
                if text(collection, "model") == "MARKETPLACE_FACILITATOR"
            ),
            "",
        ),
        tax_schemes=_each(raw, "reportingScheme", "tax", "taxCalculationBreakdowns"),
        belongs_to=_each(raw, "orderItemId", "associatedOrderItems"),
    )


def window(value: object, *path: str) -> Window:
    """A span of time; an end that Amazon leaves out is open."""
    return Window(moment(value, *path, "earliestDateTime"), moment(value, *path, "latestDateTime"))


def _each(raw: Raw, key: str, *path: str) -> tuple[str, ...]:
    """The texts under `key` in a list of objects."""
    return tuple(filter(None, (text(block, key) for block in blocks(raw, *path))))


def _condition(raw: Raw) -> str:
    """The condition, such as NEW or USED / GOOD: type, subtype and note without repeats."""
    parts = (
        text(raw, "product", "condition", "conditionType"),
        text(raw, "product", "condition", "conditionSubtype"),
        text(raw, "product", "condition", "conditionNote"),
    )
    return " / ".join(dict.fromkeys(filter(None, parts)))


def _measurement(raw: Raw) -> str:
    """The ordered amount of goods sold by weight or volume, such as "2.4 KILOGRAMS"."""
    value, unit = number(raw, "measurement", "value"), text(raw, "measurement", "unit")
    return f"{value:f} {unit}" if value is not None and unit else ""
