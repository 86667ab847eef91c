"""Credit memos made offline, and what a refund does to stock."""

from __future__ import annotations

import sqlite3
from decimal import ROUND_HALF_UP, Decimal

from flask import Flask, Response

from sandbox.core import next_number
from sandbox.magento.errors import Crashed, Refused, no_such_entity
from sandbox.magento.invoices import document_table, quantities, refused
from sandbox.magento.order_docs import Order, find_order, write_order
from sandbox.magento.search import page_of
from sandbox.magento.shop import Doc, Shop, add_to, amount, customer_mail, dump, load, number
from sandbox.magento.states import DEFAULT_STATUS, after_document, can_refund, settle
from sandbox.magento.stock import deduct, reserve, reserved_sku, source_for
from sandbox.magento.web import answer, body, identifier, search_criteria

CREDITMEMOS = document_table(
    "creditmemos",
    ("created_at", "updated_at", "increment_id"),
    ("grand_total", "base_grand_total", "state", "store_id"),
)
REFUNDED = 2
_TAKEN_BACK = {"row": "amount_refunded", "tax": "tax_refunded", "discount": "discount_refunded"}


def make_refund(db: sqlite3.Connection, order: Order, sent: Doc, stamp: str) -> int:
    """Refund lines at what was invoiced for them, plus shipping and adjustments.

    Without `items` every line is refunded; a line of quantity 0 refunds nothing of it.
    """
    row, wanted = order.row, quantities(sent.get("items"))
    arguments = sent.get("arguments") or {}
    chosen: list[tuple[Doc, Decimal]] = []
    for item in order.items:
        left = amount(item.get("qty_invoiced")) - amount(item.get("qty_refunded"))
        qty = min(wanted.get(item["item_id"], Decimal(0)), left) if sent.get("items") else left
        if qty > 0:
            chosen.append((item, qty))
    faults = []
    if row.get("state") in ("payment_review", "holded", "canceled", "closed"):
        status = row.get("status")
        faults.append(f"A creditmemo can not be created when an order has a status of {status}")
    elif not can_refund(row, order.items):
        faults.append("The order does not allow a creditmemo to be created.")
    totals = _totals(row, chosen, arguments)
    available = amount(row.get("total_paid")) - amount(row.get("total_refunded"))
    if totals["grand_total"] > available:
        faults.append(f"The most money available to refund is {available:.2f}.")
    if faults:
        raise refused("Creditmemo", faults)
    for item, _ in chosen:
        if item.get("product_type") == "configurable":
            raise Refused(400, "Could not save a Creditmemo, see error log for details")
        if item.get("product_type") == "bundle":
            raise Crashed
    entity_id = _write(db, order, chosen, totals, stamp)
    returned = (arguments.get("extension_attributes") or {}).get("return_to_stock_items") or []
    for item, qty in chosen:
        _move_stock(db, order, item, qty, back=item["item_id"] in returned)
        shares = {column: _share(item, kind, qty) for kind, column in _TAKEN_BACK.items()}
        add_to(item, "qty_refunded", qty)
        for column, share in shares.items():
            add_to(item, column, share)
    for prefix in ("", "base_"):
        for ours, theirs in (
            ("subtotal_refunded", "subtotal"),
            ("tax_refunded", "tax_amount"),
            ("shipping_refunded", "shipping_amount"),
            ("total_refunded", "grand_total"),
            ("total_offline_refunded", "grand_total"),
        ):
            add_to(row, prefix + ours, totals[theirs])
    state = after_document(row, order.items, in_progress=False)
    if state != row.get("state"):
        row["state"], row["status"] = state, DEFAULT_STATUS[state]
    settle(row, order.items)
    if sent.get("notify"):
        customer_mail(db, "creditmemo", order.customer_id)
    write_order(db, order, stamp)
    return entity_id


