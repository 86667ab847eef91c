"""Notifications API v1 for changed orders and posted money, and the messages: to a real SQS."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Sequence
from functools import cache
from typing import Any

from flask import Flask, Response, abort, g, jsonify, request

from sandbox.amazon.changes import TYPES
from sandbox.amazon.errors import ApiError, invalid_input
from sandbox.amazon.order_change import order_change
from sandbox.amazon.state import MAIN_ACCOUNT, Account, Standin
from sandbox.amazon.transaction_update import transaction_update
from sandbox.core import next_number

_ARN = re.compile(r"arn:aws:sqs:(\S+):(\S+):(\S+)")
_MESSAGES = {"ORDER_CHANGE": order_change, "TRANSACTION_UPDATE": transaction_update}
_DELIVERY = {"drop_every": 0, "copies": 1, "hold": 0}


def _not_there(what: str) -> ApiError:
    return ApiError(404, "NotFound", f"The {what} does not exist.")


def _conflict(words: str) -> ApiError:
    return ApiError(409, "Conflict", words)


class _Sqs:
    """Puts messages into queues below one endpoint. boto3 is slow to import: when first used."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._opening = threading.Lock()
        self._opened: dict[str, Any] = {}

    def send(self, arn: str, bodies: Sequence[str]) -> None:
        match = _ARN.fullmatch(arn)
        if match is None or arn.endswith(".fifo"):
            return  # Amazon delivers nothing to a FIFO queue
        region, owner, name = match.groups()
        for body in bodies:
            self._client(region).send_message(
                QueueUrl=f"{self._endpoint}/{owner}/{name}", MessageBody=body
            )

    def _client(self, region: str) -> Any:
        with self._opening:
            if region not in self._opened:
                import boto3.session

                self._opened[region] = boto3.session.Session().client(
                    "sqs",
                    region_name=region,
                    endpoint_url=self._endpoint,
                    aws_access_key_id="sandbox",
                    aws_secret_access_key="sandbox",  # noqa: S106 - what it sends to asks for any
                )
            return self._opened[region]


@cache
def _sqs(endpoint: str) -> _Sqs:
    return _Sqs(endpoint)


def add_notifications(app: Flask, standin: Standin) -> None:
    """Add the API's routes, the messages after each change, and the control routes."""
    _add_api(app, standin)
    if standin.options.sqs_endpoint is not None:
        _add_delivery(app, standin, _sqs(standin.options.sqs_endpoint))


def _add_api(app: Flask, standin: Standin) -> None:
    def destination(row: sqlite3.Row) -> dict[str, Any]:
        return {
            "destinationId": row["id"],
            "name": row["name"],
            "resource": {"sqs": {"arn": row["arn"]}},
        }

    def subscription(row: sqlite3.Row) -> dict[str, Any]:
        shown = {
            "subscriptionId": row["id"],
            "payloadVersion": "1.0",
            "destinationId": row["destination"],
        }
        if row["directive"] is not None:
            shown["processingDirective"] = json.loads(row["directive"])
        return shown

    @app.get("/notifications/v1/destinations")
    def get_destinations() -> Response:
        with standin.store.transaction() as db:
            rows = db.execute("SELECT * FROM destinations ORDER BY id").fetchall()
        return jsonify(payload=[destination(row) for row in rows])

    @app.post("/notifications/v1/destinations")
    def create_destination() -> Response:
        asked = request.get_json(silent=True) or {}
        arn = asked.get("resourceSpecification", {}).get("sqs", {}).get("arn", "")
        if not asked.get("name") or not _ARN.fullmatch(arn):
            raise invalid_input("The request has invalid parameters.")
        with standin.store.transaction() as db:
            if db.execute("SELECT 1 FROM destinations WHERE arn = ?", (arn,)).fetchone():
                raise _conflict("A destination with this resource already exists.")
            number = next_number(db, "destination")
            destination_id = f"{number:08x}-0000-4000-8000-{number:012x}"
            db.execute(
                "INSERT INTO destinations VALUES (?, ?, ?)", (destination_id, asked["name"], arn)
            )
            row = db.execute("SELECT * FROM destinations WHERE arn = ?", (arn,)).fetchone()
        return jsonify(payload=destination(row))

    @app.delete("/notifications/v1/destinations/<destination_id>")
    def delete_destination(destination_id: str) -> Response:
        with standin.store.transaction() as db:
            query = "SELECT 1 FROM subscriptions WHERE destination = ?"
            if db.execute(query, (destination_id,)).fetchone():
                raise _conflict("The destination has subscriptions.")
            gone = db.execute("DELETE FROM destinations WHERE id = ?", (destination_id,))
            if not gone.rowcount:
                raise _not_there("destination")
        return jsonify({})

    def known_type(notification_type: str) -> None:
        if notification_type not in TYPES:
            raise invalid_input("The notification type is not supported.")

    @app.get("/notifications/v1/subscriptions/<notification_type>")
    def get_subscription(notification_type: str) -> Response:
        known_type(notification_type)
        account: Account = g.account
        with standin.store.transaction() as db:
            row = _subscription(db, account.name, notification_type)
        if row is None:
            raise _not_there("subscription")
        return jsonify(payload=subscription(row))

    @app.post("/notifications/v1/subscriptions/<notification_type>")
    def create_subscription(notification_type: str) -> Response:
        known_type(notification_type)
        account: Account = g.account
        asked = request.get_json(silent=True) or {}
        directive = asked.get("processingDirective")
        if directive is not None:
            if directive.get("eventFilter", {}).get("eventFilterType") != notification_type:
                raise invalid_input("The processing directive is invalid.")
            directive = json.dumps(directive)
        destination_id = asked.get("destinationId")
        with standin.store.transaction() as db:
            query = "SELECT 1 FROM destinations WHERE id = ?"
            known = db.execute(query, (destination_id,)).fetchone()
            if asked.get("payloadVersion") != "1.0" or not known:
                raise invalid_input("The request has invalid parameters.")
            if _subscription(db, account.name, notification_type) is not None:
                raise _conflict("A subscription of this type already exists.")
            number = next_number(db, "subscription")
            subscription_id = f"{number:08x}-0000-4000-9000-{number:012x}"
            db.execute(
                "INSERT INTO subscriptions VALUES (?, ?, ?, ?, ?)",
                (account.name, notification_type, subscription_id, destination_id, directive),
            )
            row = _subscription(db, account.name, notification_type)
            assert row is not None  # noqa: S101 - it was stored a line above
        return jsonify(payload=subscription(row))

    @app.delete("/notifications/v1/subscriptions/<notification_type>/<subscription_id>")
    def delete_subscription(notification_type: str, subscription_id: str) -> Response:
        known_type(notification_type)
        with standin.store.transaction() as db:
            gone = db.execute("DELETE FROM subscriptions WHERE id = ?", (subscription_id,))
            if not gone.rowcount:
                raise _not_there("subscription")
        return jsonify({})


