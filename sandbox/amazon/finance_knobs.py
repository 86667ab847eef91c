"""How an account's Finances behave, as a test has said."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

KNOBS: dict[str, Any] = {
    "delay_s": 0,
    "page_size": 500,
    "defer": None,
    "defer_days": 7,
    "defer_refunds": False,
    "new_fee": None,
    "empty_pages": 0,
    "nulls": False,
    "statuses": "upper",
    "is_forbidden": False,
}
"""What is so until a test says otherwise; the control route says what each is."""


def knobs_of(db: sqlite3.Connection, account: str) -> dict[str, Any]:
    """How this account's Finances behave."""
    row = db.execute("SELECT body FROM finance_knobs WHERE account = ?", (account,)).fetchone()
    return {**KNOBS, **(json.loads(row["body"]) if row else {})}


def set_knobs(db: sqlite3.Connection, account: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change some knobs of an account; the others stay."""
    knobs = {**knobs_of(db, account), **changes}
    body = json.dumps(knobs)
    db.execute("INSERT OR REPLACE INTO finance_knobs VALUES (?, ?)", (account, body))
    return knobs
