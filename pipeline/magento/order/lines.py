"""Convert a row of an order's charges to Magento's order item."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pipeline.base.money import ZERO, four_digits
from pipeline.magento.order.charges import OrderLine


def item(line: OrderLine, base: OrderLine, *, store_id: int, shipped: int) -> dict[str, Any]:
    """A row as Magento's order item; `base` is the same row in the base currency.

    `shipped` units of its quantity count as shipped already.
    """
    fields: dict[str, Any] = {
        "store_id": store_id,
        "product_type": "simple" if line.is_goods else "virtual",
        "is_virtual": 0 if line.is_goods else 1,
        "is_qty_decimal": 0,
        "sku": line.sku,
        "name": line.name,
        "qty_ordered": line.quantity,
        "tax_percent": line.tax_percent,
        "weight": line.product.weight if line.product else ZERO,
        "row_weight": line.weight,
        **twins(_amounts(line), _amounts(base)),
    }
    if line.is_goods:
        fields["ext_order_item_id"] = line.item_id
    if line.product is not None:
        fields["product_id"] = line.product.id
    if shipped:
        fields["qty_shipped"] = shipped
    return fields


def _amounts(line: OrderLine) -> dict[str, Decimal]:
    gross = line.row_total + line.tax
    each, gross_each = _each(line.row_total, line.quantity), _each(gross, line.quantity)
    return {
        "price": each,
        "original_price": each,
        "price_incl_tax": gross_each,
        "row_total": line.row_total,
        "row_total_incl_tax": gross,
        "tax_amount": line.tax,
        "discount_amount": line.discount,
        "discount_tax_compensation_amount": ZERO,
    }


def twins(amounts: Mapping[str, Decimal], base: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Amounts under their names, and those in the base currency under `base_` and the name."""
    return {**amounts, **{f"base_{name}": amount for name, amount in base.items()}}


def _each(total: Decimal, quantity: int) -> Decimal:
    return four_digits(total / quantity)
