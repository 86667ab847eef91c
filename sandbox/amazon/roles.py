"""Roles that an account lacks: its reports and feeds of certain types are refused."""

from __future__ import annotations

import sqlite3

from flask import Flask, Response, jsonify, request

from sandbox.amazon.errors import ApiError
from sandbox.amazon.state import MAIN_ACCOUNT, Standin, add_account


def check_role(db: sqlite3.Connection, account: str, kind: str) -> None:
    """403 when the account lacks the role for reports or feeds of this type."""
    row = db.execute(
        "SELECT 1 FROM missing_roles WHERE account = ? AND kind = ?", (account, kind)
    ).fetchone()
    if row is not None:
        raise ApiError(403, "Unauthorized", "Access to the resource is forbidden")


def add_roles(app: Flask, standin: Standin) -> None:
    """Add the control route."""

    @app.post("/_control/roles")
    def control_roles() -> Response:
        """Say for which types of reports and feeds an account lacks the role (`without`)."""
        asked = request.get_json()
        account = asked.get("account", MAIN_ACCOUNT)
        with standin.store.transaction() as db:
            add_account(db, account)
            db.execute("DELETE FROM missing_roles WHERE account = ?", (account,))
            db.executemany(
                "INSERT INTO missing_roles VALUES (?, ?)",
                [(account, kind) for kind in asked["without"]],
            )
        return jsonify(ok=True)
