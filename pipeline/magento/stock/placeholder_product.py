"""A placeholder for a product that the catalogue lacks, so that its orders can be placed."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from pipeline.base.errors import CannotMap
from pipeline.magento.order.plain_text import plain
from pipeline.magento.records import StoreView
from pipeline.magento.rest.catalog import folded
from pipeline.orders.outcome import HoldCode

_DISABLED = 2
_NOT_VISIBLE_BY_ITSELF = 1
_LONGEST_NAME = 255
_LONGEST_SKU = 64


def placeholder(sku: str, title: str, store: StoreView, attribute_set: int) -> dict[str, Any]:
    """A disabled product with this SKU, without price and stock, for the store's website.

    Raises CannotMap(PRODUCT_REFUSED) for a SKU that Magento would change.
    """
    sku = sku.strip()
    if len(sku) > _LONGEST_SKU or plain(sku, _LONGEST_SKU) != sku:
        raise CannotMap(
            HoldCode.PRODUCT_REFUSED,
            f"no placeholder product can be made for {sku}: Magento keeps SKUs of at most "
            f"{_LONGEST_SKU} characters, without markup and emoji; map it to a product of the shop",
            {"skus": sku},
        )
    return {
        "sku": sku,
        "name": plain(title, _LONGEST_NAME) or sku,
        "attribute_set_id": attribute_set,
        "price": 0,
        "status": _DISABLED,
        "visibility": _NOT_VISIBLE_BY_ITSELF,
        "type_id": "simple",
        "weight": 0,
        "extension_attributes": {
            "website_ids": [store.website_id],
            "stock_item": {
                "qty": 0,
                "is_in_stock": True,
                "use_config_manage_stock": False,
                "manage_stock": False,
            },
        },
        "custom_attributes": [{"attribute_code": "url_key", "value": url_key(sku)}],
    }


def url_key(sku: str) -> str:
    """The URL key that identifies the placeholder of this SKU.

    Magento would derive a URL key from the name, which may collide although URL keys are unique.
    """
    readable = re.sub(r"[^a-z0-9]+", "-", sku.lower()).strip("-")
    tail = sha256(folded(sku).encode()).hexdigest()[:8]
    return "-".join(part for part in ("placeholder", readable, tail) if part)
