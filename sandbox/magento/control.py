"""What a test or a demo does behind the shop's back: stock the shelves, ship as a clerk, look."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask import Flask, Response, jsonify, request

from sandbox.magento.catalog import find_product, save_product
from sandbox.magento.config import MAINTENANCE, write_config
from sandbox.magento.edits import edit
from sandbox.magento.errors import Refused
from sandbox.magento.order_docs import Order, find_order
from sandbox.magento.order_routes import cancel
from sandbox.magento.refunds import make_refund
from sandbox.magento.seed import seed
from sandbox.magento.shipments import find_shipment, late_track, make_shipment
from sandbox.magento.shop import Doc, Shop, load, number
from sandbox.magento.stock import level

_ITEM_SHOWN = (
    "item_id", "sku", "name", "product_id", "product_type", "qty_ordered", "qty_invoiced",
    "qty_shipped", "qty_canceled", "qty_refunded", "price", "row_total", "tax_amount",
    "discount_amount", "ext_order_item_id",
)  # fmt: skip
_ORDER_SHOWN = (
    "entity_id", "increment_id", "ext_order_id", "state", "status", "grand_total", "total_paid",
    "customer_id", "customer_is_guest", "store_id",
)  # fmt: skip


def _named(db: sqlite3.Connection, asked: Doc) -> Order:
    """The order meant by `entity_id` or, the newest one, by `increment_id`."""
    if asked.get("entity_id") is not None:
        return find_order(db, int(asked["entity_id"]))
    row = db.execute(
        "SELECT entity_id FROM orders WHERE increment_id = ? ORDER BY entity_id DESC",
        (asked.get("increment_id"),),
    ).fetchone()
    return find_order(db, row["entity_id"] if row else 0)


def _chosen(order: Order, asked: list[Doc]) -> list[Doc]:
    """Lines by their id, or by SKU, the first one that still has something open."""
    chosen = []
    for entry in asked:
        item_id = entry.get("order_item_id")
        if item_id is None:
            lines = [item for item in order.items if item.get("sku") == entry["sku"]]
            still = [item for item in lines if item["qty_shipped"] < item["qty_ordered"]]
            item_id = (still or lines)[0]["item_id"] if lines else 0
        chosen.append({"order_item_id": item_id, "qty": entry["qty"]})
    return chosen


def _summary(db: sqlite3.Connection, order: Order) -> Doc:
    def documents(table: str) -> list[Doc]:
        sql = f"SELECT doc FROM {table} WHERE order_id = ? ORDER BY entity_id"  # noqa: S608
        return [load(row) for row in db.execute(sql, (order.entity_id,))]

    invoices, shipments = documents("invoices"), documents("shipments")
    shown: Doc = {key: order.row.get(key) for key in _ORDER_SHOWN}
    shown["items"] = [{key: item.get(key) for key in _ITEM_SHOWN} for item in order.items]
    shown["invoices"] = len(invoices)
    shown["invoice_total"] = round(sum(invoice["grand_total"] for invoice in invoices), 4)
    shown["shipments"] = [
        {key: shipment[key] for key in ("entity_id", "tracks", "items")} for shipment in shipments
    ]
    return shown


def register(app: Flask, shop: Shop) -> None:
    """Add the control routes that know the shop; `sandbox.core` has the general ones."""

    def asked() -> Doc:
        sent: Any = request.get_json()
        return dict(sent)

    @app.post("/_control/reset")
    def control_reset() -> Response:
        shop.store.reset()
        shop.now.move(0.0)
        with shop.store.transaction() as db:
            seed(db, shop.stamp())
        return jsonify(ok=True)

    @app.post("/_control/products")
    def control_add_product() -> Response:
        sent = asked()
        product = {"name": sent["sku"], "price": 10} | sent
        if "qty" in sent:
            stock = {"qty": sent["qty"], "is_in_stock": sent.get("in_stock", sent["qty"] > 0)}
            product["extension_attributes"] = {"stock_item": stock | sent.get("stock", {})}
        with shop.store.transaction() as db:
            saved = save_product(db, product, shop.stamp())
        return jsonify(id=saved["id"], sku=saved["sku"])

    @app.post("/_control/products/<path:sku>")
    def control_patch_product(sku: str) -> Response:
        sent = asked()
        stock: Doc = {}
        if "qty" in sent:
            stock = {"qty": sent["qty"], "is_in_stock": sent["qty"] > 0}
        if "in_stock" in sent:
            stock["is_in_stock"] = sent["in_stock"]
        stock |= sent.get("stock", {})
        changed: Doc = {key: sent[key] for key in ("status", "name", "price") if key in sent}
        changed |= {"sku": sku, "extension_attributes": {"stock_item": stock}}
        with shop.store.transaction() as db:
            find_product(db, sku)
            save_product(db, changed, shop.stamp())
        return jsonify(ok=True)

    @app.post("/_control/ship")
    def control_ship() -> Response:
        sent = asked()
        with shop.store.transaction() as db:
            order = _named(db, sent)
            items = _chosen(order, sent.get("items") or [])
            made = make_shipment(
                db, order, {"items": items, "tracks": sent.get("tracks")}, shop.stamp()
            )
        return jsonify(shipment_id=made)

    @app.post("/_control/refund")
    def control_refund() -> Response:
        """A clerk's credit memo, of what the refund route takes too."""
        sent = asked()
        with shop.store.transaction() as db:
            made = make_refund(db, _named(db, sent), sent, shop.stamp())
        return jsonify(creditmemo_id=made)

    @app.get("/_control/creditmemos")
    def control_creditmemos() -> Response:
        """Every credit memo, with the marketplace's number of its order."""
        with shop.store.transaction() as db:
            rows = db.execute("SELECT doc, order_id FROM creditmemos ORDER BY entity_id").fetchall()
            orders = {row["order_id"]: find_order(db, row["order_id"]).row for row in rows}
        memos = [(load(row), orders[row["order_id"]]) for row in rows]
        return jsonify(
            [
                {
                    "entity_id": memo["entity_id"],
                    "ext_order_id": order.get("ext_order_id"),
                    "grand_total": memo["grand_total"],
                }
                for memo, order in memos
            ]
        )

    @app.post("/_control/clock")
    def control_clock() -> Response:
        """Set how far the shop's time is from the machine's, in seconds."""
        shop.now.move(float(asked()["offset_s"]))
        return jsonify(now=shop.stamp())

    @app.post("/_control/cancel")
    def control_cancel() -> Response:
        with shop.store.transaction() as db:
            done = cancel(db, _named(db, asked()), shop.stamp())
        return jsonify(canceled=done)

    @app.post("/_control/edit")
    def control_edit() -> Response:
        """A clerk's *Edit* of an order in the admin."""
        sent = asked()
        with shop.store.transaction() as db:
            child = edit(db, _named(db, sent), sent, shop.stamp())
        return jsonify(entity_id=child.entity_id, increment_id=child.row["increment_id"])

    @app.post("/_control/track")
    def control_track() -> Response:
        """A tracking number added later, to `shipment_id` or to the order's last shipment."""
        sent = asked()
        with shop.store.transaction() as db:
            if sent.get("shipment_id") is None:
                row = db.execute(
                    "SELECT max(entity_id) AS last FROM shipments WHERE order_id = ?",
                    (_named(db, sent).entity_id,),
                ).fetchone()
                shipment = find_shipment(db, row["last"] or 0)
            else:
                shipment = find_shipment(db, int(sent["shipment_id"]))
            ids = {"order_id": shipment["order_id"], "parent_id": shipment["entity_id"]}
            track = late_track(db, sent | ids, shop.stamp())
        return jsonify(track)

    @app.post("/_control/delete_shipment")
    def control_delete_shipment() -> Response:
        """A clerk's extension removes a shipment: its order and the stock stay as they are."""
        with shop.store.transaction() as db:
            doc = find_shipment(db, int(asked()["shipment_id"]))
            db.execute("DELETE FROM shipments WHERE entity_id = ?", (doc["entity_id"],))
        return jsonify(ok=True)

    @app.get("/_control/reservations")
    def control_reservations() -> Response:
        """Every reservation ever written: they are only added, never changed."""
        with shop.store.transaction() as db:
            rows = db.execute("SELECT * FROM reservations ORDER BY reservation_id").fetchall()
        return jsonify([dict(row) for row in rows])

    @app.get("/_control/orders")
    def control_orders() -> Response:
        with shop.store.transaction() as db:
            rows = db.execute("SELECT doc FROM orders ORDER BY entity_id").fetchall()
            orders = [_summary(db, Order(**json.loads(row["doc"]))) for row in rows]
        return jsonify(orders)

    @app.get("/_control/mails")
    def control_mails() -> Response:
        with shop.store.transaction() as db:
            rows = db.execute("SELECT kind, to_customer_id FROM mails ORDER BY mail_id").fetchall()
        return jsonify([dict(row) for row in rows])

    @app.get("/_control/stock/<path:sku>")
    def control_stock(sku: str) -> Response:
        with shop.store.transaction() as db:
            _, product = find_product(db, sku)
            now = level(db, product["sku"])
        return jsonify(
            source=number(now.source),
            reservations_sum=number(now.reservations),
            salable=number(now.salable),
        )

    @app.post("/_control/maintenance")
    def control_maintenance() -> Response:
        on = asked().get("on")
        if not isinstance(on, bool):
            raise Refused(400, "on must be true or false")
        with shop.store.transaction() as db:
            write_config(db, {MAINTENANCE: on})
        return jsonify(ok=True)

    @app.post("/_control/config")
    def control_config() -> Response:
        """Settings of the shop, by path; `sandbox.magento.config` names them all."""
        with shop.store.transaction() as db:
            write_config(db, asked())
        return jsonify(ok=True)
