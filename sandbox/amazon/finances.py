"""listTransactions of the Finances API 2024-06-19, and what a test may do to the books."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import Flask, Response, abort, g, jsonify, request

from sandbox.amazon.books import Entry, Posting, opaque, post, release
from sandbox.amazon.errors import ApiError, invalid_input
from sandbox.amazon.finance_knobs import KNOBS, knobs_of, set_knobs
from sandbox.amazon.finance_query import Query, read_query
from sandbox.amazon.finance_view import described
from sandbox.amazon.state import MAIN_ACCOUNT, Account, Standin
from sandbox.amazon.times import from_ms, to_ms
from sandbox.core import next_number

_SELECT = """
SELECT * FROM transactions
WHERE account = :account AND (posted_at, number) > (:posted_at, :number)
  AND posted_at >= :after AND posted_at < :before AND visible_at <= :now
  AND (:marketplace IS NULL OR marketplace = :marketplace)
  AND (:status IS NULL OR status = :status)
  AND (:order_id IS NULL OR order_id = :order_id)
  AND (:group_id IS NULL OR group_id = :group_id)
ORDER BY posted_at, number LIMIT :limit
"""


def release_matured(db: sqlite3.Connection, now: datetime) -> None:
    """Release what is due on the stand-in's clock."""
    for row in db.execute(
        "SELECT * FROM transactions WHERE status = 'DEFERRED' AND matures_at <= ? ORDER BY number",
        (to_ms(now),),
    ).fetchall():
        release(db, row, from_ms(row["matures_at"]))


def add_finances(app: Flask, standin: Standin) -> None:
    """Add listTransactions and the control routes."""

    @app.get("/finances/2024-06-19/transactions")
    def list_transactions() -> Response:
        account: Account = g.account
        with standin.store.transaction() as db:
            now = standin.now(db)
            knobs = knobs_of(db, account.name)
            if knobs["is_forbidden"]:
                raise ApiError(403, "Unauthorized", "Access to the resource is forbidden")
            query = read_query(request.args, now)
            release_matured(db, now)
            before, start = query.before, (-1, 0)
            if "nextToken" in request.args:
                before, start = _resume(db, request.args["nextToken"], account.name, query)
            payload: dict[str, Any] = {}
            rows = _rows(db, account.name, query, before, start, now, knobs["page_size"] + 1)
            page = rows[: knobs["page_size"]]
            if knobs["empty_pages"] and not query.is_too_wide:
                set_knobs(db, account.name, {"empty_pages": knobs["empty_pages"] - 1})
                page = []
                payload["nextToken"] = _next_token(db, account.name, query, before, start)
            elif len(rows) > len(page):
                last = (page[-1]["posted_at"], page[-1]["number"])
                payload["nextToken"] = _next_token(db, account.name, query, before, last)
            payload["transactions"] = [described(row, knobs) for row in page]
        return jsonify(payload=payload)

    @app.post("/_control/finances")
    def control_finances() -> Response:
        """Say how the Finances of an `account` behave; what is not named stays as it is.

        - `delay_s`: how long after its time a transaction can be read first
        - `page_size`, `empty_pages`: the next pages, that many, hold a token and nothing else
        - `defer`: DD7 or B2B defers the sales from now on, by `defer_days`; `defer_refunds` too
        - `new_fee`: an amount that every item sold pays, under a name that nobody knows
        - `nulls`: what may be null is; `statuses`: upper, title (mixed case) or null
        - `is_forbidden`: the role is missing, listTransactions answers 403
        """
        asked = request.get_json()
        account = asked.pop("account", MAIN_ACCOUNT)
        if not set(asked) <= set(KNOBS):
            abort(400, f"only {', '.join(KNOBS)} can be set")
        if asked.get("statuses", "upper") not in ("upper", "title", "null"):
            abort(400, "statuses must be upper, title or null")
        with standin.store.transaction() as db:
            return jsonify(set_knobs(db, account, asked))

    @app.post("/_control/finances/release")
    def control_release_money() -> Response:
        """Release deferred transactions now: of an `order_id`, or all."""
        with standin.store.transaction() as db:
            rows = db.execute(
                "SELECT * FROM transactions WHERE status = 'DEFERRED'"
                " AND order_id = coalesce(?, order_id) ORDER BY number",
                (request.get_json().get("order_id"),),
            ).fetchall()
            for row in rows:
                release(db, row, standin.now(db))
        return jsonify(released=len(rows))

    @app.post("/_control/finances/transactions")
    def control_post() -> Response:
        """Post money that is no sale and no refund: `kind` (ServiceFee), `name` and `amount`.

        `shipment_id` is that of goods sent to Amazon (`FBA…`); without one the money is the
        account's alone.
        """
        asked = request.get_json()
        account = asked.get("account", MAIN_ACCOUNT)
        with standin.store.transaction() as db:
            leaves = {asked.get("name", "Subscription"): Decimal(asked["amount"])}
            posting = Posting(
                kind=asked.get("kind", "ServiceFee"),
                description=asked.get("description", "Service fee"),
                currency=asked.get("currency", "EUR"),
                at=standin.now(db),
                items=[Entry(None, None, None, "", 0, None, leaves, {})],
                shipment_id=asked.get("shipment_id"),
            )
            return jsonify(transactionId=post(db, account, posting))


def _rows(
    db: sqlite3.Connection,
    account: str,
    query: Query,
    before: int,
    start: tuple[int, int],
    now: datetime,
    limit: int,
) -> list[sqlite3.Row]:
    if query.is_too_wide:
        return []
    return db.execute(
        _SELECT,
        {
            "account": account,
            "posted_at": start[0],
            "number": start[1],
            "after": query.after,
            "before": before,
            "now": to_ms(now),
            "marketplace": query.marketplace,
            "status": query.status,
            "order_id": query.order_id,
            "group_id": query.group_id,
            "limit": limit,
        },
    ).fetchall()


def _resume(
    db: sqlite3.Connection, token: str, account: str, query: Query
) -> tuple[int, tuple[int, int]]:
    row = db.execute(
        "SELECT * FROM finance_pages WHERE token = ? AND account = ? AND query = ?",
        (token, account, query.repeated),
    ).fetchone()
    if row is None:
        raise invalid_input("The nextToken does not belong to these arguments.")
    return row["before"], (row["posted_at"], row["number"])


def _next_token(
    db: sqlite3.Connection, account: str, query: Query, before: int, last: tuple[int, int]
) -> str:
    token = opaque(f"finances {next_number(db, 'finance_page')}") + "=="
    db.execute(
        "INSERT INTO finance_pages VALUES (?, ?, ?, ?, ?, ?)",
        (token, account, query.repeated, before, *last),
    )
    return token
