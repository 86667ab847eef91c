"""Asynchronous and bulk calls: accepted at once, done when the shop's queue consumer runs."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from typing import Any

from flask import Flask, Response, jsonify, request

from sandbox.magento.config import read_config
from sandbox.magento.errors import Crashed, Refused, no_such_entity
from sandbox.magento.fields import ORDER, Rules
from sandbox.magento.order_docs import find_order
from sandbox.magento.order_save import save_order
from sandbox.magento.shipments import make_shipment
from sandbox.magento.shop import Doc, Shop
from sandbox.magento.web import answer, body, input_rules, plain, rules_of, store_id

_DONE, _FAILED, _OPEN = 1, 3, 4
_SERVICES = {
    "async.magento.sales.api.orderrepositoryinterface.save.post": (
        r"Magento\Sales\Model\OrderRepository\Interceptor::save"
    ),
    "async.magento.sales.api.shiporderinterface.execute.post": (
        r"Magento\Sales\Model\ShipOrder::execute"
    ),
}
_ORDER, _SHIP = _SERVICES


def _php(value: Any) -> str:
    """JSON as PHP writes it: plain ASCII, slashes escaped."""
    return json.dumps(plain(value), separators=(",", ":")).replace("/", "\\/")


def _schedule(db: sqlite3.Connection, topic: str, calls: list[Doc], stamp: str) -> Doc:
    """Put calls into the queue as one bulk, and say under which number."""
    bulk = str(uuid.uuid4())
    db.execute("INSERT INTO bulks VALUES (?, ?, ?)", (bulk, topic, stamp))
    items = []
    for number, call in enumerate(calls):
        message = {"entity_id": None, "entity_link": "", "meta_information": _php(call)}
        data = _php(message | {"store_id": str(store_id())})
        db.execute(
            "INSERT INTO operations VALUES (?, ?, ?, ?, NULL, NULL, NULL)",
            (bulk, number, data, _OPEN),
        )
        digest = hashlib.sha256(data.encode()).hexdigest()
        items.append({"id": number, "data_hash": digest, "status": "accepted"})
    return {"bulk_uuid": bulk, "request_items": items, "errors": False}


def _run(db: sqlite3.Connection, topic: str, data: str, stamp: str, rules: Rules) -> Any:
    message = json.loads(data)
    call = json.loads(message["meta_information"])
    if topic == _SHIP:
        return str(make_shipment(db, find_order(db, int(call["orderId"])), call, stamp))
    saved = save_order(db, call.get("entity"), int(message["store_id"]), stamp, rules)
    if saved.complaint is not None:
        raise saved.complaint
    return saved.answer


def _filled(error: Refused) -> str:
    """A message with its placeholders filled, as an operation keeps it."""
    known = error.parameters or {}
    pairs = known.items() if isinstance(known, dict) else enumerate(known, 1)
    text = error.message
    for name, value in pairs:
        text = text.replace(f"%{name}", str(value))
    return text


def consume(shop: Shop) -> int:
    """Run every waiting operation, each in a transaction of its own; returns how many ran."""
    with shop.store.transaction() as db:
        rules = rules_of(read_config(db, bearer=shop.bearer))
        waiting = db.execute(
            "SELECT bulk_uuid, id, topic, data FROM operations JOIN bulks USING (bulk_uuid)"
            " WHERE status = ? ORDER BY bulks.rowid, id",
            (_OPEN,),
        ).fetchall()
    for row in waiting:
        named = (row["bulk_uuid"], row["id"])
        try:
            with shop.store.transaction() as db:
                result = _run(db, row["topic"], row["data"], shop.stamp(), rules)
                db.execute(
                    "UPDATE operations SET status = ?, data = NULL, message = ?, result = ?"
                    " WHERE (bulk_uuid, id) = (?, ?)",
                    (
                        _DONE,
                        f"Service execution success {_SERVICES[row['topic']]}",
                        _php(result),
                        *named,
                    ),
                )
        except (Refused, Crashed) as error:
            text = _filled(error) if isinstance(error, Refused) else "TypeError"
            with shop.store.transaction() as db:
                db.execute(
                    "UPDATE operations SET status = ?, message = ?, code = 0"
                    " WHERE (bulk_uuid, id) = (?, ?)",
                    (_FAILED, text, *named),
                )
    return len(waiting)


def _status(db: sqlite3.Connection, bulk: str, *, detailed: bool) -> Doc:
    known = db.execute("SELECT * FROM bulks WHERE bulk_uuid = ?", (bulk,)).fetchone()
    if known is None:
        raise no_such_entity()
    operations = []
    for row in db.execute("SELECT * FROM operations WHERE bulk_uuid = ? ORDER BY id", (bulk,)):
        shown: Doc = {"id": row["id"]}
        if detailed:
            shown |= {
                "bulk_uuid": bulk,
                "topic_name": known["topic"],
                "serialized_data": row["data"],
                "result_serialized_data": row["result"],
            }
        shown |= {"status": row["status"], "result_message": row["message"]}
        operations.append(shown | {"error_code": row["code"]})
    return {
        "operations_list": operations,
        "user_type": 1,
        "bulk_id": bulk,
        "description": f"Topic {known['topic']}",
        "start_time": known["start_time"],
        "user_id": 1,
        "operation_count": len(operations),
    }


def register(app: Flask, shop: Shop) -> None:
    """Add the asynchronous routes of orders and shipments, the bulks' status, the consumer."""

    def accept(topic: str, calls: list[Doc]) -> Response:
        if topic == _ORDER:
            # One order that cannot be read refuses them all.
            for call in calls:
                ORDER.read(call.get("entity"), input_rules())
        with shop.store.transaction() as db:
            return answer(_schedule(db, topic, calls, shop.stamp()), 202)

    @app.post("/rest/async/V1/orders")
    def async_order() -> Response:
        return accept(_ORDER, [body()])

    @app.post("/rest/async/bulk/V1/orders", endpoint="async_orders")
    def async_orders() -> Response:
        sent: Any = request.get_json()
        return accept(_ORDER, [dict(call) for call in sent])

    @app.post("/rest/async/V1/order/<segment:order_id>/ship")
    def async_ship(order_id: str) -> Response:
        return accept(_SHIP, [{"orderId": order_id} | body()])

    @app.get("/rest/V1/bulk/<segment:bulk>/status")
    def bulk_status(bulk: str) -> Response:
        with shop.store.transaction() as db:
            return answer(_status(db, bulk, detailed=False))

    @app.get("/rest/V1/bulk/<segment:bulk>/detailed-status")
    def bulk_detailed_status(bulk: str) -> Response:
        with shop.store.transaction() as db:
            return answer(_status(db, bulk, detailed=True))

    @app.post("/_control/consume")
    def control_consume() -> Response:
        return jsonify(operations=consume(shop))
