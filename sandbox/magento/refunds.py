"""Credit memos made offline, and what a refund does to stock."""

from __future__ import annotations

import sqlite3
from decimal import ROUND_HALF_UP, Decimal

from flask import Flask, Response

from sandbox.core import next_number
from sandbox.magento.errors import Crashed, Refused
from sandbox.magento.invoices import document_table, quantities, refused
from sandbox.magento.memo_comments import add_comment, find_memo, register_comments
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
_KINDS = {
    "row": "amount_refunded",
    "tax": "tax_refunded",
    "discount": "discount_refunded",
    "discount_tax_compensation": "discount_tax_compensation_refunded",
}
_TAKEN_BACK = {p + kind: p + column for p in ("", "base_") for kind, column in _KINDS.items()}
_OF_A_LINE = {
    "row": "row_total",
    "tax": "tax_amount",
    "discount": "discount_amount",
    "discount_tax_compensation": "discount_tax_compensation_amount",
}
_OF_THE_ORDER = {
    "subtotal_refunded": "subtotal",
    "tax_refunded": "tax_amount",
    "discount_refunded": "discount_amount",
    "discount_tax_compensation_refunded": "discount_tax_compensation_amount",
    "shipping_refunded": "shipping_amount",
    "shipping_tax_refunded": "shipping_tax_amount",
    "adjustment_positive": "adjustment_positive",
    "adjustment_negative": "adjustment_negative",
    "total_refunded": "grand_total",
    "total_offline_refunded": "grand_total",
}


def make_refund(db: sqlite3.Connection, order: Order, sent: Doc, stamp: str) -> int:
    """Refund lines at what was invoiced for them, plus shipping and adjustments.

    Without `items` every line is refunded; a line of quantity 0 is in the memo and refunds nothing.
    """
    row, wanted = order.row, quantities(sent.get("items"))
    arguments = sent.get("arguments") or {}
    chosen: list[tuple[Doc, Decimal]] = []
    untouched: list[tuple[Doc, Decimal]] = []
    for item in order.items:
        left = amount(item.get("qty_invoiced")) - amount(item.get("qty_refunded"))
        qty = min(wanted.get(item["item_id"], Decimal(0)), left) if sent.get("items") else left
        if qty > 0:
            chosen.append((item, qty))
        elif item["item_id"] in wanted:
            untouched.append((item, Decimal(0)))
    faults = []
    if row.get("state") in ("payment_review", "holded", "canceled", "closed"):
        status = row.get("status")
        faults.append(f"A creditmemo can not be created when an order has a status of {status}")
    elif not can_refund(row, order.items):
        faults.append("The order does not allow a creditmemo to be created.")
    totals = _totals(row, chosen, arguments)
    available = amount(row.get("base_total_paid")) - amount(row.get("base_total_refunded"))
    if round(totals["base_grand_total"], 2) > round(available, 2):
        most = number(round(available, 2))
        faults.append(f"The most money available to refund is {most}.")
    if faults:
        raise refused("Creditmemo", faults)
    for item, _ in chosen:
        if item.get("product_type") == "configurable":
            raise Refused(400, "Could not save a Creditmemo, see error log for details")
        if item.get("product_type") == "bundle":
            raise Crashed
    entity_id = _write(db, order, chosen + untouched, totals, stamp)
    text = (sent.get("comment") or {}).get("comment")
    if text:
        seen = {"is_customer_notified": int(bool(sent.get("appendComment") and sent.get("notify")))}
        add_comment(db, entity_id, {**sent["comment"], **seen}, stamp)
    returned = (arguments.get("extension_attributes") or {}).get("return_to_stock_items") or []
    for item, qty in chosen:
        _move_stock(db, order, item, qty, back=item["item_id"] in returned)
        shares = {column: _share(item, kind, qty) for kind, column in _TAKEN_BACK.items()}
        add_to(item, "qty_refunded", qty)
        for column, share in shares.items():
            add_to(item, column, share)
    for prefix in ("", "base_"):
        for ours, total in _OF_THE_ORDER.items():
            add_to(row, prefix + ours, totals[prefix + total])
        whole = amount(row.get(prefix + "total_refunded"))
        row[prefix + "total_refunded"] = number(round(whole, 2))
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
    if not qty:
        return Decimal(0)
    left = amount(item.get(f"{kind}_invoiced")) - amount(item.get(_TAKEN_BACK[kind]))
    units = amount(item.get("qty_invoiced")) - amount(item.get("qty_refunded"))
    if qty == units:
        return left
    if not units:
        return Decimal(0)
    return (left / units * qty).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def _totals(row: Doc, chosen: list[tuple[Doc, Decimal]], arguments: Doc) -> dict[str, Decimal]:
    """The amounts of a memo. What its arguments name is in the shop's own (base) currency.

    With the shipping go its tax and its discount, in proportion.
    """
    whole = amount(row.get("base_shipping_amount"))
    if arguments.get("shipping_amount") is not None:
        given = amount(arguments["shipping_amount"])
    else:
        given = amount(row.get("base_shipping_invoiced")) - amount(
            row.get("base_shipping_refunded")
        )
    allowed = amount(row.get("base_shipping_amount")) - amount(row.get("base_shipping_refunded"))
    if round(given, 2) > round(allowed, 2):
        most = f"{row.get('base_currency_code') or ''} {allowed:.2f}".strip()
        raise Refused(400, "Maximum shipping amount allowed to refund is: %1", [most])
    part = given / whole if whole else Decimal(0)
    totals: dict[str, Decimal] = {}
    for p in ("", "base_"):
        rate = Decimal(1) if p else amount(row.get("base_to_order_rate")) or Decimal(1)
        sums = {
            kind: sum((_share(item, p + kind, qty) for item, qty in chosen), Decimal(0))
            for kind in _KINDS
        }
        shipping = amount(row.get(p + "shipping_amount")) * part if whole else given * rate
        shipping_tax = amount(row.get(p + "shipping_tax_amount")) * part
        tax = sums["tax"] + shipping_tax
        discount = sums["discount"] + amount(row.get(p + "shipping_discount_amount")) * part
        compensation = sums["discount_tax_compensation"]
        positive = amount(arguments.get("adjustment_positive")) * rate
        negative = amount(arguments.get("adjustment_negative")) * rate
        adjustment = positive - negative
        totals |= {
            p + "subtotal": sums["row"],
            p + "subtotal_incl_tax": sums["row"] + sums["tax"] + compensation,
            p + "tax_amount": tax,
            p + "discount_amount": -discount if discount else discount,
            p + "discount_tax_compensation_amount": compensation,
            p + "shipping_amount": shipping,
            p + "shipping_tax_amount": shipping_tax,
            p + "shipping_incl_tax": shipping + shipping_tax,
            p + "adjustment_positive": positive,
            p + "adjustment_negative": negative,
            p + "adjustment": adjustment,
            p + "grand_total": sums["row"] + tax - discount + compensation + shipping + adjustment,
        }
    return {key: round(value, 2 if "incl_tax" in key else 4) for key, value in totals.items()}


def _write(
    db: sqlite3.Connection,
    order: Order,
    chosen: list[tuple[Doc, Decimal]],
    totals: dict[str, Decimal],
    stamp: str,
) -> int:
    entity_id = next_number(db, "creditmemo")
    doc: Doc = {key: number(value) for key, value in totals.items()}
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
                **{
                    p + column: number(_share(item, p + kind, qty))
                    for p in ("", "base_")
                    for kind, column in _OF_A_LINE.items()
                },
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
            return answer(find_memo(db, identifier(memo_id)))

    register_comments(app, shop)