def _add_delivery(app: Flask, standin: Standin, sqs: _Sqs) -> None:
    def write(db: sqlite3.Connection) -> None:
        """Turn every change into a message, with the way it is to be delivered."""
        for change in db.execute("DELETE FROM changes RETURNING *").fetchall():
            row = _subscription(db, change["account"], change["type"])
            if row is None:
                continue
            number = next_number(db, "notification")
            body, write_message = json.loads(change["body"]), _MESSAGES[change["type"]]
            message = write_message(body, row["account"], row["id"], number, standin.now(db))
            how = _how(db)
            dropped = how["drop_every"] and number % how["drop_every"] == 0
            state = "dropped" if dropped else "held" if how["hold"] else "due"
            for _ in range(how["copies"]):
                db.execute(
                    "INSERT INTO notifications (arn, state, body) VALUES (?, ?, ?)",
                    (row["arn"], state, json.dumps(message)),
                )

    def deliver(newest_first: bool = False) -> None:
        with standin.store.transaction() as db:
            rows = db.execute(
                "UPDATE notifications SET state = 'sent' WHERE state = 'due' RETURNING *"
            ).fetchall()
        for row in sorted(rows, key=lambda row: int(row["id"]), reverse=newest_first):
            sqs.send(row["arn"], [row["body"]])

    @app.after_request
    def notify(response: Response) -> Response:
        with standin.store.transaction() as db:
            write(db)
        deliver()
        return response

    @app.get("/_control/notifications")
    def control_notifications() -> Response:
        """How many messages were sent, dropped and are held."""
        with standin.store.transaction() as db:
            rows = db.execute("SELECT state, count(*) AS n FROM notifications GROUP BY 1")
            counted = {row["state"]: row["n"] for row in rows.fetchall()}
        return jsonify({state: counted.get(state, 0) for state in ("sent", "dropped", "held")})

    @app.post("/_control/notifications")
    def control_delivery() -> Response:
        """Lose every `drop_every`-th message, send `copies` of each, or `hold` them all back."""
        how = _DELIVERY | request.get_json()
        if set(how) != set(_DELIVERY) or how["copies"] < 1:
            abort(400, f"only {', '.join(_DELIVERY)} can be set")
        with standin.store.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO delivery VALUES (1, :drop_every, :copies, :hold)", how
            )
        return jsonify(how)

    @app.post("/_control/notifications/release")
    def control_release() -> Response:
        """Send what was held back, the newest first when `reversed` is true."""
        with standin.store.transaction() as db:
            db.execute("UPDATE notifications SET state = 'due' WHERE state = 'held'")
        deliver(newest_first=bool(request.get_json().get("reversed")))
        return jsonify(ok=True)

    @app.post("/_control/notifications/garbage")
    def control_garbage() -> Response:
        """Send texts as they are to the queue of an account."""
        asked = request.get_json()
        with standin.store.transaction() as db:
            row = _subscription(db, asked.get("account", MAIN_ACCOUNT), "ORDER_CHANGE")
        if row is None:
            abort(404, "no such subscription")
        sqs.send(row["arn"], asked["bodies"])
        return jsonify(ok=True)


def _subscription(db: sqlite3.Connection, account: str, kind: str) -> sqlite3.Row | None:
    """An account's subscription of a type, with the ARN of its queue."""
    row: sqlite3.Row | None = db.execute(
        "SELECT subscriptions.*, arn FROM subscriptions"
        " JOIN destinations ON destinations.id = destination WHERE account = ? AND type = ?",
        (account, kind),
    ).fetchone()
    return row


def _how(db: sqlite3.Connection) -> dict[str, int]:
    row = db.execute("SELECT drop_every, copies, hold FROM delivery").fetchone()
    return dict(row) if row else _DELIVERY
