"""The order that a message of a feed is about."""

from __future__ import annotations

import sqlite3
from xml.etree.ElementTree import Element

from sandbox.amazon.errors import Refused
from sandbox.amazon.state import Order, find_order


def order_of(
    db: sqlite3.Connection, account: str, body: Element, unknown: Refused | None = None
) -> Order:
    """The order that a message names.

    Refused, as `unknown`, when the account has no such order, or in the words a test asked for.
    """
    stored = find_order(db, body.findtext("AmazonOrderID") or "")
    if stored is None or stored.account != account:
        raise unknown or Refused("The AmazonOrderID is invalid.")
    if words := words_asked_for(db, stored.order["orderId"]):
        raise Refused(words)
    return stored.order


def words_asked_for(db: sqlite3.Connection, order_id: str) -> str:
    """The words in which a test wants the next message about the order refused, once; "" if not."""
    row = db.execute(
        "DELETE FROM feed_refusals WHERE order_id = ? RETURNING words", (order_id,)
    ).fetchone()
    return row["words"] if row else ""
