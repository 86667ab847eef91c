"""One source, one stock: source quantities, reservations, and what is salable."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from decimal import Decimal

from sandbox.magento.errors import Crashed
from sandbox.magento.shop import SOURCE, Doc, amount, number

STOCKED_TYPES = ("simple", "virtual", "downloadable")


@dataclass(frozen=True)
class Level:
    """How much of a SKU there is; reservations are negative for what is sold and not shipped."""

    source: Decimal
    in_stock: bool
    reservations: Decimal

    @property
    def salable(self) -> Decimal:
        return self.source + self.reservations

    @property
    def indexed(self) -> bool:
        """Whether the stock index calls the source salable, whatever is reserved."""
        return self.in_stock and self.source > 0


def level(db: sqlite3.Connection, sku: str) -> Level:
    source = db.execute(
        "SELECT quantity, status FROM source_items WHERE sku = ? AND source_code = ?",
        (sku, SOURCE),
    ).fetchone()
    reserved = db.execute(
        "SELECT coalesce(sum(quantity), 0) FROM reservations WHERE sku = ?", (sku,)
    ).fetchone()[0]
    return Level(
        amount(source["quantity"]) if source else Decimal(0),
        bool(source and source["status"]),
        amount(round(reserved, 4)),
    )


def set_source(
    db: sqlite3.Connection, sku: str, quantity: Decimal, *, in_stock: bool, code: str = SOURCE
) -> None:
    db.execute(
        "INSERT INTO source_items VALUES (?, ?, ?, ?) ON CONFLICT (sku, source_code)"
        " DO UPDATE SET quantity = excluded.quantity, status = excluded.status",
        (sku, code, float(quantity), int(in_stock)),
    )


def reserve(
    db: sqlite3.Connection, sku: str, quantity: Decimal, event: str, increment_id: str | None
) -> None:
    """Write a reservation; a zero one is not written."""
    if quantity:
        db.execute(
            "INSERT INTO reservations (sku, quantity, event, increment_id) VALUES (?, ?, ?, ?)",
            (sku, float(quantity), event, increment_id),
        )


def deduct(db: sqlite3.Connection, sku: str, quantity: Decimal) -> bool:
    """Take from the source (a negative quantity gives back); False when there is too little.

    A source that reaches zero keeps its "in stock" status: only the index calls it not salable.
    """
    before = level(db, sku)
    left = before.source - quantity
    if left < 0:
        return False
    set_source(db, sku, left, in_stock=before.in_stock)
    return True


def stocked_sku(db: sqlite3.Connection, item: Doc) -> str | None:
    """The catalogue's SKU behind an order line; None when no source is behind it.

    A line without product id, or with one the catalogue does not know, moves no stock when it is
    shipped. One without product type is a PHP TypeError.
    """
    if not item.get("product_id"):
        return None
    product = db.execute(
        "SELECT sku FROM products WHERE entity_id = ?", (item["product_id"],)
    ).fetchone()
    if product is None:
        return None
    return str(product["sku"]) if _stocked(item) else None


def reserved_sku(db: sqlite3.Connection, item: Doc) -> str | None:
    """The SKU a cancellation writes to: the catalogue's, or the line's own where that has none."""
    if not _stocked(item):
        return None
    return stocked_sku(db, item) or item.get("sku")


def _stocked(item: Doc) -> bool:
    if item.get("product_type") is None:
        raise Crashed
    return item["product_type"] in STOCKED_TYPES


def is_salable(db: sqlite3.Connection, sku: str) -> bool:
    product = db.execute("SELECT doc FROM products WHERE sku = ?", (sku,)).fetchone()
    if product is None or json.loads(product["doc"])["status"] != 1:
        return False
    now = level(db, sku)
    return now.indexed and now.salable > 0


def stock_item(db: sqlite3.Connection, product_id: int, product: Doc) -> Doc:
    """The legacy stock item: what the default source holds, with every setting at its default."""
    now = level(db, product["sku"])
    return {
        "item_id": product_id,
        "product_id": product_id,
        "stock_id": 1,
        "qty": number(now.source),
        "is_in_stock": now.indexed,
        "is_qty_decimal": False,
        "show_default_notification_message": False,
        "use_config_min_qty": True,
        "min_qty": 0,
        "use_config_min_sale_qty": 1,
        "min_sale_qty": 1,
        "use_config_max_sale_qty": True,
        "max_sale_qty": 10000,
        "use_config_backorders": True,
        "backorders": 0,
        "use_config_notify_stock_qty": True,
        "notify_stock_qty": 1,
        "use_config_qty_increments": True,
        "qty_increments": 0,
        "use_config_enable_qty_inc": True,
        "enable_qty_increments": False,
        "use_config_manage_stock": True,
        "manage_stock": True,
        "low_stock_date": None,
        "is_decimal_divided": False,
        "stock_status_changed_auto": int(product["type_id"] not in STOCKED_TYPES),
    }
