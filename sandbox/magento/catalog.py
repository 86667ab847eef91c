"""Products: finding, reading, and the save that updates without a word."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any

from flask import Flask, Response

from sandbox.core import next_number
from sandbox.magento.errors import Refused
from sandbox.magento.search import Column, Table, page_of
from sandbox.magento.shop import STOCK_ID, Doc, Shop, amount, dump
from sandbox.magento.stock import STOCKED_TYPES, level, set_source, stock_item
from sandbox.magento.web import answer, identifier, part, search_criteria

_TEXTS = ("sku", "name", "type_id", "created_at", "updated_at")
_NUMBERS = ("price", "status", "visibility", "weight", "attribute_set_id")
_CUSTOM = {
    "options_container": "container2",
    "msrp_display_actual_price_type": "0",
    "required_options": "0",
    "has_options": "0",
    "tax_class_id": "2",
    "category_ids": [],
}
_PARTS = (
    "configurable_product_options",
    "configurable_product_links",
    "bundle_product_options",
)
_STOCK_SETTINGS = (
    "use_config_manage_stock", "manage_stock", "use_config_backorders", "backorders",
    "use_config_min_qty", "min_qty", "is_qty_decimal",
)  # fmt: skip
_UNSEEN = ("custom", "parts", "stock", "websites")
_LONGEST_SKU = 64
_ATTRIBUTES = (*_CUSTOM, "url_key", "asin", "ean", "description", "short_description")


def _column(name: str) -> Column | None:
    if name in ("entity_id", "id"):
        return Column("entity_id", numeric=True)
    if name == "sku":
        return Column("sku")
    if name in _TEXTS or name in _NUMBERS:
        return Column(f"json_extract(doc, '$.{name}')", name in _NUMBERS)
    if name in _ATTRIBUTES:
        return Column(f"json_extract(doc, '$.custom.{name}')")
    return None


PRODUCTS = Table("products", "entity_id, doc", "entity_id", _column)


def find_product(db: sqlite3.Connection, sku: str) -> tuple[int, Doc]:
    """Entity id and document; case and a trailing space make no difference. 404 when missing."""
    row = db.execute(
        "SELECT entity_id, doc FROM products WHERE sku = ?", (sku.rstrip(" "),)
    ).fetchone()
    if row is None:
        raise Refused(
            404, "The product that was requested doesn't exist. Verify the product and try again."
        )
    return int(row["entity_id"]), json.loads(row["doc"])


def save_product(db: sqlite3.Connection, sent: Doc, stamp: str) -> Doc:
    """Create a product, or update the one that has this SKU: there is no conflict error."""
    sku = str(sent.get("sku") or "").strip()
    if not sku:
        raise Refused(400, 'The "SKU" attribute value is empty. Set the attribute and try again.')
    try:
        entity_id, product = find_product(db, sku)
    except Refused:
        entity_id, product = 0, {}
    if len(sku) > _LONGEST_SKU:
        raise Refused(400, "SKU length should be %1 characters maximum.", [str(_LONGEST_SKU)])
    if not entity_id and not sent.get("name"):
        raise Refused(
            400, 'The "Product Name" attribute value is empty. Set the attribute and try again.'
        )
    extension = sent.get("extension_attributes") or {}
    keys = ("name", "attribute_set_id", "price", "status", "visibility", "type_id", "weight")
    given = {key: sent[key] for key in keys if sent.get(key) is not None}
    custom = {
        entry["attribute_code"]: entry.get("value") for entry in sent.get("custom_attributes") or []
    }
    parts = {key: extension[key] for key in _PARTS if key in extension}
    stock = extension.get("stock_item") or {}
    if entity_id:
        product |= given | {"updated_at": stamp}
        product["parts"] |= parts
        product["custom"] |= custom
        product["stock"] = product["stock"] | _stock_settings(stock)
        product["websites"] = extension.get("website_ids") or product["websites"]
        db.execute("UPDATE products SET doc = ? WHERE entity_id = ?", (dump(product), entity_id))
    else:
        url_key = custom.get("url_key") or _url_key(str(sent["name"]))
        product = {
            "sku": sku,
            "name": sent["name"],
            "attribute_set_id": 4,
            "price": 0,
            "status": 1,
            "visibility": 4,
            "type_id": "simple",
            "created_at": stamp,
            "updated_at": stamp,
            "custom": _CUSTOM | custom | {"url_key": url_key},
            "parts": parts,
            "stock": _stock_settings(stock),
            "websites": extension.get("website_ids") or [1],
        } | given
        entity_id = next_number(db, "product")
        db.execute("INSERT INTO products VALUES (?, ?, ?)", (entity_id, sku, dump(product)))
    if product["type_id"] in STOCKED_TYPES:
        _save_stock(db, product["sku"], stock)
    return _shown(db, entity_id, product)


def _url_key(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _check_address(db: sqlite3.Connection, sent: Doc) -> None:
    """Two products cannot have one address in the shop, which comes from the name if not given."""
    given = {e["attribute_code"]: e.get("value") for e in sent.get("custom_attributes") or []}
    url_key = given.get("url_key") or (_url_key(sent["name"]) if sent.get("name") else None)
    known = db.execute(
        "SELECT sku FROM products WHERE json_extract(doc, '$.custom.url_key') = ?", (url_key,)
    ).fetchone()
    if known and known["sku"].lower() != str(sent.get("sku")).strip().lower():
        raise Refused(400, "URL key for specified store already exists.")


def _stock_settings(sent: Doc) -> Doc:
    return {key: sent[key] for key in _STOCK_SETTINGS if key in sent}


def _save_stock(db: sqlite3.Connection, sku: str, sent: Doc) -> None:
    known = level(db, sku, STOCK_ID)
    quantity = amount(sent["qty"]) if "qty" in sent else known.source
    in_stock = bool(sent.get("is_in_stock", known.in_stock))
    set_source(db, sku, quantity, in_stock=in_stock)


def _shown(db: sqlite3.Connection, entity_id: int, product: Doc, *, links: bool = False) -> Doc:
    extension: Doc = {
        "website_ids": product["websites"],
        "stock_item": stock_item(db, entity_id, product),
    }
    extension |= product["parts"]
    shown: Doc = {"id": entity_id}
    shown |= {key: value for key, value in product.items() if key not in _UNSEEN}
    shown["extension_attributes"] = extension
    if links:
        shown["product_links"] = []
    shown["options"] = []
    shown["media_gallery_entries"] = []
    if links:
        shown["tier_prices"] = []
    shown["custom_attributes"] = [
        {"attribute_code": code, "value": value} for code, value in product["custom"].items()
    ]
    return shown


def register(app: Flask, shop: Shop) -> None:
    """Add the product routes and those of the legacy stock item."""

    @app.get("/rest/V1/products")
    def products() -> Response:
        criteria = search_criteria()
        with shop.store.transaction() as db:
            rows, total = PRODUCTS.find(db, criteria)
            shown: list[Any] = [
                _shown(db, row["entity_id"], json.loads(row["doc"]), links=True) for row in rows
            ]
        return answer(page_of(shown, total, criteria))

    @app.get("/rest/V1/products/<segment:sku>")
    def product(sku: str) -> Response:
        with shop.store.transaction() as db:
            return answer(_shown(db, *find_product(db, sku), links=True))

    @app.post("/rest/V1/products")
    def create_product() -> Response:
        sent = part("product")
        with shop.store.transaction() as db:
            _check_address(db, sent)
            saved = save_product(db, sent, shop.stamp())
        return answer(saved)

    @app.get("/rest/V1/products/attribute-sets/sets/list")
    def attribute_sets() -> Response:
        default = {"attribute_set_id": 4, "attribute_set_name": "Default", "sort_order": 1}
        return answer(page_of([default | {"entity_type_id": 4}], 1, search_criteria()))

    @app.get("/rest/V1/stockItems/<segment:sku>")
    def stock_items(sku: str) -> Response:
        with shop.store.transaction() as db:
            return answer(stock_item(db, *_stocked(db, sku)))

    @app.put("/rest/V1/products/<segment:sku>/stockItems/<segment:item_id>")
    def update_stock_item(sku: str, item_id: str) -> Response:
        sent = part("stockItem")
        with shop.store.transaction() as db:
            _, known = _stocked(db, sku)
            save_product(db, _stock_only(known["sku"], sent), shop.stamp())
        return answer(identifier(item_id))


def _stock_only(sku: str, sent: Doc) -> Doc:
    return {"sku": sku, "extension_attributes": {"stock_item": sent}}


def _stocked(db: sqlite3.Connection, sku: str) -> tuple[int, Doc]:
    try:
        return find_product(db, sku)
    except Refused:
        raise Refused(404, 'The Product with the "%1" SKU doesn\'t exist.', [sku]) from None