def _share(item: Doc, kind: str, qty: Decimal) -> Decimal:
    """What `qty` units take of what is invoiced of a line and not refunded yet.

    In whole cents, but for the last units: those take what is left.
    """
    left = amount(item.get(f"{kind}_invoiced")) - amount(item.get(_TAKEN_BACK[kind]))
    units = amount(item.get("qty_invoiced")) - amount(item.get("qty_refunded"))
    if qty == units:
        return left
    if not units:
        return Decimal(0)
    return (left / units * qty).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def _totals(row: Doc, chosen: list[tuple[Doc, Decimal]], arguments: Doc) -> dict[str, Decimal]:
    def lines(key: str) -> Decimal:
        return sum((_share(item, key, qty) for item, qty in chosen), Decimal(0))

    subtotal, tax, discount = (
        lines("row"),
        lines("tax"),
        lines("discount"),
    )
    if arguments.get("shipping_amount") is not None:
        shipping = amount(arguments["shipping_amount"])
    else:
        shipping = amount(row.get("shipping_invoiced")) - amount(row.get("shipping_refunded"))
    positive = amount(arguments.get("adjustment_positive"))
    negative = amount(arguments.get("adjustment_negative"))
    grand = subtotal + tax - discount + shipping + positive - negative
    return {
        "subtotal": subtotal,
        "tax_amount": tax,
        "discount_amount": -discount,
        "shipping_amount": shipping,
        "adjustment_positive": positive,
        "adjustment_negative": negative,
        "adjustment": positive - negative,
        "grand_total": round(grand, 4),
    }


def _write(
    db: sqlite3.Connection,
    order: Order,
    chosen: list[tuple[Doc, Decimal]],
    totals: dict[str, Decimal],
    stamp: str,
) -> int:
    entity_id = next_number(db, "creditmemo")
    doc: Doc = {key: number(value) for key, value in totals.items()}
    doc |= {f"base_{key}": value for key, value in list(doc.items())}
    doc |= {
        "entity_id": entity_id,
        "increment_id": f"{entity_id:09d}",
        "order_id": order.entity_id,
        "state": REFUNDED,
        "created_at": stamp,
        "updated_at": stamp,
        "items": [
            {
                "order_item_id": item["item_id"],
                "parent_id": entity_id,
                "sku": item.get("sku"),
                "name": item.get("name"),
                "qty": number(qty),
                "row_total": number(_share(item, "row", qty)),
                "tax_amount": number(_share(item, "tax", qty)),
            }
            for item, qty in chosen
        ],
        "comments": [],
    }
    for key in ("store_id", "billing_address_id", "order_currency_code", "base_currency_code"):
        if order.row.get(key) is not None:
            doc[key] = order.row[key]
    db.execute("INSERT INTO creditmemos VALUES (?, ?, ?)", (entity_id, order.entity_id, dump(doc)))
    return entity_id


def _move_stock(
    db: sqlite3.Connection, order: Order, item: Doc, qty: Decimal, *, back: bool
) -> None:
    """Goods that a shipment took come back only when asked; others count as written off.

    A line without any shipment (an order fulfilled by Amazon) is taken from the source by its
    refund, unless it is returned to stock.
    """
    sku = reserved_sku(db, item)
    if sku is None or not db.execute("SELECT 1 FROM products WHERE sku = ?", (sku,)).fetchone():
        return
    shipped, source = Decimal(0), source_for(db)
    for row in db.execute("SELECT doc FROM shipments WHERE order_id = ?", (order.entity_id,)):
        shipment = load(row)
        for line in shipment["items"]:
            if line["order_item_id"] == item["item_id"]:
                shipped += amount(line["qty"])
                source = shipment.get("extension_attributes", {}).get("source_code", source)
    sent_out = min(qty, max(shipped - amount(item.get("qty_refunded")), Decimal(0)))
    never_sent = qty - sent_out
    if back:
        deduct(db, sku, -sent_out, source)
    else:
        deduct(db, sku, never_sent, source)
    reserve(db, sku, never_sent, "creditmemo_created", order.row.get("increment_id"))


def register(app: Flask, shop: Shop) -> None:
    """Add the credit memo routes."""

    @app.post("/rest/V1/order/<segment:order_id>/refund")
    def refund(order_id: str) -> Response:
        with shop.store.transaction() as db:
            order = find_order(db, identifier(order_id))
            made = make_refund(db, order, body(), shop.stamp())
        return answer(str(made))

    @app.get("/rest/V1/creditmemos")
    def creditmemos() -> Response:
        criteria = search_criteria()
        with shop.store.transaction() as db:
            rows, total = CREDITMEMOS.find(db, criteria)
        return answer(page_of([load(row) for row in rows], total, criteria))

    @app.get("/rest/V1/creditmemo/<segment:memo_id>")
    def creditmemo(memo_id: str) -> Response:
        with shop.store.transaction() as db:
            row = db.execute(
                "SELECT doc FROM creditmemos WHERE entity_id = ?", (identifier(memo_id),)
            ).fetchone()
        if row is None:
            raise no_such_entity()
        return answer(load(row))
