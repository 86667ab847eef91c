"""The Feeds API 2021-06-30: documents, feeds that take their time, reports.

A feed is worked on when its time has come on the stand-in's clock, at the next call of any kind.
"""

from __future__ import annotations

import gzip
import sqlite3
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, abort, g, jsonify, request

from sandbox.amazon.errors import ApiError, invalid_input, unauthorized
from sandbox.amazon.feed_work import FEED_TYPES, work
from sandbox.amazon.invoice_feed import INVOICE_FEED, keep_options, take_invoice
from sandbox.amazon.roles import check_role
from sandbox.amazon.state import Standin
from sandbox.amazon.times import from_ms, iso, parse, to_ms
from sandbox.core import next_number

URL_LIFE = timedelta(minutes=5)
QUEUED = timedelta(seconds=30)
WORKED_ON = timedelta(seconds=60)
LARGEST = 10 * 1024 * 1024
FATES = (
    *("DONE", "FATAL", "FATAL_HALF", "CANCELLED", "NO_REPORT", "BAD_REPORT", "MISSING_RESULT"),
    *("QUEUED", "STUCK"),
)
# These stay where they are until the control route gives them another fate.
STAYS_IN = {"QUEUED": "IN_QUEUE", "STUCK": "IN_PROGRESS"}
STATES = ("CANCELLED", "DONE", "FATAL", "IN_PROGRESS", "IN_QUEUE")


