"""What the columns of an order keep of what was sent: lengths, decimals, three-byte letters."""

from __future__ import annotations

import re
from typing import Any

from sandbox.magento.shop import Doc

ITEM_ZEROES = (
    "amount_refunded", "base_amount_refunded", "base_cost", "base_discount_amount",
    "base_discount_invoiced", "base_price", "base_row_invoiced", "base_row_total",
    "base_tax_amount", "base_tax_invoiced", "discount_amount", "discount_invoiced",
    "discount_percent", "free_shipping", "no_discount", "price", "qty_backordered",
    "qty_canceled", "qty_invoiced", "qty_ordered", "qty_refunded", "qty_shipped",
    "row_invoiced", "row_total", "row_weight", "tax_amount", "tax_invoiced", "tax_percent",
    "weight",
)  # fmt: skip
"""Columns of an order line that hold zero when nothing was sent."""

CUTS = {
    "increment_id": 50, "ext_order_id": 32, "ext_customer_id": 32, "state": 32, "status": 32,
    "customer_email": 128, "customer_firstname": 128, "customer_lastname": 128,
    "customer_middlename": 128, "customer_prefix": 32, "customer_suffix": 32,
    "shipping_description": 255, "remote_ip": 45, "sku": 255, "name": 255,
    "ext_order_item_id": 255, "last_trans_id": 255, "method": 128, "firstname": 255,
    "lastname": 255, "street": 255, "city": 255, "telephone": 255, "company": 255,
}  # fmt: skip
"""How many characters of a text the column keeps; the rest is dropped without a word."""

_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")


def as_kept(row: Doc) -> Doc:
    """A row as the database keeps it: texts cut, emoji as ????, four decimals."""
    return {name: _kept(name, value) for name, value in row.items()}


def _kept(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return _BEYOND_BMP.sub("????", value)[: CUTS.get(name, 65_535)]
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, list):
        return [_kept(name, inner) for inner in value]
    if isinstance(value, dict):
        return {inner_name: _kept("", inner) for inner_name, inner in value.items()}
    return value
