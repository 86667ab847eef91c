"""searchOrders and getOrder of the Orders API 2026-01-01."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, g, jsonify, request

from sandbox.amazon.bad_replies import bad_page, told
from sandbox.amazon.errors import invalid_input, not_found
from sandbox.amazon.query import Query, read_query
from sandbox.amazon.state import Account, Order, Standin, find_order
from sandbox.amazon.times import from_ms, iso, parse, to_ms
from sandbox.amazon.view import read_included, visible
from sandbox.core import next_number

TOKEN_LIFE = timedelta(hours=24)
RETENTION = timedelta(days=730)
# Japan, Australia and Singapore keep their orders longer.
KEPT_LONGER = ("A1VC38T7YXB528", "A39IBJ37TRP1C6", "A19VAU5U5O7RUS")

SEARCH = """
SELECT body, shuffle, order_id FROM orders
WHERE account = :account AND (shuffle, order_id) > (:shuffle, :order_id)
  AND CASE WHEN :field = 'created' THEN created_at ELSE updated_at END BETWEEN :after AND :before
  AND (:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses)))
  AND (:marketplaces IS NULL OR marketplace IN (SELECT value FROM json_each(:marketplaces)))
  AND (:fulfilled_by IS NULL OR fulfilled_by IN (SELECT value FROM json_each(:fulfilled_by)))
  AND (created_at >= :retained_from
       OR marketplace IN (SELECT value FROM json_each(:kept_longer)))
ORDER BY shuffle, order_id LIMIT :limit
"""


@dataclass(frozen=True)
class Position:
    """Where a page starts: after this order, under the bound its first page used."""

    before_ms: int
    shuffle: int
    order_id: str


def _resume(
    db: sqlite3.Connection, token: str, account: str, query: Query, now: datetime
) -> Position:
    row = db.execute(
        "SELECT * FROM pages WHERE token = ? AND account = ? AND query = ? AND expires_at > ?",
        (token, account, query.repeated, to_ms(now)),
    ).fetchone()
    if row is None:
        # Amazon does not say which parameter differs, nor whether the token is too old.
        raise invalid_input("The request has invalid parameters.")
    return Position(row["bound"], row["shuffle"], row["order_id"])


def _next_token(
    db: sqlite3.Connection, account: str, query: Query, end: Position, now: datetime
) -> str:
    digest = hashlib.sha256(f"page {next_number(db, 'page')}".encode()).digest()
    # Padded base64, so that a client which does not escape it is found out.
    token = base64.b64encode(digest).decode()
    position = (end.before_ms, end.shuffle, end.order_id)
    db.execute(
        "INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?, ?)",
        (token, account, query.repeated, *position, to_ms(now + TOKEN_LIFE)),
    )
    return token


def _find(
    db: sqlite3.Connection, account: str, query: Query, start: Position, now: datetime
) -> list[sqlite3.Row]:
    """The orders of one page, and one more when another page follows."""
    return db.execute(
        SEARCH,
        {
            "account": account,
            "shuffle": start.shuffle,
            "order_id": start.order_id,
            "field": query.field,
            "after": to_ms(query.after),
            "before": start.before_ms,
            "statuses": query.statuses and json.dumps(query.statuses),
            "marketplaces": query.marketplaces and json.dumps(query.marketplaces),
            "fulfilled_by": query.fulfilled_by and json.dumps(query.fulfilled_by),
            "retained_from": to_ms(now - RETENTION),
            "kept_longer": json.dumps(KEPT_LONGER),
            "limit": query.page_size + 1,
        },
    ).fetchall()


def _is_retained(order: Order, now: datetime) -> bool:
    if order["salesChannel"].get("marketplaceId") in KEPT_LONGER:
        return True
    return parse(order["createdTime"]) >= now - RETENTION


def add_orders(app: Flask, standin: Standin) -> None:
    """Add searchOrders and getOrder."""

    @app.get("/orders/2026-01-01/orders")
    def search_orders() -> Response:
        account: Account = g.account
        body: dict[str, Any] = {}
        with standin.store.transaction() as db:
            now = standin.now(db)
            latest = now - timedelta(seconds=standin.options.search_delay_s)
            query = read_query(request.args, latest)
            start = Position(to_ms(query.before), -1, "")
            if "paginationToken" in request.args:
                token = request.args["paginationToken"]
                start = _resume(db, token, account.name, query, now)
            rows = _find(db, account.name, query, start, now)
            page = rows[: query.page_size]
            bad = bad_page(db, request.full_path)
            if bad == "same_token" and "paginationToken" in request.args:
                body["pagination"] = {"nextToken": request.args["paginationToken"]}
            elif bad is not None:
                token = _next_token(db, account.name, query, start, now)
                body["pagination"] = {"nextToken": token}
                page = page if bad == "same_token" else []
            elif len(rows) > len(page):
                last = Position(start.before_ms, page[-1]["shuffle"], page[-1]["order_id"])
                token = _next_token(db, account.name, query, last, now)
                body["pagination"] = {"nextToken": token}
            body["orders"] = [
                told(
                    db,
                    row["order_id"],
                    visible(json.loads(row["body"]), query.included, pii=account.pii, now=now),
                )
                for row in page
            ]
        body[f"{query.field}Before"] = iso(from_ms(start.before_ms))
        return jsonify(body)

    @app.get("/orders/2026-01-01/orders/<order_id>")
    def get_order(order_id: str) -> Response:
        account: Account = g.account
        included = read_included(request.args.get("includedData"))
        with standin.store.transaction() as db:
            now = standin.now(db)
            stored = find_order(db, order_id)
            if (
                stored is None
                or stored.account != account.name
                or not _is_retained(stored.order, now)
            ):
                raise not_found(order_id)
            seen = visible(stored.order, included, pii=account.pii, now=now)
            return jsonify(order=told(db, order_id, seen))