def add_feeds(app: Flask, standin: Standin) -> None:
    """Add the feed operations, the document URLs and the control route."""

    def url_of(db: sqlite3.Connection, document_id: str, now: datetime) -> str:
        token = f"{document_id}-{next_number(db, 'document_url')}"
        db.execute(
            "UPDATE feed_documents SET url_token = ?, url_until = ? WHERE document_id = ?",
            (token, to_ms(now + URL_LIFE), document_id),
        )
        return f"{request.host_url}feed-documents/{token}"

    def new_document(
        db: sqlite3.Connection, account: str, content_type: str, body: bytes | None = None
    ) -> str:
        document_id = f"amzn1.tortuga.4.eu.{next_number(db, 'feed_document')}"
        db.execute(
            "INSERT INTO feed_documents VALUES (?, ?, ?, ?, ?, 0)",
            (document_id, account, content_type, body, document_id),
        )
        return document_id

    def finish(db: sqlite3.Connection, feed: sqlite3.Row, now: datetime) -> None:
        """Do what the feed asks for, at once, and write its report.

        FATAL_HALF does half of it and writes none, MISSING_RESULT keeps back what became of the
        last message.
        """
        if feed["fate"] in ("FATAL", "CANCELLED"):
            db.execute("UPDATE feeds SET state = fate WHERE number = ?", (feed["number"],))
            return
        document = db.execute(
            "SELECT body FROM feed_documents WHERE document_id = ?", (feed["input"],)
        ).fetchone()
        if feed["feed_type"] == INVOICE_FEED:
            report = take_invoice(db, feed, now)
        else:
            report = work(db, feed, document["body"], now)
        if feed["fate"] == "FATAL_HALF":
            db.execute("UPDATE feeds SET state = 'FATAL' WHERE number = ?", (feed["number"],))
            return
        if feed["fate"] == "BAD_REPORT":
            report = b"<html>Service Unavailable</html"
        result = None
        if feed["fate"] != "NO_REPORT":
            result = new_document(db, feed["account"], "text/xml", gzip.compress(report))
        db.execute(
            "UPDATE feeds SET state = 'DONE', result = ? WHERE number = ?",
            (result, feed["number"]),
        )

    @app.before_request
    def work_on_feeds() -> None:
        if request.path.startswith("/_control/") and request.method != "GET":
            return
        with standin.store.transaction() as db:
            now = standin.now(db)
            for feed in db.execute(
                "SELECT * FROM feeds WHERE state IN ('IN_QUEUE', 'IN_PROGRESS') ORDER BY number"
            ).fetchall():
                age = now - from_ms(feed["created_at"])
                if feed["fate"] in STAYS_IN:
                    db.execute(
                        "UPDATE feeds SET state = ? WHERE number = ?",
                        (STAYS_IN[feed["fate"]], feed["number"]),
                    )
                elif age >= QUEUED + WORKED_ON:
                    finish(db, feed, now)
                elif age >= QUEUED:
                    db.execute(
                        "UPDATE feeds SET state = 'IN_PROGRESS' WHERE number = ?",
                        (feed["number"],),
                    )

    def described(feed: sqlite3.Row) -> dict[str, Any]:
        created_at = from_ms(feed["created_at"])
        answer = {
            "feedId": feed["feed_id"],
            "feedType": feed["feed_type"],
            "marketplaceIds": feed["marketplaces"].split(","),
            "createdTime": iso(created_at),
            "processingStatus": feed["state"],
        }
        if feed["state"] in ("IN_PROGRESS", "DONE", "FATAL"):
            answer["processingStartTime"] = iso(created_at + QUEUED)
        if feed["state"] in ("DONE", "FATAL"):
            answer["processingEndTime"] = iso(created_at + QUEUED + WORKED_ON)
        if feed["result"]:
            answer["resultFeedDocumentId"] = feed["result"]
        return answer

    def own_feed(db: sqlite3.Connection, feed_id: str) -> sqlite3.Row:
        feed: sqlite3.Row | None = db.execute(
            "SELECT * FROM feeds WHERE feed_id = ?", (feed_id,)
        ).fetchone()
        if feed is None:
            raise ApiError(404, "NotFound", f"Feed {feed_id} was not found.")
        if feed["account"] != g.account.name:
            raise unauthorized()
        return feed

    def own_document(db: sqlite3.Connection, document_id: object) -> sqlite3.Row:
        document: sqlite3.Row | None = db.execute(
            "SELECT * FROM feed_documents WHERE document_id = ?", (document_id,)
        ).fetchone()
        if document is None or document["account"] != g.account.name:
            raise invalid_input("The feed document was not found.")
        return document

    @app.post("/feeds/2021-06-30/documents")
    def create_feed_document() -> tuple[Response, int]:
        body = request.get_json(silent=True)
        content_type = body.get("contentType") if isinstance(body, dict) else None
        if not isinstance(content_type, str) or not content_type:
            raise invalid_input("contentType is required.")
        with standin.store.transaction() as db:
            document_id = new_document(db, g.account.name, content_type)
            url = url_of(db, document_id, standin.now(db))
        return jsonify(feedDocumentId=document_id, url=url), 201

    @app.put("/feed-documents/<token>")
    def put_feed_document(token: str) -> Response:
        """The storage: no SP-API, and the URL is signed for its content type alone."""
        with standin.store.transaction() as db:
            document = at_url(db, token)
            if request.headers.get("content-type") != document["content_type"]:
                abort(403, "SignatureDoesNotMatch")
            if document["body"] is not None:
                abort(403, "there is a document already")
            db.execute(
                "UPDATE feed_documents SET body = ? WHERE url_token = ?",
                (request.get_data(), token),
            )
        return Response(status=200)

    @app.get("/feed-documents/<token>")
    def get_feed_document_body(token: str) -> Response:
        with standin.store.transaction() as db:
            return Response(at_url(db, token)["body"], mimetype="application/octet-stream")

    def at_url(db: sqlite3.Connection, token: str) -> sqlite3.Row:
        if any(name.lower().startswith("x-amz") for name, _ in request.headers):
            abort(400, "a header that is not signed")
        document: sqlite3.Row | None = db.execute(
            "SELECT * FROM feed_documents WHERE url_token = ?", (token,)
        ).fetchone()
        if document is None or document["url_until"] < to_ms(standin.now(db)):
            abort(403, "Request has expired")
        return document

    @app.post("/feeds/2021-06-30/feeds")
    def create_feed() -> tuple[Response, int]:
        asked = request.get_json(silent=True)
        if not isinstance(asked, dict):
            raise invalid_input("The request cannot be parsed.")
        marketplaces = asked.get("marketplaceIds")
        if asked.get("feedType") not in (*FEED_TYPES, INVOICE_FEED):
            raise invalid_input("The feedType is invalid.")
        if not isinstance(marketplaces, list) or not 1 <= len(marketplaces) <= 25:
            raise invalid_input("marketplaceIds must hold 1 to 25 ids.")
        options = asked.get("feedOptions", {})
        if not isinstance(options, dict) or not all(isinstance(v, str) for v in options.values()):
            raise invalid_input("feedOptions must be an object of strings.")
        with standin.store.transaction() as db:
            check_role(db, g.account.name, asked["feedType"])
            document = own_document(db, asked.get("inputFeedDocumentId"))
            if document["body"] is None or len(document["body"]) > LARGEST:
                raise invalid_input("The feed document is missing or too large.")
            number = next_number(db, "feed", 50001)
            fate = db.execute("SELECT * FROM feed_fates ORDER BY id").fetchone()
            if fate is not None:
                db.execute("DELETE FROM feed_fates WHERE id = ?", (fate["id"],))
            db.execute(
                "INSERT INTO feeds VALUES (?, ?, ?, ?, ?, ?, NULL, ?, 'IN_QUEUE', ?)",
                (
                    number,
                    f"{number}020525",
                    g.account.name,
                    asked["feedType"],
                    ",".join(marketplaces),
                    document["document_id"],
                    to_ms(standin.now(db)),
                    fate["fate"] if fate is not None else "DONE",
                ),
            )
            keep_options(db, f"{number}020525", options)
        return jsonify(feedId=f"{number}020525"), 202

    @app.get("/feeds/2021-06-30/feeds")
    def get_feeds() -> Response:
        """Newest first. One page: a caller that wants more than 100 has to say a later time."""
        types = [name for name in request.args.get("feedTypes", "").split(",") if name]
        states = [state for state in request.args.get("processingStatuses", "").split(",") if state]
        if not types or any(state not in STATES for state in states):
            raise invalid_input("feedTypes or nextToken is required.")
        size = request.args.get("pageSize", "10")
        if not size.isdecimal() or not 1 <= int(size) <= 100:
            raise invalid_input("pageSize must be from 1 to 100.")
        try:
            since = parse(request.args.get("createdSince", "1970-01-01T00:00:00Z"))
        except ValueError:
            raise invalid_input("createdSince must be ISO 8601 with an offset.") from None
        with standin.store.transaction() as db:
            rows = db.execute(
                "SELECT * FROM feeds WHERE account = ? AND created_at >= ? ORDER BY number DESC",
                (g.account.name, to_ms(since)),
            ).fetchall()
        shown = [
            described(row)
            for row in rows
            if row["feed_type"] in types and (not states or row["state"] in states)
        ]
        return jsonify(feeds=shown[: int(size)])

    @app.get("/feeds/2021-06-30/feeds/<feed_id>")
    def get_feed(feed_id: str) -> Response:
        with standin.store.transaction() as db:
            return jsonify(described(own_feed(db, feed_id)))

    @app.delete("/feeds/2021-06-30/feeds/<feed_id>")
    def cancel_feed(feed_id: str) -> Response:
        with standin.store.transaction() as db:
            feed = own_feed(db, feed_id)
            if feed["state"] != "IN_QUEUE":
                raise invalid_input("Only a feed that is IN_QUEUE can be cancelled.")
            db.execute("UPDATE feeds SET state = 'CANCELLED' WHERE number = ?", (feed["number"],))
        return jsonify({})

    @app.get("/feeds/2021-06-30/documents/<document_id>")
    def get_feed_document(document_id: str) -> Response:
        with standin.store.transaction() as db:
            own_document(db, document_id)
            url = url_of(db, document_id, standin.now(db))
        return jsonify(feedDocumentId=document_id, url=url, compressionAlgorithm="GZIP")

    @app.post("/_control/feeds")
    def control_feed_fate() -> Response:
        """Give the next feed that is created an end of its own."""
        fate = request.get_json().get("fate")
        if fate not in FATES:
            abort(400, f"fate must be one of {', '.join(FATES)}")
        with standin.store.transaction() as db:
            db.execute("INSERT INTO feed_fates (fate) VALUES (?)", (fate,))
        return jsonify(ok=True)

    @app.post("/_control/feeds/<feed_id>")
    def control_change_fate(feed_id: str) -> Response:
        """Give a feed that Amazon has not come to an end with another fate."""
        fate = request.get_json().get("fate")
        if fate not in FATES:
            abort(400, f"fate must be one of {', '.join(FATES)}")
        with standin.store.transaction() as db:
            db.execute("UPDATE feeds SET fate = ? WHERE feed_id = ?", (fate, feed_id))
        return jsonify(ok=True)

    @app.get("/_control/feeds")
    def control_feeds() -> Response:
        """Every feed, with its document."""
        with standin.store.transaction() as db:
            rows = db.execute(
                "SELECT feeds.*, body FROM feeds JOIN feed_documents ON document_id = input"
                " ORDER BY number"
            ).fetchall()
        return jsonify(
            feeds=[
                {**described(row), "document": row["body"].decode(errors="replace")} for row in rows
            ]
        )
