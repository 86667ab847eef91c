"""Buyers' returns: what the control route keeps, and the lines that the two reports show of it."""

from __future__ import annotations

import json
import sqlite3
from calendar import month_abbr
from datetime import datetime
from typing import Any

from flask import Flask, Response, abort, jsonify, request

from sandbox.amazon.state import MAIN_ACCOUNT, Order, Standin, add_account, find_order
from sandbox.amazon.times import from_ms, parse, to_ms
from sandbox.core import next_number

BY_RETURN_DATE = "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE"
FBA_RETURNS = "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA"
COLUMNS = {
    BY_RETURN_DATE: (
        *("Order ID", "Order date", "Return request date", "Return request status"),
        *("Amazon RMA ID", "Merchant RMA ID", "Label type", "Label cost", "Currency code"),
        *("Return carrier", "Tracking ID", "Label to be paid by", "A-to-Z Claim", "Is prime"),
        *("ASIN", "Merchant SKU", "Item Name", "Return quantity", "Return Reason", "In policy"),
        *("Return type", "Resolution", "Invoice number", "Return delivery date", "Order Amount"),
        *("Order quantity", "SafeT Action reason", "SafeT claim id", "SafeT claim state"),
        *("SafeT claim creation time", "SafeT claim reimbursement amount", "Refunded Amount"),
    ),
    FBA_RETURNS: (
        *("return-date", "order-id", "sku", "asin", "fnsku", "product-name", "quantity"),
        *("fulfillment-center-id", "detailed-disposition", "reason", "status"),
        *("license-plate-number", "customer-comments"),
    ),
}


def rows_of(
    db: sqlite3.Connection,
    account: str,
    report_type: str,
    marketplaces: list[str],
    since: datetime,
    until: datetime,
) -> list[dict[str, str]]:
    """The rows of one report, in the order in which the returns became known."""
    rows = db.execute(
        "SELECT * FROM returns WHERE account = ? AND report_type = ? AND at BETWEEN ? AND ?"
        " ORDER BY number",
        (account, report_type, to_ms(since), to_ms(until)),
    ).fetchall()
    return [json.loads(row["columns"]) for row in rows if row["marketplace"] in marketplaces]


def _day(moment: datetime) -> str:
    return f"{moment.day:02d}-{month_abbr[moment.month]}-{moment.year}"


def _by_merchant(order: Order, item: Any, at: datetime, number: int, quantity: int) -> list[str]:
    total = order.get("proceeds", {}).get("grandTotal", {})
    ordered = sum(each["quantityOrdered"] for each in order["orderItems"])
    product = item["product"]
    return [
        *(order["orderId"], _day(parse(order["createdTime"])), _day(at), "Approved"),
        *(f"Dx{number}SANDBOXRMA", "", "AmazonPrePaidLabel", "3.49"),
        *(str(total.get("currencyCode", "EUR")), "DHL", f"JJD{number:018d}", "Seller", "N", "N"),
        *(product.get("asin", ""), product.get("sellerSku", ""), product.get("title", "")),
        *(str(quantity), "AMZ-PG-BAD-DESC", "Y", "C-Returns", "StandardRefund", "", ""),
        *(str(total.get("amount", "")), str(ordered), "", "", "", "", "", "0.00"),
    ]


def _by_amazon(order: Order, item: Any, at: datetime, number: int, quantity: int) -> list[str]:
    product = item["product"]
    return [
        *(at.isoformat(timespec="seconds"), order["orderId"], product.get("sellerSku", "")),
        *(product.get("asin", ""), f"X{number:09d}", product.get("title", ""), str(quantity)),
        *("LEJ1", "SELLABLE", "UNWANTED_ITEM", "Unit returned to inventory"),
        *(f"LPNRR{number:09d}", ""),
    ]


def add_returns(app: Flask, standin: Standin) -> None:
    """Add the control routes of returns."""

    def described(row: sqlite3.Row) -> dict[str, Any]:
        shown = {name: row[name] for name in ("number", "account", "report_type")}
        return {**shown, "columns": json.loads(row["columns"])}

    def all_returns(db: sqlite3.Connection) -> list[dict[str, Any]]:
        rows = db.execute("SELECT * FROM returns ORDER BY number").fetchall()
        return [described(row) for row in rows]

    def first_columns(
        db: sqlite3.Connection, asked: dict[str, Any], at: datetime
    ) -> tuple[int, str, str, dict[str, str]]:
        """Number, type, marketplace and columns of a new return, by the order it is of."""
        stored = find_order(db, asked.get("order_id", ""))
        if stored is None:
            abort(404, "no such order")
        order = stored.order
        items = order["orderItems"]
        sku = asked.get("sku", items[0]["product"].get("sellerSku"))
        item = next((each for each in items if each["product"].get("sellerSku") == sku), None)
        if item is None:
            abort(400, "the order has no such sku")
        number = next_number(db, "return")
        by_amazon = order["fulfillment"].get("fulfilledBy") == "AMAZON"
        report_type = FBA_RETURNS if by_amazon else BY_RETURN_DATE
        write = _by_amazon if by_amazon else _by_merchant
        values = write(order, item, at, number, asked.get("quantity", 1))
        columns = dict(zip(COLUMNS[report_type], values, strict=True))
        return number, report_type, order["salesChannel"].get("marketplaceId", ""), columns

    @app.post("/_control/returns")
    def control_return() -> Response:
        """Add a return of an order the stand-in has, or change one.

        New: `order_id`, and if wished `sku`, `quantity`, `at` (when the buyer asked, or when an
        FBA unit was received; default now) and `columns`: any of the report's own, by heading, over
        the values that follow from the order. Change: `number` and `columns` (and `at`). Who
        fulfils the order says which report shows it; `account` is `main` unless given.
        """
        asked = request.get_json()
        with standin.store.transaction() as db:
            at = parse(asked["at"]) if "at" in asked else standin.now(db)
            account = asked.get("account", MAIN_ACCOUNT)
            if "number" in asked:
                row = db.execute(
                    "SELECT * FROM returns WHERE number = ?", (asked["number"],)
                ).fetchone()
                if row is None:
                    abort(404, "no such return")
                number, report_type, marketplace = row[:1] + row[2:4]
                account, columns = row["account"], json.loads(row["columns"])
                at = at if "at" in asked else from_ms(row["at"])
            else:
                add_account(db, account)
                number, report_type, marketplace, columns = first_columns(db, asked, at)
            given = asked.get("columns", {})
            # Category is the heading that users have seen after the documented ones.
            if set(given) - {*COLUMNS[report_type], "Category"}:
                abort(400, f"columns are {', '.join(COLUMNS[report_type])}")
            db.execute(
                "INSERT OR REPLACE INTO returns VALUES (?, ?, ?, ?, ?, ?)",
                (
                    *(number, account, report_type, marketplace, to_ms(at)),
                    json.dumps({**columns, **given}),
                ),
            )
            row = db.execute("SELECT * FROM returns WHERE number = ?", (number,)).fetchone()
            return jsonify(described(row))

    @app.get("/_control/returns")
    def control_returns() -> Response:
        with standin.store.transaction() as db:
            return jsonify(returns=all_returns(db))

    @app.delete("/_control/returns/<int:number>")
    def control_withdraw_return(number: int) -> Response:
        """The buyer withdraws the request: later reports do not show it."""
        with standin.store.transaction() as db:
            db.execute("DELETE FROM returns WHERE number = ?", (number,))
            return jsonify(returns=all_returns(db))
