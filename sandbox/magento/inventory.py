"""The routes of Multi-Source Inventory: what is salable, and source quantities."""

from __future__ import annotations

import re
import sqlite3
from decimal import Decimal

from flask import Flask, Response, request

from sandbox.magento.catalog import find_product
from sandbox.magento.errors import Crashed, Refused, no_such_entity
from sandbox.magento.search import Column, Table, page_of
from sandbox.magento.shop import SOURCE, STOCK_ID, WEBSITE, Doc, Shop, amount, number
from sandbox.magento.stock import STOCKED_TYPES, is_salable, level, set_source
from sandbox.magento.web import answer, identifier, part, search_criteria

_NOT_ENOUGH = {
    "back_order-disabled": "Backorders are disabled",
    "manage_stock-enabled": "Manage stock is enabled",
    "is_salable_with_reservations-not_enough_qty": "The requested qty is not available",
}
_FIELDS = {"sku": False, "source_code": False, "quantity": True, "status": True}


def _column(name: str) -> Column | None:
    return Column(name, _FIELDS[name]) if name in _FIELDS else None


SOURCE_ITEMS = Table("source_items", "*", "rowid", _column)


def salable_quantity(db: sqlite3.Connection, sku: str) -> Decimal:
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
    now = level(db, sku)
    return now.salable if product["status"] == 1 and now.indexed else Decimal(0)


def _covers(db: sqlite3.Connection, sku: str, qty: str) -> Doc:
    if is_salable(db, sku) and salable_quantity(db, sku) >= amount(qty):
        return {"salable": True, "errors": []}
    # An unknown SKU breaks this check just as it breaks that of the quantity.
    salable_quantity(db, sku)
    errors = [{"code": code, "message": text} for code, text in _NOT_ENOUGH.items()]
    return {"salable": False, "errors": errors}


def register(app: Flask, shop: Shop) -> None:
    """Add the inventory routes."""

    @app.get("/rest/V1/inventory/get-product-salable-quantity/<segment:sku>/<segment:stock_id>")
    def salable(sku: str, stock_id: str) -> Response:
        identifier(stock_id)
        with shop.store.transaction() as db:
            return answer(number(salable_quantity(db, sku)))

    @app.get("/rest/V1/inventory/is-product-salable/<segment:sku>/<segment:stock_id>")
    def product_salable(sku: str, stock_id: str) -> Response:
        identifier(stock_id)
        with shop.store.transaction() as db:
            return answer(is_salable(db, sku))

    @app.get("/rest/V1/inventory/are-products-salable")
    def products_salable() -> Response:
        skus = [value for key, value in request.args.items(multi=True) if key.startswith("skus[")]
        stock_id = identifier(request.args.get("stockId", str(STOCK_ID)))
        with shop.store.transaction() as db:
            return answer(
                [{"sku": sku, "stock_id": stock_id, "salable": is_salable(db, sku)} for sku in skus]
            )

    @app.get(
        "/rest/V1/inventory/is-product-salable-for-requested-qty"
        "/<segment:sku>/<segment:stock_id>/<segment:qty>"
    )
    def salable_for_quantity(sku: str, stock_id: str, qty: str) -> Response:
        identifier(stock_id)
        with shop.store.transaction() as db:
            return answer(_covers(db, sku, qty))

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
                {"sku": one["sku"], "stock_id": stock_id} | _covers(db, one["sku"], one["qty"])
                for one in asked.values()
            ]
        return answer(answers)

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
                if item.get("source_code") != SOURCE or not item.get("sku"):
                    raise Refused(400, "Validation Failed")
                set_source(
                    db,
                    item["sku"],
                    amount(item.get("quantity")),
                    in_stock=bool(item.get("status")),
                )
        return answer([])

    @app.get(
        "/rest/V1/inventory/get-sources-assigned-to-stock-ordered-by-priority/<segment:stock_id>"
    )
    def assigned_sources(stock_id: str) -> Response:
        known = identifier(stock_id) == STOCK_ID
        return answer(
            [{"source_code": SOURCE, "name": "Default", "enabled": True}] if known else []
        )

    @app.get("/rest/V1/inventory/stock-resolver/website/<segment:code>")
    def stock_resolver(code: str) -> Response:
        if code != WEBSITE:
            raise no_such_entity()
        channels = [{"type": "website", "code": WEBSITE}]
        return answer(
            {
                "stock_id": STOCK_ID,
                "name": "Default Stock",
                "extension_attributes": {"sales_channels": channels},
            }
        )
