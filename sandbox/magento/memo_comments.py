"""Comments on credit memos: they come with the memo, and leave its time as it was."""

from __future__ import annotations

import sqlite3

from flask import Flask, Response

from sandbox.core import next_number
from sandbox.magento.errors import no_such_entity
from sandbox.magento.search import Criteria, page_of
from sandbox.magento.shop import Doc, Shop, dump, load
from sandbox.magento.web import answer, identifier, part


def find_memo(db: sqlite3.Connection, memo_id: int) -> Doc:
    """The memo of that entity id; a 404 when there is none."""
    row = db.execute("SELECT doc FROM creditmemos WHERE entity_id = ?", (memo_id,)).fetchone()
    if row is None:
        raise no_such_entity()
    return load(row)


def add_comment(db: sqlite3.Connection, memo_id: int, sent: Doc, stamp: str) -> Doc:
    """Add a comment to a memo."""
    memo = find_memo(db, memo_id)
    comment: Doc = {
        "comment": sent.get("comment"),
        "created_at": stamp,
        "entity_id": next_number(db, "creditmemo comment"),
        "is_customer_notified": int(sent.get("is_customer_notified") or 0),
        "is_visible_on_front": int(sent.get("is_visible_on_front") or 0),
        "parent_id": memo_id,
    }
    memo["comments"].append(comment)
    db.execute("UPDATE creditmemos SET doc = ? WHERE entity_id = ?", (dump(memo), memo_id))
    return comment


def register_comments(app: Flask, shop: Shop) -> None:
    """Add the routes of the comments."""

    @app.post("/rest/V1/creditmemo/<segment:memo_id>/comments")
    def creditmemo_comment(memo_id: str) -> Response:
        sent = part("entity")
        with shop.store.transaction() as db:
            return answer(add_comment(db, identifier(memo_id), sent, shop.stamp()))

    @app.get("/rest/V1/creditmemo/<segment:memo_id>/comments")
    def creditmemo_comments(memo_id: str) -> Response:
        with shop.store.transaction() as db:
            comments = find_memo(db, identifier(memo_id))["comments"]
        return answer(page_of(comments, len(comments), Criteria()))
