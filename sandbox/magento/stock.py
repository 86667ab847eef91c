"""Sources, stocks, reservations, and what of a SKU is salable."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.magento.errors import Crashed
from sandbox.magento.shop import SOURCE, STOCK_ID, WEBSITE, Doc, amount, number

STOCKED_TYPES = ("simple", "virtual", "downloadable")


@dataclass(frozen=True)
class Level:
    """How much of a SKU a stock has; reservations are negative for what is sold and not shipped."""

    source: Decimal
    """What all enabled sources of the stock hold."""
    on_sale: Decimal
    """What of it lies in sources that say it is in stock, less the least quantity to keep."""
    in_stock: bool
    reservations: Decimal
    always: bool
    """Sold whatever there is: the product's stock is not managed, or it may be backordered."""

    @property
    def salable(self) -> Decimal:
        return self.on_sale + self.reservations

    @property
    def indexed(self) -> bool:
        """Whether the stock index calls it salable, whatever is reserved."""
        return self.always or (self.in_stock and self.on_sale > 0)


def website_stock(db: sqlite3.Connection) -> int:
    """The stock that the website sells from."""
    row = db.execute("SELECT stock_id FROM stocks WHERE website = ?", (WEBSITE,)).fetchone()
    return int(row["stock_id"])


def sources_of(db: sqlite3.Connection, stock_id: int) -> list[str]:
    """The sources linked to a stock, by priority."""
    rows = db.execute(
        "SELECT source_code FROM stock_source_links WHERE stock_id = ? ORDER BY priority, rowid",
        (stock_id,),
    )
    return [row["source_code"] for row in rows]


def source_for(db: sqlite3.Connection, named: Any = None) -> str:
    """The source a shipment takes from: the named one, the stock's only one, else `default`."""
    if named:
        return str(named)
    linked = sources_of(db, website_stock(db))
    return linked[0] if len(linked) == 1 else SOURCE


def is_source(db: sqlite3.Connection, code: str) -> bool:
    return bool(db.execute("SELECT 1 FROM sources WHERE source_code = ?", (code,)).fetchone())


def level(db: sqlite3.Connection, sku: str, stock_id: int | None = None) -> Level:
    """What a stock, or else the website's one, has of a SKU."""
    stock_id = stock_id or website_stock(db)
    items = db.execute(
        "SELECT quantity, status FROM source_items JOIN stock_source_links USING (source_code)"
        " JOIN sources USING (source_code) WHERE sku = ? AND stock_id = ? AND enabled",
        (sku, stock_id),
    ).fetchall()
    reserved = db.execute(
        "SELECT coalesce(sum(quantity), 0) FROM reservations WHERE sku = ? AND stock_id = ?",
        (sku, stock_id),
    ).fetchone()[0]
    settings = _settings(db, sku)
    keep = amount(settings.get("min_qty")) if not settings.get("use_config_min_qty", True) else 0
    in_stock = any(item["status"] for item in items)
    backorders = not settings.get("use_config_backorders", True) and settings.get("backorders")
    return Level(
        sum((amount(item["quantity"]) for item in items), Decimal(0)),
        sum((amount(item["quantity"]) for item in items if item["status"]), Decimal(0)) - keep,
        in_stock,
        amount(round(reserved, 4)),
        not _manages(settings) or bool(backorders and in_stock),
    )


def _settings(db: sqlite3.Connection, sku: str) -> Doc:
    """What a product's stock item was set to, apart from its quantity."""
    row = db.execute("SELECT doc FROM products WHERE sku = ?", (sku,)).fetchone()
    return dict(json.loads(row["doc"]).get("stock") or {}) if row else {}


def _manages(settings: Doc) -> bool:
    return bool(settings.get("use_config_manage_stock", True) or settings.get("manage_stock"))


def set_source(
    db: sqlite3.Connection, sku: str, quantity: Decimal, *, in_stock: bool, code: str = SOURCE
) -> None:
    db.execute(
        "INSERT INTO source_items (sku, source_code, quantity, status)"
        " VALUES (?, ?, ?, ?) ON CONFLICT (sku, source_code)"
        " DO UPDATE SET quantity = excluded.quantity, status = excluded.status",
        (sku, code, float(quantity), int(in_stock)),
    )


def reserve(
    db: sqlite3.Connection, sku: str, quantity: Decimal, event: str, increment_id: str | None
) -> None:
    """Write a reservation, unless it is of nothing or the product's stock is not managed."""
    if quantity and _manages(_settings(db, sku)):
        db.execute(
            "INSERT INTO reservations (stock_id, sku, quantity, event, increment_id)"
            " VALUES (?, ?, ?, ?, ?)",
            (website_stock(db), sku, float(quantity), event, increment_id),
        )


def deduct(db: sqlite3.Connection, sku: str, quantity: Decimal, source: str) -> bool:
    """Take from a source (a negative quantity gives back); False when there is too little.

    A source that reaches zero keeps its "in stock" status: only the index calls it not salable.
    What is not managed is never counted.
    """
    if not _manages(_settings(db, sku)):
        return True
    row = db.execute(
        "SELECT quantity, status FROM source_items WHERE sku = ? AND source_code = ?", (sku, source)
    ).fetchone()
    left = amount(row["quantity"]) - quantity if row else Decimal(-1)
    if left < 0:
        return False
    set_source(db, sku, left, in_stock=bool(row["status"]), code=source)
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


def is_salable(db: sqlite3.Connection, sku: str, stock_id: int | None = None) -> bool:
    product = db.execute("SELECT doc FROM products WHERE sku = ?", (sku,)).fetchone()
    if product is None or json.loads(product["doc"])["status"] != 1:
        return False
    now = level(db, sku, stock_id)
    return now.indexed and (now.always or now.salable > 0)


def stock_item(db: sqlite3.Connection, product_id: int, product: Doc) -> Doc:
    """The legacy stock item: what the default stock holds, and how the product differs."""
    now = level(db, product["sku"], STOCK_ID)
    settings: Doc = product.get("stock", {})
    return {
        "item_id": product_id,
        "product_id": product_id,
        "stock_id": 1,
        "qty": number(now.source),
        "is_in_stock": now.in_stock and now.source > 0,
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
    } | settings
