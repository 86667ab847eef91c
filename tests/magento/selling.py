"""Orders that others put into the stand-in: plain bodies, as any system would send them."""

from __future__ import annotations

from typing import Any

from tests.magento.standing_in import StandIn


def sold(
    shop: StandIn, sku: str, quantity: int, *, is_reserved: bool = True, **changes: Any
) -> int:
    """An open order of one line, by default with its reservation; its entity id."""
    product = shop.rest("GET", f"/products/{sku}")
    line = {
        "sku": product["sku"],
        "product_id": product["id"],
        "product_type": "simple",
        "qty_ordered": quantity,
        "price": 10,
        "base_price": 10,
        "row_total": 10 * quantity,
        "base_row_total": 10 * quantity,
    }
    total = 10 * quantity
    entity = {
        "store_id": 1,
        "state": "new",
        "status": "pending",
        "subtotal": total,
        "base_subtotal": total,
        "grand_total": total,
        "base_grand_total": total,
        "customer_email": "shopper@elsewhere.example",
        "items": [line | ({"qty_shipped": 2 * quantity} if is_reserved else {})],
        "payment": {"method": "checkmo"},
        **changes,
    }
    made = shop.rest("PUT", "/orders/create", {"entity": entity})
    if is_reserved:
        assert shop.rest("POST", f"/orders/{made['entity_id']}/cancel") is True
        item = {key: made["items"][0][key] for key in ("item_id", "sku", "product_type")}
        again = {
            "entity_id": made["entity_id"],
            "state": "processing",
            "status": "processing",
            "grand_total": total,
            "base_grand_total": total,
            "items": [item | {"qty_ordered": quantity, "qty_shipped": 0, "qty_canceled": 0}],
            "payment": {"entity_id": made["payment"]["entity_id"], "method": "checkmo"},
        }
        shop.rest("PUT", "/orders/create", {"entity": again})
    return int(made["entity_id"])
