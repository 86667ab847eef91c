"""Reserve stock by a cancellation, since no REST route makes reservations. Pure: no call.

When Magento cancels an order it writes a reservation for each line: ordered - max(shipped,
invoiced) - cancelled, without a floor at zero. So a line that is created with twice its quantity as
shipped *takes* the ordered quantity, under the number of its order. The order is created with such
marks, cancelled, and saved again without them; the order itself shows which phase it is in.
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
    """The phase of an order's reservation."""

    MARKED = "marked"
    """Its lines have the marks and nothing is reserved: cancel it next."""
    HIDDEN = "hidden"
    """Reserved, and shown as cancelled with its marks: save it without them next."""
    THROUGH = "through"
    """No marks: it is reserved, or needs no reservation."""
    CANCELLED = "cancelled"
    """Cancelled for good, by anyone."""
    UNCLEAR = "unclear"
    """A person held, invoiced or closed it while it had its marks."""


def marked(entity: Mapping[str, Any]) -> dict[str, Any]:
    """The entity of `order.body.build` with the marks that make a cancellation reserve its goods.

    Only lines with a product are marked, because Magento never takes back other reservations. The
    cancellation reserves nothing for other lines, and an order without goods to reserve is
    unchanged.
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
    """The phase of an order that was just read.

    `marks` are the shipped quantities by item id that mean "marked". Without them the order is
    marked if a line has more units shipped than ordered, which Magento itself never allows.
    """
    if marks is None:
        has_marks = any(item.quantity_shipped > item.quantity_ordered for item in order.items)
    else:
        has_marks = all(marks.get(item.item_id) == item.quantity_shipped for item in order.items)
    if not has_marks:
        return Phase.CANCELLED if order.state in ENDED else Phase.THROUGH
    if any(item.quantity_invoiced for item in order.items):
        return Phase.UNCLEAR
    if order.state in ("new", "processing"):
        return Phase.MARKED
    return Phase.HIDDEN if order.state == "canceled" else Phase.UNCLEAR


def mark(item: MagentoItem, change: Decimal) -> Decimal:
    """The shipped quantity with which a cancellation changes the line's reservation by `change`.

    A negative change takes stock, a positive change returns it. The order must have no invoice, and
    at least one line must have units that are not cancelled.
    """
    return item.quantity_ordered - item.quantity_canceled - change


def unmarked(
    order: MagentoOrder, shipped: Mapping[str, int] | None = None
) -> dict[int, Quantities]:
    """The lines of a marked order without marks, for `order.save_again.rewritten`.

    The mark of a line with a product shows what had been shipped before. For lines without a mark
    `shipped` has that number, by the marketplace's item id.
    """
    return {item.item_id: Quantities(_shipped(item, shipped or {})) for item in order.items}


def _shipped(item: MagentoItem, shipped: Mapping[str, int]) -> Decimal:
    if item.product_id:
        return 2 * item.quantity_ordered - item.quantity_shipped
    return Decimal(shipped.get(item.ext_order_item_id, 0)) if item.ext_order_item_id else ZERO
