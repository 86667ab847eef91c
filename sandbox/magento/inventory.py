"""The routes of Multi-Source Inventory: what is salable, and source quantities."""

from __future__ import annotations

import re
import sqlite3
from decimal import Decimal

from flask import Flask, Response, request

from sandbox.magento.catalog import PRODUCTS, find_product
from sandbox.magento.errors import Crashed, Refused, no_such_entity
from sandbox.magento.search import Column, Table, page_of
from sandbox.magento.shop import STOCK_ID, WEBSITE, Doc, Shop, amount, load, number
from sandbox.magento.stock import (
    STOCKED_TYPES,
    is_salable,
    is_source,
    level,
    set_source,
    website_stock,
)
from sandbox.magento.web import answer, identifier, part, search_criteria

_NOT_ENOUGH = {
    "back_order-disabled": "Backorders are disabled",
    "manage_stock-enabled": "Manage stock is enabled",
    "is_salable_with_reservations-not_enough_qty": "The requested qty is not available",
}
# The column of the key can be asked for, and no answer shows it.
_FIELDS = {
    "source_item_id": True,
    "sku": False,
    "source_code": False,
    "quantity": True,
    "status": True,
}


def _column(name: str) -> Column | None:
    return Column(name, _FIELDS[name]) if name in _FIELDS else None


SOURCE_ITEMS = Table(
    "source_items", "sku, source_code, quantity, status", "source_item_id", _column
)


def salable_quantity(db: sqlite3.Connection, sku: str, stock_id: int) -> Decimal:
    """What the salable quantity route answers: 0 when disabled or out of stock.

    An unknown SKU is a PHP TypeError, a configurable or a bundle a 400.
    """
    try:
        _, product = find_product(db, sku)
    except Refused:
        raise Crashed from None
    if product["type_id"] not in STOCKED_TYPES:
        raise Refused(
            400,
            "Can't check requested quantity for products without Source Items support.",
        )
    now = level(db, sku, stock_id)
    return now.salable if product["status"] == 1 and now.indexed else Decimal(0)


def _covers(db: sqlite3.Connection, sku: str, qty: str, stock_id: int) -> Doc:
    # An unknown SKU breaks this check just as it breaks that of the quantity.
    left = salable_quantity(db, sku, stock_id)
    if is_salable(db, sku, stock_id) and (left >= amount(qty) or level(db, sku, stock_id).always):
        return {"salable": True, "errors": []}
    errors = [{"code": code, "message": text} for code, text in _NOT_ENOUGH.items()]
    return {"salable": False, "errors": errors}


def _exported(db: sqlite3.Connection, sku: str) -> Doc:
    stock_id = website_stock(db)
    quantity = salable_quantity(db, sku, stock_id)
    return {"sku": sku, "qty": number(quantity), "is_salable": is_salable(db, sku, stock_id)}


def register(app: Flask, shop: Shop) -> None:
    """Add the inventory routes."""

    @app.get("/rest/V1/inventory/get-product-salable-quantity/<segment:sku>/<segment:stock_id>")
    def salable(sku: str, stock_id: str) -> Response:
        stock = identifier(stock_id)
        with shop.store.transaction() as db:
            return answer(number(salable_quantity(db, sku, stock)))

    @app.get("/rest/V1/inventory/is-product-salable/<segment:sku>/<segment:stock_id>")
    def product_salable(sku: str, stock_id: str) -> Response:
        stock = identifier(stock_id)
        with shop.store.transaction() as db:
            return answer(is_salable(db, sku, stock))

    @app.get("/rest/V1/inventory/are-products-salable")
    def products_salable() -> Response:
        skus = [value for key, value in request.args.items(multi=True) if key.startswith("skus[")]
        stock_id = identifier(request.args.get("stockId", str(STOCK_ID)))
        with shop.store.transaction() as db:
            return answer(
                [
                    {"sku": sku, "stock_id": stock_id, "salable": is_salable(db, sku, stock_id)}
                    for sku in skus
                ]
            )

    @app.get(
        "/rest/V1/inventory/is-product-salable-for-requested-qty"
        "/<segment:sku>/<segment:stock_id>/<segment:qty>"
    )
    def salable_for_quantity(sku: str, stock_id: str, qty: str) -> Response:
        stock = identifier(stock_id)
        with shop.store.transaction() as db:
            return answer(_covers(db, sku, qty, stock))

    @app.get("/rest/V1/inventory/are-product-salable-for-requested-qty")
    def salable_for_quantities() -> Response:
        stock_id = identifier(request.args.get("stockId", str(STOCK_ID)))
        asked: dict[str, dict[str, str]] = {}
        for key, value in request.args.items():
            named = re.fullmatch(r"skuRequests\[(\w+)\]\[(sku|qty)\]", key)
            if named:
                asked.setdefault(named[1], {})[named[2]] = value
        with shop.store.transaction() as db:
            answers = [
                {"sku": entry["sku"], "stock_id": stock_id}
                | _covers(db, entry["sku"], entry["qty"], stock_id)
                for entry in asked.values()
            ]
        return answer(answers)

    @app.get("/rest/V1/inventory/export-stock-salable-qty/website/<segment:code>")
    def export_salable(code: str) -> Response:
        criteria = search_criteria()
        with shop.store.transaction() as db:
            rows, total = PRODUCTS.find(db, criteria)
            products = [load(row) for row in rows]
            shown = [
                _exported(db, product["sku"])
                for product in products
                if product["type_id"] in STOCKED_TYPES
            ]
        if code != WEBSITE:
            raise no_such_entity()
        return answer(page_of(shown, total, criteria))

    @app.get("/rest/V1/inventory/source-items")
    def source_items() -> Response:
        criteria = search_criteria()
        with shop.store.transaction() as db:
            rows, total = SOURCE_ITEMS.find(db, criteria)
        return answer(page_of([dict(row) for row in rows], total, criteria))

    @app.post("/rest/V1/inventory/source-items")
    def set_source_items() -> Response:
        sent = part("sourceItems")
        with shop.store.transaction() as db:
            for item in sent:
                if not is_source(db, str(item.get("source_code"))) or not item.get("sku"):
                    raise Refused(400, "Validation Failed")
                set_source(
                    db,
                    item["sku"],
                    amount(item.get("quantity")),
                    in_stock=bool(item.get("status")),
                    code=item["source_code"],
                )
        return answer([])
