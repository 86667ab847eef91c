"""The Reports API 2021-06-30: reports that take their time, documents behind short-lived URLs.

A report is made when its time has come on the stand-in's clock, at the next call of any kind.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, abort, g, jsonify, request

from sandbox.amazon.errors import ApiError, invalid_input, unauthorized
from sandbox.amazon.report_files import SETTLEMENT, Style, new_document, new_report, table_text
from sandbox.amazon.returns import BY_RETURN_DATE, COLUMNS, rows_of
from sandbox.amazon.roles import check_role
from sandbox.amazon.state import Standin
from sandbox.amazon.times import from_ms, iso, parse, to_ms
from sandbox.core import next_number

URL_LIFE = timedelta(minutes=5)
QUEUED = timedelta(seconds=30)
WORKED_ON = timedelta(seconds=60)
KEPT = timedelta(days=90)
LONGEST = {BY_RETURN_DATE: timedelta(days=60)}
STATES = ("CANCELLED", "DONE", "FATAL", "IN_PROGRESS", "IN_QUEUE")
STAYS_IN = {"QUEUED": "IN_QUEUE", "STUCK": "IN_PROGRESS"}
REASON = "The report could not be generated. Internal error while reading the data."
EXPIRED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>'
    "<Message>Request has expired</Message><RequestId>SANDBOX</RequestId></Error>"
)


def add_reports(app: Flask, standin: Standin) -> None:
    """Add the report operations and the document URLs."""

    def finish(db: sqlite3.Connection, report: sqlite3.Row, fate: dict[str, Any]) -> None:
        style = Style(**fate["style"])
        rows = rows_of(
            *(db, report["account"], report["report_type"], report["marketplaces"].split(",")),
            *(from_ms(report["since"]), from_ms(report["until"])),
        )
        state, document = fate["fate"], None
        if state == "DONE" and not rows:
            state = "CANCELLED"
        elif state == "DONE":
            text = table_text(COLUMNS[report["report_type"]], rows, style)
            document = new_document(db, report["account"], text, style)
        elif state == "FATAL_WITH_DOCUMENT":
            state = "FATAL"
            document = new_document(db, report["account"], fate.get("reason") or REASON, style)
        db.execute(
            "UPDATE reports SET state = ?, document = ? WHERE number = ?",
            (state, document, report["number"]),
        )

    @app.before_request
    def work_on_reports() -> None:
        if request.path.startswith("/_control/") and request.method != "GET":
            return
        with standin.store.transaction() as db:
            now = standin.now(db)
            for report in db.execute(
                "SELECT reports.*, body FROM reports LEFT JOIN report_fates ON id = fate"
                " WHERE state IN ('IN_QUEUE', 'IN_PROGRESS') ORDER BY number"
            ).fetchall():
                fate = json.loads(report["body"] or '{"fate": "DONE", "style": {}}')
                age = now - from_ms(report["created_at"])
                state = "IN_PROGRESS" if age >= QUEUED else "IN_QUEUE"
                state = STAYS_IN.get(fate["fate"], state)
                if age >= QUEUED + WORKED_ON and fate["fate"] not in STAYS_IN:
                    finish(db, report, fate)
                else:
                    db.execute(
                        "UPDATE reports SET state = ? WHERE number = ?", (state, report["number"])
                    )

    def own_report(db: sqlite3.Connection, report_id: str) -> sqlite3.Row:
        report: sqlite3.Row | None = db.execute(
            "SELECT * FROM reports WHERE report_id = ? AND account = ?", (report_id, g.account.name)
        ).fetchone()
        if report is None or from_ms(report["created_at"]) < standin.now(db) - KEPT:
            raise ApiError(404, "NotFound", f"Report {report_id} was not found.")
        check_role(db, g.account.name, report["report_type"])
        return report

    @app.post("/reports/2021-06-30/reports")
    def create_report() -> tuple[Response, int]:
        asked = request.get_json(silent=True)
        if not isinstance(asked, dict):
            raise invalid_input("The request cannot be parsed.")
        report_type, marketplaces = asked.get("reportType"), asked.get("marketplaceIds")
        if report_type == SETTLEMENT:
            raise invalid_input("Request for report type 1118 is not allowed at this time")
        if report_type not in COLUMNS:
            raise invalid_input(f"report type {report_type} is invalid")
        if not isinstance(marketplaces, list) or not 1 <= len(marketplaces) <= 25:
            raise invalid_input("marketplaceIds must hold 1 to 25 ids.")
        with standin.store.transaction() as db:
            check_role(db, g.account.name, report_type)
            now = standin.now(db)
            since = _time(asked, "dataStartTime") or now
            until = _time(asked, "dataEndTime") or now
            if since > now or until < since:
                raise invalid_input("dataStartTime must be before now and before dataEndTime.")
            if until - since > LONGEST.get(report_type, timedelta(days=540)):
                raise invalid_input("The date range is too long for this report type.")
            fate = db.execute(
                "UPDATE report_fates SET is_taken = 1 WHERE id ="
                " (SELECT min(id) FROM report_fates WHERE is_taken = 0) RETURNING id"
            ).fetchone()
            report_id = new_report(
                *(db, g.account.name, report_type, marketplaces, (since, until), now),
                fate=None if fate is None else fate["id"],
            )
        return jsonify(reportId=report_id), 202

    @app.get("/reports/2021-06-30/reports")
    def get_reports() -> Response:
        """Newest first, in pages; `nextToken` stands for every parameter of the first page."""
        with standin.store.transaction() as db:
            if "nextToken" in request.args:
                if set(request.args) != {"nextToken"}:
                    raise invalid_input("nextToken must be the only parameter.")
                page = db.execute(
                    "SELECT * FROM report_pages WHERE token = ? AND account = ?",
                    (request.args["nextToken"], g.account.name),
                ).fetchone()
                if page is None:
                    raise invalid_input("nextToken is invalid.")
                query, below = json.loads(page["query"]), page["below"]
            else:
                query, below = _read_query(request.args.to_dict()), None
            for report_type in query["types"]:
                check_role(db, g.account.name, report_type)
            shown, more = _page(db, query, below, standin.now(db))
            answer: dict[str, Any] = {"reports": [described(row) for row in shown]}
            if more:
                token = f"sandbox-reports-{next_number(db, 'report_page')}"
                db.execute(
                    "INSERT INTO report_pages VALUES (?, ?, ?, ?)",
                    (token, g.account.name, json.dumps(query), shown[-1]["number"]),
                )
                answer["nextToken"] = token
        return jsonify(answer)

    @app.get("/reports/2021-06-30/reports/<report_id>")
    def get_report(report_id: str) -> Response:
        with standin.store.transaction() as db:
            return jsonify(described(own_report(db, report_id)))

    @app.delete("/reports/2021-06-30/reports/<report_id>")
    def cancel_report(report_id: str) -> Response:
        with standin.store.transaction() as db:
            report = own_report(db, report_id)
            if report["state"] != "IN_QUEUE":
                raise invalid_input("Only a report that is IN_QUEUE can be cancelled.")
            db.execute("UPDATE reports SET state = 'CANCELLED' WHERE report_id = ?", (report_id,))
        return jsonify({})

    @app.get("/reports/2021-06-30/documents/<document_id>")
    def get_report_document(document_id: str) -> Response:
        with standin.store.transaction() as db:
            row = db.execute(
                "SELECT report_documents.*, report_type FROM report_documents"
                " JOIN reports ON document = document_id WHERE document_id = ?",
                (document_id,),
            ).fetchone()
            if row is None:
                raise ApiError(404, "NotFound", "The report document was not found.")
            if row["account"] != g.account.name:
                raise unauthorized()
            check_role(db, g.account.name, row["report_type"])
            token = f"{next_number(db, 'report_url'):08x}-{document_id}"
            encoded = request.args.get("enableContentEncodingUrlHeader") == "true"
            db.execute(
                "UPDATE report_documents SET url_token = ?, url_until = ?, is_encoded = ?"
                " WHERE document_id = ?",
                (token, to_ms(standin.now(db) + URL_LIFE), int(encoded), document_id),
            )
        answer = {
            "reportDocumentId": document_id,
            "url": f"{request.host_url}report-documents/{token}",
        }
        if row["is_packed"]:
            answer["compressionAlgorithm"] = "GZIP"
        return jsonify(answer)

    @app.get("/report-documents/<token>")
    def get_report_document_body(token: str) -> Response:
        """The storage: no SP-API, and its refusals are XML."""
        if any(name.lower().startswith("x-amz") for name, _ in request.headers):
            abort(400, "a header that is not signed")
        with standin.store.transaction() as db:
            row = db.execute(
                "SELECT * FROM report_documents WHERE url_token = ?", (token,)
            ).fetchone()
            if row is None or row["url_until"] < to_ms(standin.now(db)):
                return Response(EXPIRED, status=403, content_type="application/xml")
        answer = Response(row["body"], content_type=row["content_type"])
        if row["is_packed"] and row["is_encoded"]:
            answer.headers["Content-Encoding"] = "gzip"
        return answer


def described(report: sqlite3.Row) -> dict[str, Any]:
    """A report as getReport and getReports show it."""
    created_at = from_ms(report["created_at"])
    answer = {
        "reportId": report["report_id"],
        "reportType": report["report_type"],
        "marketplaceIds": report["marketplaces"].split(","),
        "dataStartTime": iso(from_ms(report["since"])),
        "dataEndTime": iso(from_ms(report["until"])),
        "createdTime": iso(created_at),
        "processingStatus": report["state"],
    }
    if report["state"] in ("IN_PROGRESS", "DONE", "FATAL"):
        answer["processingStartTime"] = iso(created_at + QUEUED)
    if report["state"] in ("DONE", "FATAL"):
        answer["processingEndTime"] = iso(created_at + QUEUED + WORKED_ON)
    if report["document"]:
        answer["reportDocumentId"] = report["document"]
    return answer


def _time(asked: dict[str, Any], name: str) -> datetime | None:
    if asked.get(name) is None:
        return None
    try:
        return parse(str(asked[name]))
    except ValueError:
        raise invalid_input(f"{name} must be ISO 8601 with an offset.") from None


def _read_query(args: dict[str, str]) -> dict[str, Any]:
    listed = {
        name: [value for value in args.get(name, "").split(",") if value]
        for name in ("reportTypes", "processingStatuses", "marketplaceIds")
    }
    if not 1 <= len(listed["reportTypes"]) <= 10:
        raise invalid_input("reportTypes (1 to 10) or nextToken is required.")
    if set(listed["processingStatuses"]) - set(STATES) or len(listed["marketplaceIds"]) > 10:
        raise invalid_input("processingStatuses or marketplaceIds is invalid.")
    size = args.get("pageSize", "10")
    if not size.isdecimal() or not 1 <= int(size) <= 100:
        raise invalid_input("pageSize must be from 1 to 100.")
    times = {name: _time(dict(args), name) for name in ("createdSince", "createdUntil")}
    return {
        "types": listed["reportTypes"],
        "states": listed["processingStatuses"],
        "marketplaces": listed["marketplaceIds"],
        "size": int(size),
        **{name: None if moment is None else to_ms(moment) for name, moment in times.items()},
    }


def _page(
    db: sqlite3.Connection, query: dict[str, Any], below: int | None, now: datetime
) -> tuple[list[sqlite3.Row], bool]:
    """The rows of a page, and whether there are more."""
    oldest = to_ms(now - KEPT)
    rows = db.execute(
        "SELECT * FROM reports WHERE account = ? AND created_at BETWEEN ? AND ?"
        " AND (? IS NULL OR number < ?) ORDER BY number DESC",
        (
            *(g.account.name, max(oldest, query["createdSince"] or oldest)),
            *(query["createdUntil"] or to_ms(now), below, below),
        ),
    ).fetchall()
    wanted = [
        row
        for row in rows
        if row["report_type"] in query["types"]
        and (not query["states"] or row["state"] in query["states"])
        and (
            not query["marketplaces"]
            or set(row["marketplaces"].split(",")) & set(query["marketplaces"])
        )
    ]
    return wanted[: query["size"]], len(wanted) > query["size"]
