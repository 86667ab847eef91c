"""What both stand-ins share: a store that survives kill -9, faults on request, a journal of calls.

A stand-in is a Flask application. `attach` adds the control routes below `/_control/` and the fault
machinery; `serve` runs it on loopback with one thread per connection.
"""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, g, jsonify, request
from werkzeug.http import http_date
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

FAULT_KINDS = ("status", "quote", "html", "delay", "cut_before", "cut_after", "html_after")

SCHEMA = """
CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY, route TEXT, kind TEXT, status INTEGER, seconds REAL,
    contains TEXT, remaining INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY, at REAL, route TEXT, method TEXT, path TEXT, status INTEGER,
    fault TEXT);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


class Store:
    """A SQLite file; each change is one transaction: a killed stand-in keeps what it answered."""

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = SCHEMA + schema
        self._turn = threading.Lock()
        self._db: sqlite3.Connection | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.transaction() as db:
            self._create(db)

    def _create(self, db: sqlite3.Connection) -> None:
        for statement in self._schema.split(";"):
            db.execute(statement)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: committed at the end of the block, rolled back on an exception.

        Threads take turns on one connection: SQLite has one writer at a time anyway, and when the
        last connection is closed it writes everything into its file.
        """
        with self._turn:
            if self._db is None:
                self._db = sqlite3.connect(
                    self._path, timeout=30, isolation_level=None, check_same_thread=False
                )
                self._db.row_factory = sqlite3.Row
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the connection; the next transaction opens it anew."""
        with self._turn:
            if self._db is not None:
                self._db.close()
                self._db = None

    def reset(self) -> None:
        """Forget everything, as on the first start."""
        with self.transaction() as db:
            tables = db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
            for table in tables:
                db.execute(f'DROP TABLE "{table["name"]}"')
            self._create(db)


def next_number(db: sqlite3.Connection, name: str, start: int = 1) -> int:
    """The next value of a named counter: `start`, `start + 1`, …"""
    db.execute("INSERT OR IGNORE INTO counters VALUES (?, ?)", (name, start - 1))
    row = db.execute(
        "UPDATE counters SET value = value + 1 WHERE name = ? RETURNING value", (name,)
    ).fetchone()
    return int(row["value"])


def attach(app: Flask, store: Store, refusal: Callable[[str, str], Any]) -> None:
    """Add faults, the journal and the shared control routes to a stand-in.

    `refusal` writes words as an answer of the stand-in's, in one of `sandbox.quoting.FORMS`.

    A fault names a route by its Flask endpoint and is used up `times` times:

    - `status`: answer with `status` (and `body`, a JSON value) without doing anything
    - `quote`: the same with the stand-in's own refusal, which quotes `body` in the form `form`
    - `html`: answer `status` with an HTML page, as a proxy or the maintenance mode does; it shows
      `body`, if there is one
    - `delay`: wait `seconds`, then go on as usual
    - `cut_before`: close the connection before anything is done
    - `cut_after`: do everything, commit, then close the connection without an answer
    - `html_after`: do everything, commit, then answer as `html` does

    `contains` limits a fault to requests whose path, query or body holds that text.
    """

    def take_fault() -> sqlite3.Row | None:
        with store.transaction() as db:
            for fault in db.execute(
                "SELECT * FROM faults WHERE route IN (?, '*') AND remaining > 0 ORDER BY id",
                (request.endpoint,),
            ).fetchall():
                text = fault["contains"]
                if text and text not in request.full_path + request.get_data(as_text=True):
                    continue
                db.execute(
                    "UPDATE faults SET remaining = remaining - 1 WHERE id = ?", (fault["id"],)
                )
                return fault  # type: ignore[no-any-return]
        return None

    @app.before_request
    def apply_fault() -> Response | None:
        g.fault = None
        if request.path.startswith("/_control"):
            return None
        fault = take_fault()
        if fault is None:
            return None
        g.fault = fault["kind"]
        if fault["kind"] == "delay":
            time.sleep(fault["seconds"])
        elif fault["kind"] == "cut_before":
            return Response(status=599)
        elif fault["kind"] == "html":
            return _page(fault["status"], fault["body"])
        elif fault["kind"] == "html_after":
            g.status, g.shown = fault["status"], fault["body"]
        elif fault["kind"] == "status":
            return Response(fault["body"], status=fault["status"], mimetype="application/json")
        return None

    @app.after_request
    def date(response: Response) -> Response:
        response.headers.setdefault("Date", http_date())
        return response

    @app.after_request
    def journal(response: Response) -> Response:
        if request.path.startswith("/_control"):
            return response
        if g.get("fault") == "html_after":
            response = _page(g.status, g.shown)
        with store.transaction() as db:
            db.execute(
                "INSERT INTO calls (at, route, method, path, status, fault) VALUES (?,?,?,?,?,?)",
                (
                    time.time(),
                    request.endpoint,
                    request.method,
                    request.path,
                    response.status_code,
                    g.get("fault"),
                ),
            )
        if g.get("fault") in ("cut_before", "cut_after"):
            connection: socket.socket = request.environ["werkzeug.socket"]
            connection.shutdown(socket.SHUT_RDWR)
        return response

    @app.get("/_control/health")
    def control_health() -> Response:
        return jsonify(ok=True)

    @app.post("/_control/faults")
    def control_add_fault() -> Response:
        asked = request.get_json()
        if asked.get("kind") not in FAULT_KINDS:
            abort(400, f"kind must be one of {', '.join(FAULT_KINDS)}")
        kind, body = asked["kind"], asked.get("body")
        if kind == "quote":
            kind, body = "status", refusal(body, asked.get("form", "plain"))
        with store.transaction() as db:
            db.execute(
                "INSERT INTO faults (route, kind, status, seconds, contains, remaining, body)"
                " VALUES (?,?,?,?,?,?,?)",
                (
                    asked.get("route", "*"),
                    kind,
                    asked.get("status", 503),
                    asked.get("seconds", 0),
                    asked.get("contains"),
                    asked.get("times", 1),
                    json.dumps(body),
                ),
            )
        return jsonify(ok=True)

    @app.delete("/_control/faults")
    def control_clear_faults() -> Response:
        with store.transaction() as db:
            db.execute("DELETE FROM faults")
        return jsonify(ok=True)

    @app.get("/_control/calls")
    def control_calls() -> Response:
        """How often each route was called, by status: `{"create_order": {"200": 3, "400": 1}}`."""
        counted: dict[str, dict[str, int]] = {}
        with store.transaction() as db:
            for row in db.execute(
                "SELECT route, status, count(*) AS n FROM calls GROUP BY route, status"
            ):
                counted.setdefault(row["route"] or "unknown", {})[str(row["status"])] = row["n"]
        return jsonify(counted)


def _page(status: int, body: str) -> Response:
    shown = escape(json.loads(body) or "")
    page = f"<html><body><h1>Service Temporarily Unavailable</h1>{shown}</body></html>"
    return Response(page, status=status, mimetype="text/html")


class _QuietHandler(WSGIRequestHandler):
    """HTTP/1.1, one request per connection, and no line per request on the terminal."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        return

    def send_response(self, code: int, message: str | None = None) -> None:
        # Without the Date that the server would add: the application sends its own.
        self.send_response_only(code, message)


def make(app: Flask, port: int) -> BaseWSGIServer:
    """A server on 127.0.0.1; port 0 takes a free one. The caller runs `serve_forever`."""
    return make_server("127.0.0.1", port, app, threaded=True, request_handler=_QuietHandler)


def serve(app: Flask, store: Store, port: int) -> None:
    """Serve on 127.0.0.1 until SIGTERM or Ctrl-C, after a line that says where."""

    def stop(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    server = make(app, port)
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    finally:
        store.close()
