"""Replies that are well-formed and wrong: pages that lead nowhere, orders told badly."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask import Flask, Response, abort, jsonify, request

from sandbox.amazon.state import Standin

BAD_PAGES = ("same_token", "empty")


def bad_page(db: sqlite3.Connection, asked: str) -> str | None:
    """How the page that `asked` is for, a path with its query, is to be spoiled, if at all."""
    for row in db.execute("SELECT * FROM bad_pages WHERE remaining > 0 ORDER BY id").fetchall():
        if row["contains"] in asked:
            db.execute("UPDATE bad_pages SET remaining = remaining - 1 WHERE id = ?", (row["id"],))
            return str(row["kind"])
    return None


def told(db: sqlite3.Connection, order_id: str, order: Any) -> Any:
    """The order as a reply tells it: as it is, or as a test has said."""
    row = db.execute("SELECT body FROM told_as WHERE order_id = ?", (order_id,)).fetchone()
    return order if row is None else json.loads(row["body"])


def add_bad_replies(app: Flask, standin: Standin) -> None:
    """Add the control routes for them."""

    @app.post("/_control/pages")
    def control_pages() -> Response:
        """Spoil the next `times` pages of searches whose address holds the text `contains`.

        - `same_token`: the token of the page itself names the next one
        - `empty`: no orders, and a token of yet another page
        """
        asked = request.get_json()
        if asked.get("kind") not in BAD_PAGES:
            abort(400, f"kind must be one of {', '.join(BAD_PAGES)}")
        with standin.store.transaction() as db:
            db.execute(
                "INSERT INTO bad_pages (kind, contains, remaining) VALUES (?, ?, ?)",
                (asked["kind"], asked.get("contains", ""), asked.get("times", 1)),
            )
        return jsonify(ok=True)

    @app.delete("/_control/pages")
    def control_pages_again_good() -> Response:
        with standin.store.transaction() as db:
            db.execute("DELETE FROM bad_pages")
        return jsonify(ok=True)

    @app.post("/_control/orders/<order_id>/feed_refusal")
    def control_refuse_in_feed(order_id: str) -> Response:
        """Refuse the next message of a feed about this order, in these `words` of the report."""
        with standin.store.transaction() as db:
            words = request.get_json()["words"]
            db.execute("INSERT OR REPLACE INTO feed_refusals VALUES (?, ?)", (order_id, words))
        return jsonify(ok=True)

    @app.post("/_control/orders/<order_id>/told")
    def control_tell_as(order_id: str) -> Response:
        """Tell an order as `as`, any JSON value, in every reply; it stays what it is."""
        with standin.store.transaction() as db:
            body = json.dumps(request.get_json()["as"])
            db.execute("INSERT OR REPLACE INTO told_as VALUES (?, ?)", (order_id, body))
        return jsonify(ok=True)

    @app.delete("/_control/orders/<order_id>/told")
    def control_tell_as_it_is(order_id: str) -> Response:
        with standin.store.transaction() as db:
            db.execute("DELETE FROM told_as WHERE order_id = ?", (order_id,))
        return jsonify(ok=True)
