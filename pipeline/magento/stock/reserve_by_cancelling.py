"""Stock reservations by way of a cancellation, since no REST route makes one. Pure: no call.

Cancelling an order writes for each line a reservation of ordered - max(shipped, invoiced) -
cancelled, without a floor at zero. A line that is created as shipped twice over thus *takes* what
was ordered, under its own order's number. So an order is created with such marks, cancelled, and
saved again as it is to be; each of these phases can be told from the order itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pipeline.base.money import ZERO
from pipeline.magento.order.save_again import Quantities
from pipeline.magento.records import ENDED, MagentoItem, MagentoOrder


class Phase(StrEnum):
    """How far the reservation of an order is."""

    MARKED = "marked"
    """Its lines carry the marks, nothing is reserved: cancel it."""
    HIDDEN = "hidden"
    """Reserved, and shown as cancelled with its marks: save it as it is to be."""
    THROUGH = "through"
    """No marks: reserved, or never meant to be."""
    CANCELLED = "cancelled"
    """Ended for good, by whomever."""
    UNCLEAR = "unclear"
    """Somebody held, invoiced or closed it with its marks on."""


def marked(entity: Mapping[str, Any]) -> dict[str, Any]:
    """What `order_body.build` made, with the marks that let a cancellation reserve its goods.

    Only lines with a product are marked: of any other Magento would never take the reservation
    back. Those come out of it at nothing, and an order without goods to reserve is as before.
    """
    items = [dict(item) for item in entity["items"]]
    for item in items:
        ordered = item["qty_ordered"]
        to_reserve = ordered - item.get("qty_shipped", 0) if "product_id" in item else 0
        item["qty_shipped"] = ordered + to_reserve
    if all(item["qty_shipped"] == item["qty_ordered"] for item in items):
        return dict(entity)
    return {**entity, "items": items}


def phase(order: MagentoOrder, marks: Mapping[int, Decimal] | None = None) -> Phase:
    """Which phase an order is in that was just read.

    `marks` are the shipped quantities by item id that mean "marked"; without them a line that was
    shipped beyond what was ordered does, which Magento itself never lets happen.
    """
    if marks is None:
        has_marks = any(item.quantity_shipped > item.quantity_ordered for item in order.items)
    else:
        has_marks = all(marks.get(one.item_id) == one.quantity_shipped for one in order.items)
    if not has_marks:
        return Phase.CANCELLED if order.state in ENDED else Phase.THROUGH
    if any(item.quantity_invoiced for item in order.items):
        return Phase.UNCLEAR
    if order.state in ("new", "processing"):
        return Phase.MARKED
    return Phase.HIDDEN if order.state == "canceled" else Phase.UNCLEAR


def mark(item: MagentoItem, change: Decimal) -> Decimal:
    """The shipped quantity with which a cancellation changes the line's reservation by `change`.

    Below zero takes stock, above gives it back. Nothing of the order may have been invoiced, and
    some line must have units that are not cancelled.
    """
    return item.quantity_ordered - item.quantity_canceled - change


def unmarked(
    order: MagentoOrder, shipped: Mapping[str, int] | None = None
) -> dict[int, Quantities]:
    """The lines of a marked order as they are to be, for `order_update.rewritten`.

    What had been shipped when a line was marked can be read from its mark; where there is none,
    `shipped` says it, by the marketplace's item id.
    """
    return {item.item_id: Quantities(_shipped(item, shipped or {})) for item in order.items}


def _shipped(item: MagentoItem, shipped: Mapping[str, int]) -> Decimal:
    if item.product_id:
        return 2 * item.quantity_ordered - item.quantity_shipped
    return Decimal(shipped.get(item.ext_order_item_id, 0)) if item.ext_order_item_id else ZERO
