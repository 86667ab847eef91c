"""The feed UPLOAD_VAT_INVOICE: one PDF, told of by the feed's options, and a report in plain text.

The codes of wrong totals and of a second invoice are not documented; the ones here are made up.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Flask, Response, abort, jsonify, request

from sandbox.amazon.feed_orders import words_asked_for
from sandbox.amazon.state import MAIN_ACCOUNT, Order, Standin, add_account, find_order, status_of
from sandbox.amazon.times import from_ms, iso, to_ms

INVOICE_FEED = "UPLOAD_VAT_INVOICE"
PREFIX = "metadata:"
# Spain, the United Kingdom, France, Germany, Italy, the Netherlands, Poland, Sweden, Ireland,
# Belgium.
MARKETPLACES = (
    *("A1RKKUPIHCS9HS", "A1F83G8C2ARO7P", "A13V1IB3VIYZZH", "A1PA6795UKMFR9", "APJ6JRA9NG5V4"),
    *("A1805IZSGTT6HS", "A1C3SOZRARQ6R3", "A2NODRKZP88ZB9", "A28R8C7NBKEWEA", "AMEN7PMS3EDWL"),
)
DEFAULT_RULES = {"vcs": "off", "needs_totals": False, "second": "replaces"}
CHOICES = {
    "vcs": ("off", "generates", "unavailable"),
    "needs_totals": (False, True),
    "second": ("replaces", "refused"),
}


class Refused(Exception):
    """The invoice is not taken, with Amazon's code."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def keep_options(db: sqlite3.Connection, feed_id: str, options: Mapping[str, str]) -> None:
    """Keep what createFeed said of the document."""
    db.execute("INSERT INTO feed_options VALUES (?, ?)", (feed_id, json.dumps(options)))


def take_invoice(db: sqlite3.Connection, feed: sqlite3.Row, now: datetime) -> bytes:
    """Take or refuse the invoice of a feed, and return the report."""
    row = db.execute("SELECT * FROM feed_options WHERE feed_id = ?", (feed["feed_id"],)).fetchone()
    options = {
        name.lower().removeprefix(PREFIX): str(value)
        for name, value in json.loads(row["body"] if row else "{}").items()
        # Without its prefix a key is not recognised.
        if name.lower().startswith(PREFIX)
    }
    document = db.execute(
        "SELECT * FROM feed_documents WHERE document_id = ?", (feed["input"],)
    ).fetchone()
    refused: Refused | None = None
    try:
        _check(db, feed, options, document)
    except Refused as error:
        refused = error
    db.execute(
        "INSERT INTO invoices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(feed["feed_id"], feed["account"], options.get("orderid")),
            *(options.get("invoicenumber"), options.get("documenttype", "Invoice")),
            *(len(document["body"]), hashlib.sha256(document["body"]).hexdigest(), to_ms(now)),
            refused.code if refused else None,
        ),
    )
    return _report(refused)


