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
    refusal = db.execute(
        "DELETE FROM feed_refusals WHERE order_id = ? RETURNING words", (stored.order["orderId"],)
    ).fetchone()
    if refusal is not None:
        raise Refused(refusal["words"])
    return stored.order
