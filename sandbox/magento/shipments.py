"""Shipments and their tracking numbers, and what shipping does to order and stock."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import Any

from flask import Flask, Response

from sandbox.core import next_number
from sandbox.magento.errors import Refused, no_such_entity
from sandbox.magento.invoices import document_table, quantities, refused
from sandbox.magento.order_docs import Order, find_order, write_order
from sandbox.magento.search import page_of
from sandbox.magento.shop import (
    Doc,
    Shop,
    add_to,
    customer_mail,
    dump,
    load,
    number,
)
from sandbox.magento.states import can_ship, set_state, settle, unshipped
from sandbox.magento.stock import deduct, is_source, reserve, source_for, stocked_sku
from sandbox.magento.web import answer, body, identifier, part, search_criteria

SHIPMENTS = document_table(
    "shipments",
    ("created_at", "updated_at", "increment_id"),
    ("store_id", "total_qty", "customer_id", "shipping_address_id", "billing_address_id"),
)
_NOT_SAVED = "Could not save a shipment, see error log for details"


def make_shipment(db: sqlite3.Connection, order: Order, sent: Doc, stamp: str) -> int:
    """Ship the lines asked for, or all that is open; returns the shipment's entity id.

    A quantity above the open one is capped without a word, a finished line is left out. The
    source loses the goods and a reservation of the same size is written back.
    """
    row, wanted, tracks = order.row, quantities(sent.get("items")), sent.get("tracks") or []
    chosen: list[tuple[Doc, Decimal]] = []
    for item in order.items:
        open_qty = unshipped(item)
        asked = wanted.get(item["item_id"], Decimal(0)) if wanted else open_qty
        qty = min(asked, open_qty)
        if not item.get("is_qty_decimal"):
            qty = Decimal(int(qty))
        if qty > 0:
            chosen.append((item, qty))
    faults = []
    if row.get("state") in ("payment_review", "holded", "canceled") or row.get("is_virtual"):
        status = row.get("status")
        faults.append(f"A shipment cannot be created when an order has a status of {status}")
    elif not can_ship(row, order.items):
        faults.append("The order does not allow a shipment to be created.")
    if not chosen:
        faults.append("You can't create a shipment without products.")
    if any(not track.get("track_number") for track in tracks):
        faults.append("Please enter a tracking number.")
    if faults:
        raise refused("Shipment", faults)
    source = source_for(db, _named_source(sent))
    _take_stock(db, order, chosen, tracks, source)
    entity_id = _write(db, order, sent, chosen, stamp, source)
    for item, qty in chosen:
        add_to(item, "qty_shipped", qty)
        item["updated_at"] = stamp
    if row.get("state") == "new":
        set_state(row, "processing")
    settle(row, order.items)
    if sent.get("notify"):
        customer_mail(db, "shipment", order.customer_id)
    write_order(db, order, stamp)
    return entity_id


def _take_stock(
    db: sqlite3.Connection,
    order: Order,
    chosen: list[tuple[Doc, Decimal]],
    tracks: list[Doc],
    source: str,
) -> None:
    if not is_source(db, source) or any(not track.get("carrier_code") for track in tracks):
        raise Refused(400, _NOT_SAVED)
    for item, qty in chosen:
        sku = stocked_sku(db, item)
        if sku is None:
            continue
        if not deduct(db, sku, qty, source):
            raise Refused(400, _NOT_SAVED)
        reserve(db, sku, qty, "shipment_created", order.row.get("increment_id"))


def _named_source(sent: Doc) -> Any:
    return ((sent.get("arguments") or {}).get("extension_attributes") or {}).get("source_code")


def _write(
    db: sqlite3.Connection,
    order: Order,
    sent: Doc,
    chosen: list[tuple[Doc, Decimal]],
    stamp: str,
    source: str,
) -> int:
    entity_id = next_number(db, "shipment")
    doc: Doc = {"created_at": stamp, "entity_id": entity_id, "increment_id": f"{entity_id:09d}"}
    for key in ("billing_address_id", "customer_id", "store_id"):
        if order.row.get(key) is not None:
            doc[key] = order.row[key]
    if order.shipping is not None:
        doc["shipping_address_id"] = order.shipping["entity_id"]
    doc |= {
        "order_id": order.entity_id,
        "packages": [],
        "total_qty": number(sum((qty for _, qty in chosen), Decimal(0))),
        "updated_at": stamp,
        "items": [_line(db, entity_id, item, qty) for item, qty in chosen],
        "tracks": [
            _track(db, order.entity_id, entity_id, track, stamp)
            for track in sent.get("tracks") or []
        ],
        "comments": [],
        "extension_attributes": {"source_code": source},
    }
    text = (sent.get("comment") or {}).get("comment")
    if text:
        comment = {"comment": text, "parent_id": entity_id, "created_at": stamp}
        visible = int((sent["comment"]).get("is_visible_on_front") or 0)
        flags = {"is_customer_notified": int(bool(sent.get("notify")))}
        doc["comments"] = [comment | flags | {"is_visible_on_front": visible}]
    db.execute("INSERT INTO shipments VALUES (?, ?, ?)", (entity_id, order.entity_id, dump(doc)))
    return entity_id


def _line(db: sqlite3.Connection, shipment_id: int, item: Doc, qty: Decimal) -> Doc:
    line: Doc = {"entity_id": next_number(db, "shipment item"), "parent_id": shipment_id}
    for key in ("name", "price", "product_id", "sku", "weight"):
        if item.get(key) is not None:
            line[key] = item[key]
    return line | {"order_item_id": item["item_id"], "qty": number(qty)}


def _track(db: sqlite3.Connection, order_id: int, shipment_id: int, sent: Doc, stamp: str) -> Doc:
    return {
        "order_id": order_id,
        "created_at": stamp,
        "entity_id": next_number(db, "track"),
        "parent_id": shipment_id,
        "updated_at": stamp,
        "weight": sent.get("weight"),
        "qty": sent.get("qty"),
        "description": sent.get("description"),
        "track_number": sent.get("track_number"),
        "title": sent.get("title"),
        "carrier_code": sent.get("carrier_code"),
    }


def _keep(db: sqlite3.Connection, doc: Doc) -> None:
    db.execute("UPDATE shipments SET doc = ? WHERE entity_id = ?", (dump(doc), doc["entity_id"]))


def find_shipment(db: sqlite3.Connection, entity_id: int) -> Doc:
    row = db.execute("SELECT doc FROM shipments WHERE entity_id = ?", (entity_id,)).fetchone()
    if row is None:
        raise no_such_entity()
    return load(row)


def late_track(db: sqlite3.Connection, sent: Doc, stamp: str) -> Doc:
    """Add a track to a shipment. Neither the shipment's nor the order's updated_at moves."""
    unsaved = Refused(400, "Could not save the shipment tracking.")
    if any(not sent.get(key) for key in ("order_id", "parent_id", "track_number", "carrier_code")):
        raise unsaved
    try:
        doc = find_shipment(db, int(sent["parent_id"]))
    except Refused:
        raise unsaved from None
    if doc["order_id"] != int(sent["order_id"]):
        raise unsaved
    track = _track(db, doc["order_id"], doc["entity_id"], sent, stamp)
    doc["tracks"].append(track)
    _keep(db, doc)
    return track


def bare_shipment(db: sqlite3.Connection, sent: Doc, stamp: str) -> Doc:
    """Save a shipment as it was sent: it changes neither its order nor any stock."""
    order = find_order(db, int(sent.get("order_id") or 0))
    entity_id = next_number(db, "shipment")
    doc: Doc = {
        "created_at": stamp,
        "entity_id": entity_id,
        "increment_id": f"{entity_id:09d}",
        "order_id": order.entity_id,
        "packages": [],
        "updated_at": stamp,
        "items": [
            {"entity_id": next_number(db, "shipment item"), "parent_id": entity_id} | line
            for line in sent.get("items") or []
        ],
        "tracks": [
            _track(db, order.entity_id, entity_id, track, stamp)
            for track in sent.get("tracks") or []
        ],
        "comments": [],
    }
    db.execute("INSERT INTO shipments VALUES (?, ?, ?)", (entity_id, order.entity_id, dump(doc)))
    return doc


def register(app: Flask, shop: Shop) -> None:
    """Add the shipment routes."""

    @app.post("/rest/V1/order/<segment:order_id>/ship")
    def ship(order_id: str) -> Response:
        with shop.store.transaction() as db:
            order = find_order(db, identifier(order_id))
            made = make_shipment(db, order, body(), shop.stamp())
        return answer(str(made))

    @app.get("/rest/V1/shipments")
    def shipments() -> Response:
        criteria = search_criteria()
        with shop.store.transaction() as db:
            rows, total = SHIPMENTS.find(db, criteria)
        return answer(page_of([load(row) for row in rows], total, criteria))

    @app.get("/rest/V1/shipment/<segment:shipment_id>")
    def shipment(shipment_id: str) -> Response:
        with shop.store.transaction() as db:
            return answer(find_shipment(db, identifier(shipment_id)))

    @app.post("/rest/V1/shipment")
    def save_shipment() -> Response:
        sent = part("entity")
        with shop.store.transaction() as db:
            return answer(bare_shipment(db, sent, shop.stamp()))

    @app.post("/rest/V1/shipment/track")
    def add_track() -> Response:
        entity = part("entity")
        with shop.store.transaction() as db:
            track = late_track(db, entity, shop.stamp())
        return answer(track)

    @app.delete("/rest/V1/shipment/track/<segment:track_id>")
    def delete_track(track_id: str) -> Response:
        wanted = identifier(track_id)
        with shop.store.transaction() as db:
            row = db.execute(
                "SELECT shipments.doc FROM shipments, json_each(shipments.doc, '$.tracks') AS one"
                " WHERE json_extract(one.value, '$.entity_id') = ?",
                (wanted,),
            ).fetchone()
            if row is None:
                raise no_such_entity()
            doc = load(row)
            doc["tracks"] = [track for track in doc["tracks"] if track["entity_id"] != wanted]
            _keep(db, doc)
        return answer(True)
