"""The body that saves an order again. Pure: no call, no clock.

Magento writes only the columns that it receives, but derives the order's state from them alone: an
omitted amount counts as zero, and a line without its quantity as nothing to ship. So totals, whole
lines and the payment are sent each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pipeline.base.money import ZERO
from pipeline.magento.records import MagentoItem, MagentoOrder

_CANCELLED_AMOUNTS = tuple(
    f"{base}{name}_canceled"
    for base in ("", "base_")
    for name in ("subtotal", "tax", "shipping", "discount", "total")
)


@dataclass(frozen=True, slots=True)
class Quantities:
    """The shipped and cancelled quantities to save in a line's columns."""

    shipped: Decimal
    cancelled: Decimal = ZERO


def rewritten(
    order: MagentoOrder,
    *,
    state: str,
    status: str,
    lines: Mapping[int, Quantities] | None = None,
    totals: Mapping[str, Decimal] | None = None,
) -> dict[str, Any]:
    """The entity that gives an order this state and status, and its lines these quantities.

    `order` must come from `Orders.get` or from its creation: its payment is sent again, because
    Magento wipes the facts of a payment that is sent without them. `lines` is by item id and then
    covers every line; only the units in it count as cancelled. `totals` replace the order's totals,
    under their Magento names and with their `base_` twins. Addresses cannot be changed this way,
    and a repeat would duplicate a comment. Source: PUT /V1/orders/create with entity_id.
    """
    body: dict[str, Any] = {
        "entity_id": order.entity_id,
        "state": state,
        "status": status,
        "grand_total": order.grand_total,
        "base_grand_total": order.base_grand_total,
        "total_due": order.grand_total - order.total_paid,
        "base_total_due": order.base_grand_total - order.base_total_paid,
        **(totals or {}),
        "payment": dict(order.payment),
    }
    if order.total_paid:
        body |= {"total_paid": order.total_paid, "base_total_paid": order.base_total_paid}
    if lines is not None:
        body |= dict.fromkeys(_CANCELLED_AMOUNTS, ZERO)
        body["items"] = [_line(item, lines[item.item_id]) for item in order.items]
    return body


def _line(item: MagentoItem, quantities: Quantities) -> dict[str, Any]:
    return {
        "item_id": item.item_id,
        "sku": item.sku,
        "product_type": item.product_type,
        "qty_ordered": item.quantity_ordered,
        "qty_shipped": quantities.shipped,
        "qty_canceled": quantities.cancelled,
        "tax_canceled": ZERO,
        "discount_tax_compensation_canceled": ZERO,
    }
