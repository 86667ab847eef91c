"""Settlements: what was released since the last one, row by row, in a marketplace's own style."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from flask import Flask, Response, abort, jsonify, request

from sandbox.amazon.books import entries_of, open_group
from sandbox.amazon.finance_view import MARKETPLACES
from sandbox.amazon.finances import release_matured
from sandbox.amazon.proceeds import ZERO
from sandbox.amazon.report_files import SETTLEMENT, register_report, table_text
from sandbox.amazon.state import MAIN_ACCOUNT, Standin
from sandbox.amazon.times import from_ms, iso, to_ms
from sandbox.core import next_number

COLUMNS = (
    *("settlement-id", "settlement-start-date", "settlement-end-date", "deposit-date"),
    *("total-amount", "currency", "transaction-type", "order-id", "merchant-order-id"),
    *("adjustment-id", "shipment-id", "marketplace-name", "amount-type", "amount-description"),
    *("amount", "fulfillment-id", "posted-date", "posted-date-time", "order-item-code"),
    *("merchant-order-item-id", "merchant-adjustment-item-id", "sku", "quantity-purchased"),
    "promotion-id",
)
PAID_AFTER = timedelta(days=2)
_OTHER = "other-transaction"
_TYPES = {"Shipment": "Order", "Refund": "Refund"}
_REFUNDS = {"A_TO_Z": "A-to-z Guarantee Refund", "CHARGEBACK": "Chargeback Refund"}
_AMOUNTS = {
    "OurPricePrincipal": ("ItemPrice", "Principal"),
    "OurPriceTax": ("ItemPrice", "Tax"),
    "ShippingPrincipal": ("ItemPrice", "Shipping"),
    "ShippingTax": ("ItemPrice", "ShippingTax"),
    "GiftwrapPrincipal": ("ItemPrice", "GiftWrap"),
    "GiftwrapTax": ("ItemPrice", "GiftWrapTax"),
    "OurPriceDiscount": ("Promotion", "Principal"),
    "ShippingDiscount": ("Promotion", "Shipping"),
    "GiftwrapDiscount": ("Promotion", "GiftWrap"),
    "GoodwillPrincipal": ("ItemPrice", "Goodwill"),
    "RestockingDeductionPrincipal": ("ItemPrice", "RestockingFee"),
    "RestockingDeductionTax": ("ItemPrice", "RestockingFeeTax"),
}


@dataclass(frozen=True)
class Look:
    """How a file is written, and what is odd about it."""

    comma: bool = False
    points: bool = False
    equal_rows: bool = False
    empty_marketplace: bool = False
    off_by: str = "0"

    def amount(self, amount: Decimal) -> str:
        """`95.00`, or `95,00`."""
        return f"{amount:.2f}".replace(".", "," if self.comma else ".")

    def day(self, at: datetime) -> str:
        """`11/19/26`, or `19.11.2026`."""
        return f"{at:%d.%m.%Y}" if self.points else f"{at:%m/%d/%y}"

    def time(self, at: datetime) -> str:
        """`2026-11-19 08:00:00 UTC`, or `19.11.2026 08:00:00 UTC`."""
        return f"{at:%d.%m.%Y %H:%M:%S} UTC" if self.points else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def settlement_text(db: sqlite3.Connection, account: str, settlement_id: str) -> str | None:
    """The file of a closed settlement of the account."""
    row = db.execute(
        "SELECT body FROM settlements WHERE account = ? AND settlement_id = ?",
        (account, settlement_id),
    ).fetchone()
    return str(row["body"]) if row else None


def close(db: sqlite3.Connection, account: str, look: Look, now: datetime) -> list[dict[str, Any]]:
    """Close the open settlement, one file for each currency, and list the files as reports."""
    release_matured(db, now)
    group = open_group(db, account)
    query = "SELECT * FROM transactions WHERE group_id = ? ORDER BY posted_at, number"
    rows = db.execute(query, (group,)).fetchall()
    # The released copy of deferred money is paid out, its original is not paid again.
    paid = [row for row in rows if row["status"] == "RELEASED"]
    closed = []
    for currency in sorted({row["currency"] for row in paid}):
        own = [row for row in paid if row["currency"] == currency]
        closed.append(_close(db, account, group, currency, own, look, now))
    return closed


def add_settlements(app: Flask, standin: Standin) -> None:
    """Add the control routes."""

    @app.post("/_control/settlements")
    def control_close() -> Response:
        """Close an account's settlement over what was released since the last.

        `comma` writes `95,00`, `points` writes dates as `19.11.2026`; `equal_rows` tells an even
        amount of several units in two equal rows; `empty_marketplace` leaves marketplace-name
        empty; `off_by` is added to the total alone. A charge of no order, or of an `FBA…`
        shipment, is posted with `/_control/finances/transactions` before.
        """
        asked = request.get_json()
        account = asked.pop("account", MAIN_ACCOUNT)
        if not set(asked) <= set(Look.__dataclass_fields__):
            abort(400, f"only {', '.join(Look.__dataclass_fields__)} can be asked for")
        with standin.store.transaction() as db:
            closed = close(db, account, Look(**asked), standin.now(db))
        return jsonify(settlements=closed)

    @app.get("/_control/settlements/<settlement_id>")
    def control_settlement(settlement_id: str) -> Response:
        """The file as text."""
        with standin.store.transaction() as db:
            text = settlement_text(db, request.args.get("account", MAIN_ACCOUNT), settlement_id)
        if text is None:
            abort(404, "no such settlement")
        return Response(text, mimetype="text/plain")


def _close(
    db: sqlite3.Connection,
    account: str,
    group: str,
    currency: str,
    rows: list[sqlite3.Row],
    look: Look,
    now: datetime,
) -> dict[str, Any]:
    settlement_id = str(11556677880 + next_number(db, "settlement"))
    last = db.execute(
        "SELECT max(end_at) AS at FROM settlements WHERE account = ? AND currency = ?",
        (account, currency),
    ).fetchone()["at"]
    start = from_ms(last if last is not None else min(row["posted_at"] for row in rows))
    lines = [line for row in rows for line in _lines(row, look)]
    total = sum((amount for amount, _ in lines), ZERO)
    summary = {
        "settlement-id": settlement_id,
        "settlement-start-date": look.time(start),
        "settlement-end-date": look.time(now),
        "deposit-date": look.time(now + PAID_AFTER),
        "total-amount": look.amount(total + Decimal(look.off_by)),
        "currency": currency,
    }
    own = ({"settlement-id": settlement_id, "amount": look.amount(a), **line} for a, line in lines)
    text = table_text(COLUMNS, [summary, *own])
    db.execute(
        "INSERT INTO settlements VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(settlement_id, account, group, to_ms(start), to_ms(now), currency),
            *(str(total), text),
        ),
    )
    db.execute(
        "UPDATE transactions SET settlement_id = ? WHERE group_id = ? AND currency = ?",
        (settlement_id, group, currency),
    )
    marketplaces = sorted({row["marketplace"] for row in rows if row["marketplace"]})
    report_id = register_report(
        *(db, account, SETTLEMENT, text, now),
        marketplaces=marketplaces or ["A1PA6795UKMFR9"],
        span=(start, now),
    )
    return {
        "settlementId": settlement_id,
        "reportId": report_id,
        "currency": currency,
        "total": str(total),
        "rows": len(lines),
        "start": iso(start),
        "end": iso(now),
    }


def _lines(row: sqlite3.Row, look: Look) -> Iterator[tuple[Decimal, dict[str, str]]]:
    """The rows of a transaction with their amounts."""
    posted_at = from_ms(row["posted_at"])
    is_of_order = row["kind"] in _TYPES
    common = {
        "transaction-type": _transaction_type(row),
        "order-id": row["order_id"] or row["shipment_id"] or "",
        "posted-date": look.day(posted_at),
        "posted-date-time": look.time(posted_at),
    }
    if is_of_order:
        marketplace = MARKETPLACES.get(row["marketplace"], "Amazon")
        common |= {
            "shipment-id": row["shipment_id"] or "",
            "marketplace-name": "" if look.empty_marketplace else marketplace,
            "fulfillment-id": row["network"],
        }
    numbers = [item["adjustmentItemId"] for item in json.loads(row["items"])]
    for entry, number in zip(entries_of(row), numbers, strict=True):
        of_item = {
            "order-item-code": entry.order_item_id or "",
            "sku": entry.sku or "",
            "merchant-adjustment-item-id": entry.reference or "",
            "adjustment-id": number if row["kind"] == "Refund" else "",
            "quantity-purchased": str(entry.quantity) if row["kind"] == "Shipment" else "",
        }
        amounts = [*entry.leaves.items(), *((name, fee.amount) for name, fee in entry.fees.items())]
        for name, amount in amounts:
            if not amount:
                continue
            kind, description = _amount_of(row, name, is_fee=name in entry.fees)
            line = common | of_item | {"amount-type": kind, "amount-description": description}
            if kind == "Promotion":
                line["promotion-id"] = f"PROMO-{entry.sku}"
            half = amount / 2
            if look.equal_rows and entry.quantity > 1 and half == round(half, 2):
                yield half, line
                yield half, line
            else:
                yield amount, line


def _transaction_type(row: sqlite3.Row) -> str:
    if row["kind"] in _TYPES:
        return _REFUNDS.get(row["made_by"], _TYPES[row["kind"]])
    return row["kind"] if row["shipment_id"] else _OTHER


def _amount_of(row: sqlite3.Row, name: str, *, is_fee: bool) -> tuple[str, str]:
    if row["kind"] not in _TYPES:
        return (name, name) if row["shipment_id"] else (_OTHER, name)
    if is_fee:
        return "ItemFees", name
    if name.startswith("MarketplaceFacilitator"):
        return "ItemWithheldTax", name
    return _AMOUNTS.get(name, ("ItemPrice", name))