def _check(
    db: sqlite3.Connection, feed: sqlite3.Row, options: Mapping[str, str], document: sqlite3.Row
) -> None:
    rules = _rules(db, feed["account"])
    marketplaces = feed["marketplaces"].split(",")
    if len(marketplaces) != 1 or marketplaces[0] not in MARKETPLACES:
        raise Refused(79523, "Please provide exactly one marketplace of the list.")
    kind = options.get("documenttype", "Invoice")
    needed = ["orderid", "invoicenumber"]
    needed += ["totalamount", "totalvatamount"] if rules["needs_totals"] else []
    needed += ["transactionid"] if kind == "CreditNote" else []
    if missing := [name for name in needed if not options.get(name)]:
        keys = ",".join(PREFIX + name for name in missing)
        raise Refused(79513, f"Please provide {keys}")
    if kind not in ("Invoice", "CreditNote"):
        raise Refused(79531, "The document type is invalid.")
    if not document["body"]:
        raise Refused(79540 if kind == "Invoice" else 79544, "There is no file.")
    if document["content_type"] != "application/pdf" or not document["body"].startswith(b"%PDF"):
        raise Refused(79503, "The invoice file is not a PDF.")
    stored = find_order(db, options["orderid"])
    if (
        stored is None
        or stored.account != feed["account"]
        or status_of(stored.order) not in ("SHIPPED", "PARTIALLY_SHIPPED")
    ):
        raise Refused(79517, "The order id is invalid or the order has not been dispatched.")
    if words := words_asked_for(db, options["orderid"]):
        raise Refused(79550, words)
    if rules["vcs"] == "generates":
        order_id = options["orderid"]
        words = f"Amazon will generate invoice for shipmentId D{order_id[:3]}, orderId {order_id}"
        raise Refused(79525, words)
    if rules["vcs"] == "unavailable":
        raise Refused(79509, "The feature is not available for this account.")
    _check_total(stored.order, options)
    if rules["second"] == "refused" and _taken(db, feed["account"], options, kind):
        raise Refused(79560, "An invoice was uploaded for this order already.")


def _check_total(order: Order, options: Mapping[str, str]) -> None:
    if "totalamount" not in options:
        return
    try:
        stated = Decimal(options["totalamount"])
    except InvalidOperation:
        raise Refused(79513, f"Please provide {PREFIX}totalamount") from None
    if round(stated, 2) != round(Decimal(order["proceeds"]["grandTotal"]["amount"]), 2):
        raise Refused(79550, "The total amount does not match Amazon's total of the shipment.")


def _taken(db: sqlite3.Connection, account: str, options: Mapping[str, str], kind: str) -> bool:
    row = db.execute(
        "SELECT 1 FROM invoices WHERE account = ? AND order_id = ? AND document_type = ?"
        " AND code IS NULL",
        (account, options["orderid"], kind),
    ).fetchone()
    return row is not None


def _rules(db: sqlite3.Connection, account: str) -> dict[str, Any]:
    row = db.execute("SELECT body FROM invoice_rules WHERE account = ?", (account,)).fetchone()
    return DEFAULT_RULES | (json.loads(row["body"]) if row else {})


def _report(refused: Refused | None) -> bytes:
    lines = [
        "Feed Processing Summary:",
        "\tNumber of records processed\t\t1",
        f"\tNumber of records successful\t\t{0 if refused else 1}",
        "",
        "original-record-number\tsku\terror-code\terror-type\terror-message",
    ]
    if refused is not None:
        lines.append(f"1\t\t{refused.code}\tError\t{refused}")
    return "\n".join([*lines, ""]).encode()


def add_invoices(app: Flask, standin: Standin) -> None:
    """Add the control routes of invoices."""

    @app.post("/_control/invoices")
    def control_invoice_rules() -> Response:
        """Say how Amazon takes an account's invoices.

        `vcs`: `generates` (79525) or `unavailable` (79509), else `off`; `needs_totals`: 79513
        without the two totals; `second`: a later invoice of an order `replaces` or is `refused`.
        """
        asked = request.get_json()
        account = asked.pop("account", MAIN_ACCOUNT)
        if any(value not in CHOICES.get(name, ()) for name, value in asked.items()):
            abort(400, f"the choices are {CHOICES}")
        with standin.store.transaction() as db:
            add_account(db, account)
            db.execute(
                "INSERT OR REPLACE INTO invoice_rules VALUES (?, ?)", (account, json.dumps(asked))
            )
        return jsonify(DEFAULT_RULES | asked)

    @app.get("/_control/invoices")
    def control_invoices() -> Response:
        """Every invoice that a feed brought: taken (`code` is null) or refused."""
        with standin.store.transaction() as db:
            rows = [dict(row) for row in db.execute("SELECT * FROM invoices ORDER BY feed_id")]
        return jsonify(invoices=[{**row, "at": iso(from_ms(row["at"]))} for row in rows])
