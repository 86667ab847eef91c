"""The routes that say where goods lie: sources, stocks, and which source belongs to which stock."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask import Flask, Response

from sandbox.core import next_number
from sandbox.magento.errors import Refused, no_such_entity
from sandbox.magento.search import Column, Table, page_of
from sandbox.magento.shop import WEBSITE, Doc, Shop, dump
from sandbox.magento.stock import is_source
from sandbox.magento.web import answer, identifier, part, search_criteria

_NUMERIC = ("stock_id", "priority", "enabled")


def _table(name: str, key: str, *fields: str) -> Table:
    def column(field: str) -> Column | None:
        return Column(field, field in _NUMERIC) if field in fields else None

    return Table(name, "*", key, column)


SOURCES = _table("sources", "source_code", "source_code", "enabled")
STOCKS = _table("stocks", "stock_id", "stock_id", "name")
LINKS = _table("stock_source_links", "rowid", "stock_id", "source_code", "priority")


def _source(row: sqlite3.Row) -> Doc:
    shown: Doc = json.loads(row["doc"])
    return shown | {"source_code": row["source_code"], "enabled": bool(row["enabled"])}


def _stock(row: sqlite3.Row) -> Doc:
    sells = [{"type": "website", "code": row["website"]}] if row["website"] else []
    return {
        "stock_id": row["stock_id"],
        "name": row["name"],
        "extension_attributes": {"sales_channels": sells},
    }


def _link(db: sqlite3.Connection, sent: Doc) -> None:
    stock = db.execute("SELECT 1 FROM stocks WHERE stock_id = ?", (sent.get("stock_id"),))
    if stock.fetchone() is None or not is_source(db, str(sent.get("source_code"))):
        raise Refused(400, "Validation Failed")
    db.execute(
        "INSERT INTO stock_source_links VALUES (?, ?, ?) ON CONFLICT (stock_id, source_code)"
        " DO UPDATE SET priority = excluded.priority",
        (sent["stock_id"], sent["source_code"], sent.get("priority", 0)),
    )


def register(app: Flask, shop: Shop) -> None:
    """Add the routes of sources and stocks."""

    def found(table: Table, shown: Any) -> Response:
        criteria = search_criteria()
        with shop.store.transaction() as db:
            rows, total = table.find(db, criteria)
        return answer(page_of([shown(row) for row in rows], total, criteria))

    @app.get("/rest/V1/inventory/sources")
    def sources() -> Response:
        return found(SOURCES, _source)

    @app.get("/rest/V1/inventory/stocks")
    def stocks() -> Response:
        return found(STOCKS, _stock)

    @app.get("/rest/V1/inventory/stock-source-links")
    def stock_source_links() -> Response:
        return found(LINKS, dict)

    @app.post("/rest/V1/inventory/sources")
    def create_source() -> Response:
        sent = dict(part("source"))
        code, enabled = sent.pop("source_code", None), sent.pop("enabled", True)
        if not all((code, sent.get("name"), sent.get("country_id"), sent.get("postcode"))):
            raise Refused(400, "Validation Failed")
        with shop.store.transaction() as db:
            if is_source(db, code):
                raise Refused(400, "Could not save Source")
            db.execute("INSERT INTO sources VALUES (?, ?, ?)", (code, bool(enabled), dump(sent)))
        return answer([])

    @app.post("/rest/V1/inventory/stocks")
    def create_stock() -> Response:
        """A website sells from one stock: one that is given to a new stock leaves its old one."""
        sent = part("stock")
        sells = (sent.get("extension_attributes") or {}).get("sales_channels") or []
        website = WEBSITE if any(channel.get("code") == WEBSITE for channel in sells) else None
        with shop.store.transaction() as db:
            if website:
                db.execute("UPDATE stocks SET website = NULL")
            stock_id = next_number(db, "stock", 2)
            db.execute("INSERT INTO stocks VALUES (?, ?, ?)", (stock_id, sent["name"], website))
        return answer(stock_id)

    @app.post("/rest/V1/inventory/stock-source-links")
    def link_sources() -> Response:
        links = part("links")
        with shop.store.transaction() as db:
            for link in links:
                _link(db, link)
        return answer([])

    @app.get(
        "/rest/V1/inventory/get-sources-assigned-to-stock-ordered-by-priority/<segment:stock_id>"
    )
    def sources_of_stock(stock_id: str) -> Response:
        with shop.store.transaction() as db:
            rows = db.execute(
                "SELECT sources.* FROM sources JOIN stock_source_links USING (source_code)"
                " WHERE stock_id = ? ORDER BY priority",
                (identifier(stock_id),),
            ).fetchall()
        return answer([_source(row) for row in rows])

    @app.get("/rest/V1/inventory/stock-resolver/website/<segment:code>")
    def stock_resolver(code: str) -> Response:
        with shop.store.transaction() as db:
            row = db.execute("SELECT * FROM stocks WHERE website = ?", (code,)).fetchone()
        if row is None:
            raise no_such_entity()
        return answer(_stock(row))
