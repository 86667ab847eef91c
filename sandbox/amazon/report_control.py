"""What a test may do to reports: how the next one ends and looks, and reports of any text."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from flask import Flask, Response, abort, jsonify, request

from sandbox.amazon.report_files import HEADINGS, Style, register_report
from sandbox.amazon.reports import STAYS_IN, described
from sandbox.amazon.state import MAIN_ACCOUNT, Standin, add_account
from sandbox.amazon.times import parse

FATES = ("DONE", "FATAL", "FATAL_WITH_DOCUMENT", "CANCELLED", *STAYS_IN)
STYLE = tuple(each.name for each in fields(Style))


def _style(asked: dict[str, Any]) -> dict[str, Any]:
    style = {name: asked[name] for name in STYLE if name in asked}
    if style.get("headings", "hyphens") not in HEADINGS:
        abort(400, f"headings must be one of {', '.join(HEADINGS)}")
    return style


def _fate(asked: dict[str, Any]) -> str:
    fate = asked.get("fate", "DONE")
    if fate not in FATES:
        abort(400, f"fate must be one of {', '.join(FATES)}")
    return json.dumps({"fate": fate, "style": _style(asked), "reason": asked.get("reason")})


def add_report_control(app: Flask, standin: Standin) -> None:
    """Add the control routes."""

    @app.post("/_control/reports")
    def control_register_report() -> Response:
        """Register a text as a finished report of any type, as Amazon makes settlements.

        `report_type` and `text`; if wished `account`, `marketplace_ids`, `since`, `until`,
        `created_at`, and the style: `charset` (default utf-8; utf-8-sig writes a byte order mark),
        `content_type` (the download's header), `gzip`.
        """
        asked = request.get_json()
        with standin.store.transaction() as db:
            account = asked.get("account", MAIN_ACCOUNT)
            add_account(db, account)
            now = standin.now(db)
            made_at = parse(asked["created_at"]) if "created_at" in asked else now
            span = tuple(
                parse(asked[name]) if name in asked else made_at for name in ("since", "until")
            )
            report_id = register_report(
                *(db, account, asked["report_type"], asked["text"], made_at),
                marketplaces=asked.get("marketplace_ids", ["A1PA6795UKMFR9"]),
                span=(span[0], span[1]),
                style=Style(**_style(asked)),
            )
        return jsonify(reportId=report_id)

    @app.post("/_control/reports/next")
    def control_next_report() -> Response:
        """Give the next report that is created an end (`fate`) and a look of its own.

        `reason` is the text of the document of FATAL_WITH_DOCUMENT.
        The look: `charset`, `content_type`, `gzip`, `headings` (as_documented, hyphens,
        underscores, blanks, none) and `renamed` (`{"Order ID": "Bestellnummer"}`).
        """
        body = _fate(request.get_json())
        with standin.store.transaction() as db:
            db.execute("INSERT INTO report_fates (body, is_taken) VALUES (?, 0)", (body,))
        return jsonify(ok=True)

    @app.post("/_control/reports/<report_id>")
    def control_change_report(report_id: str) -> Response:
        """Give a report that Amazon has not come to an end with another fate."""
        body = _fate(request.get_json())
        with standin.store.transaction() as db:
            made = db.execute("INSERT INTO report_fates (body, is_taken) VALUES (?, 1)", (body,))
            db.execute(
                "UPDATE reports SET fate = ? WHERE report_id = ?", (made.lastrowid, report_id)
            )
        return jsonify(ok=True)

    @app.get("/_control/reports")
    def control_reports() -> Response:
        """Every report, whoever's."""
        with standin.store.transaction() as db:
            rows = db.execute("SELECT * FROM reports ORDER BY number").fetchall()
        return jsonify(reports=[{**described(row), "account": row["account"]} for row in rows])
