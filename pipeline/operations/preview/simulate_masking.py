"""Masks the texts in simulated writes that may name a person.

Only texts under the keys listed here are shown, so that a new key is masked until somebody has
considered it. Numbers and booleans name nobody.
"""

from __future__ import annotations

from typing import Any

MASK = "•••"

_SHOWN = frozenset(
    {
        *("state", "status", "created_at", "increment_id", "ext_order_id", "entity_name", "method"),
        *("order_currency_code", "base_currency_code", "store_currency_code"),
        *("global_currency_code", "discount_description", "shipping_description"),
        *("sku", "name", "product_type", "ext_order_item_id", "item_id", "entity_id"),
        *("address_type", "country_id", "title", "code", "tax_code", "taxable_item_type"),
        *("last_trans_id", "method_title", "amazon_order_id", "marketplace", "fulfilled_by"),
        *("programs", "paid_by", "tax_collected_by_amazon", "ship_by", "type_id"),
        *("marketplaceId", "packageReferenceId", "carrierCode", "carrierName", "shipDate"),
        *("trackingNumber", "orderItemId"),
    }
)


def masked(value: Any, key: str = "") -> Any:
    """A body whose texts are masked, except those that cannot name a person."""
    if isinstance(value, dict):
        return {name: masked(entry, name) for name, entry in value.items()}
    if isinstance(value, list):
        return [masked(entry, key) for entry in value]
    return MASK if isinstance(value, str) and value and key not in _SHOWN else value
