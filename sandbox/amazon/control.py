"""What a test or the demo may do to the stand-in that no seller can: orders, time, accounts."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from flask import Flask, Response, abort, jsonify, request

from sandbox.amazon.builders import stamped
from sandbox.amazon.state import (
    MAIN_ACCOUNT,
    Order,
    Standin,
    Stored,
    add_account,
    confirmations_of,
    find_order,
    forget_past,
    order_ids,
    save_order,
)
from sandbox.amazon.times import iso

ORDER_ID = re.compile(r"[0-9]{3}-[0-9]{7}-[0-9]{7}")


def merged(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396): null removes, arrays are replaced whole."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def check(order: Order) -> None:
    """A 400 when a part is missing that the stand-in itself needs."""
    if not ORDER_ID.fullmatch(str(order.get("orderId"))):
        abort(400, "orderId must be digits in 3-7-7 format")
    if not isinstance(order.get("salesChannel"), dict) or not order.get("orderItems"):
        abort(400, "salesChannel and orderItems are required")
    if not order.get("fulfillment", {}).get("fulfillmentStatus"):
        abort(400, "fulfillment.fulfillmentStatus is required")


def add_control(app: Flask, standin: Standin) -> None:
    """Add the control routes."""

    def stored_order(db: sqlite3.Connection, order_id: str) -> Stored:
        stored = find_order(db, order_id)
        if stored is None:
            abort(404, "no such order")
        return stored

    def described(db: sqlite3.Connection, order_id: str) -> dict[str, Any]:
        stored = stored_order(db, order_id)
        confirmations = confirmations_of(db, order_id)
        return {"account": stored.account, "order": stored.order, "confirmations": confirmations}

    def change(db: sqlite3.Connection, order_id: str, patch: Any) -> dict[str, Any]:
        stored = stored_order(db, order_id)
        order = merged(stored.order, patch)
        order["lastUpdatedTime"] = iso(standin.now(db))
        check(order)
        if order["orderId"] != order_id:
            abort(400, "orderId cannot be changed")
        save_order(db, stored.account, order)
        return described(db, order_id)

    @app.post("/_control/orders")
    def control_add_order() -> Response:
        """Store an order; one of the same id is replaced, and its past forgotten."""
        asked = request.get_json()
        account = asked.get("account", MAIN_ACCOUNT)
        order: Order = asked["order"]
        check(order)
        with standin.store.transaction() as db:
            add_account(db, account)
            forget_past(db, order["orderId"])
            save_order(db, account, stamped(order, standin.now(db)))
            return jsonify(described(db, order["orderId"]))

    @app.get("/_control/orders")
    def control_orders() -> Response:
        with standin.store.transaction() as db:
            return jsonify(orders=[described(db, order_id) for order_id in order_ids(db)])

    @app.get("/_control/orders/<order_id>")
    def control_order(order_id: str) -> Response:
        with standin.store.transaction() as db:
            return jsonify(described(db, order_id))

    @app.patch("/_control/orders/<order_id>")
    def control_change_order(order_id: str) -> Response:
        with standin.store.transaction() as db:
            return jsonify(change(db, order_id, request.get_json()))

    @app.post("/_control/orders/<order_id>/status")
    def control_move_order(order_id: str) -> Response:
        """Any status is taken, one Amazon does not know too; SHIPPED ships every quantity."""
        patch = {"fulfillment": {"fulfillmentStatus": request.get_json()["status"]}}
        with standin.store.transaction() as db:
            return jsonify(change(db, order_id, patch))

    @app.post("/_control/accounts")
    def control_account() -> Response:
        """Make or change an account; its refresh token is `Atzr|sandbox-<account>`."""
        asked = request.get_json()
        with standin.store.transaction() as db:
            add_account(db, asked["account"])
            db.execute(
                "UPDATE accounts SET pii = coalesce(?, pii), revoked = coalesce(?, revoked)"
                " WHERE name = ?",
                (asked.get("pii"), asked.get("revoked"), asked["account"]),
            )
        return jsonify(ok=True)

    @app.post("/_control/clock")
    def control_clock() -> Response:
        """Set how far the stand-in's time is from the machine's, in seconds."""
        with standin.store.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO clock VALUES (1, ?)",
                (float(request.get_json()["offset_s"]),),
            )
            return jsonify(now=iso(standin.now(db)))

    @app.post("/_control/reset")
    def control_reset() -> Response:
        """Forget everything, counters too: the same calls get the same answers again."""
        standin.store.reset()
        with standin.store.transaction() as db:
            add_account(db, MAIN_ACCOUNT)
        return jsonify(ok=True)
