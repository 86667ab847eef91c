"""The catalogue a new shop starts with."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from sandbox.magento.catalog import find_product, save_product
from sandbox.magento.shop import Doc


class Seed(NamedTuple):
    sku: str
    name: str
    price: float
    qty: int = 0
    type_id: str = "simple"
    status: int = 1
    visibility: int = 4


CATALOGUE = (
    Seed("MUG-BLUE", "Mug, blue", 12.5, 100),
    Seed("MUG-RED", "Mug, red", 12.5, 100),
    Seed("TEE-M", "T-shirt M", 19.9, 50),
    Seed("TEE-L", "T-shirt L", 19.9, 50),
    Seed("POSTER", "Poster", 9.0, 500),
    Seed("LAMP", "Desk lamp", 49.0, 20),
    Seed("CHAIR", "Chair", 129.0, 10),
    Seed("OUT-1", "Sold out", 15.0, 0),
    Seed("OFF-1", "Switched off", 15.0, 25, status=2),
    Seed("CONF-1-S", "Jumper S", 39.0, 30, visibility=1),
    Seed("CONF-1", "Jumper", 39.0, type_id="configurable"),
    Seed("BUNDLE-1", "Gift set", 59.0, type_id="bundle"),
    Seed("FBA-1", "Sold from Amazon's warehouse", 25.0, 40),
    Seed("SLASH/SKU+1", "A SKU that needs encoding", 11.0, 10),
    Seed("COMMA,SKU", "A SKU with a comma", 11.0, 10),
)


def seed(db: sqlite3.Connection, stamp: str) -> None:
    """Fill an empty shop; one that has products is left as it is."""
    if db.execute("SELECT 1 FROM products LIMIT 1").fetchone():
        return
    for product in CATALOGUE:
        stock = {"qty": product.qty, "is_in_stock": product.qty > 0}
        sent: Doc = {
            **{key: value for key, value in product._asdict().items() if key != "qty"},
            "weight": 1,
            "extension_attributes": {"stock_item": stock},
        }
        save_product(db, sent, stamp)
    children = [find_product(db, "CONF-1-S")[0]]
    parts = {"configurable_product_options": [], "configurable_product_links": children}
    save_product(db, {"sku": "CONF-1", "extension_attributes": parts}, stamp)
