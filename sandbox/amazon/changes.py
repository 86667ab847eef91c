"""What subscribers are told of, once the change is stored."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

TYPES = ("ORDER_CHANGE", "TRANSACTION_UPDATE")


def note_change(db: sqlite3.Connection, account: str, kind: str, body: Any) -> None:
    """Keep a change for the account's subscription of this type, if it has one."""
    db.execute(
        "INSERT INTO changes (account, type, body) SELECT account, type, ? FROM subscriptions"
        " WHERE account = ? AND type = ?",
        (json.dumps(body), account, kind),
    )
