"""Invoices: amounts come from the order's subtotals and lines, never from its grand total."""

from __future__ import annotations

import json
import sqlite3
from decimal import Decimal
from typing import Any

from flask import Flask, Response

from sandbox.core import next_number
from sandbox.magento.errors import Refused, no_such_entity
from sandbox.magento.order_docs import Order, find_order, write_order
from sandbox.magento.search import Column, Table, page_of
from sandbox.magento.shop import Doc, Shop, add_to, amount, customer_mail, dump, load, number
from sandbox.magento.states import (
    DEFAULT_STATUS,
    after_document,
    can_invoice,
    settle,
    uninvoiced,
)
from sandbox.magento.stock import deduct, reserve, source_for, stocked_sku
from sandbox.magento.web import answer, body, identifier, search_criteria

PAID = 2
_INVOICED = {
    "row_total": "row_invoiced",
    "tax_amount": "tax_invoiced",
    "discount_amount": "discount_invoiced",
    "discount_tax_compensation_amount": "discount_tax_compensation_invoiced",
}
_TEXTS = (
    "base_currency_code", "created_at", "global_currency_code", "increment_id",
    "order_currency_code", "store_currency_code", "updated_at",
)  # fmt: skip
_NUMBERS = (
    "base_discount_amount", "base_grand_total", "base_shipping_amount", "base_subtotal",
    "base_tax_amount", "discount_amount", "grand_total", "order_id", "shipping_amount", "state",
    "store_id", "subtotal", "tax_amount", "total_qty",
)  # fmt: skip


def document_table(name: str, texts: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    """A table of sales documents and the fields that a search may name."""

    def column(field: str) -> Column | None:
        if field == "entity_id":
            return Column("entity_id", numeric=True)
        if field == "order_id":
            return Column("order_id", numeric=True)
        if field in texts or field in numbers:
            return Column(f"json_extract(doc, '$.{field}')", field in numbers)
        return None

    return Table(name, "doc", "entity_id", column)


INVOICES = document_table("invoices", _TEXTS, _NUMBERS)


def refused(kind: str, faults: list[str]) -> Refused:
    return Refused(400, f"{kind} Document Validation Error(s):\n" + "\n".join(faults))


def quantities(sent: Any) -> dict[Any, Decimal]:
    """`items: [{order_item_id, qty}]` of a document to be made, summed by line."""
    wanted: dict[Any, Decimal] = {}
    for entry in sent or []:
        item_id = entry.get("order_item_id")
        wanted[item_id] = wanted.get(item_id, Decimal(0)) + amount(entry.get("qty"))
    return wanted


def make_invoice(db: sqlite3.Connection, order: Order, sent: Doc, stamp: str) -> int:
    """Invoice the lines asked for, or all that is open, and pay it: the method is an offline one.

    Returns the invoice's entity id. Refuses with 400 what the shop's validators refuse.
    """
    row, wanted = order.row, quantities(sent.get("items"))
    chosen: list[tuple[Doc, Decimal]] = []
    for item in order.items:
        open_qty = Decimal(0) if item.get("locked_do_invoice") else uninvoiced(item)
        qty = wanted.get(item["item_id"], Decimal(0)) if wanted else open_qty
        if qty > open_qty and can_invoice(row, order.items):
            name = item.get("name") or item.get("sku")
            raise Refused(400, 'We found an invalid quantity to invoice item "%1".', [name])
        if min(qty, open_qty) > 0:
            chosen.append((item, min(qty, open_qty)))
    faults = []
    if row.get("state") in ("payment_review", "holded", "canceled", "complete", "closed"):
        state = row.get("status")
        faults.append(f"An invoice cannot be created when an order has a status of {state}")
    elif not can_invoice(row, order.items):
        faults.append("The order does not allow an invoice to be created.")
    if not chosen:
        faults.append("The invoice can't be created without products. Add products and try again.")
    if faults:
        raise refused("Invoice", faults)
    earlier = [
        load(row)
        for row in db.execute("SELECT doc FROM invoices WHERE order_id = ?", (order.entity_id,))
    ]
    last = all(
        uninvoiced(item) == next((q for i, q in chosen if i is item), 0) for item in order.items
    )
    invoice = _totals(row, chosen, first=not earlier, last=last)
    entity_id = _write(db, order, invoice, chosen, stamp)
    _book(order, invoice, chosen, earlier)
    for item, qty in chosen:
        if item.get("product_type") in ("virtual", "downloadable"):
            sku = stocked_sku(db, item)
            if sku is not None and deduct(db, sku, qty, source_for(db)):
                reserve(db, sku, qty, "invoice_created", row.get("increment_id"))
    row["state"] = after_document(row, order.items, in_progress=True)
    row["status"] = DEFAULT_STATUS[row["state"]]
    settle(row, order.items)
    if sent.get("notify"):
        customer_mail(db, "invoice", order.customer_id)
    write_order(db, order, stamp)
    return entity_id


def _share(item: Doc, key: str, qty: Decimal) -> Decimal:
    """What `qty` units of a line cost; the last ones that are neither invoiced nor cancelled take
    what is left."""
    if qty == uninvoiced(item):
        prefix, name = ("base_", key[5:]) if key.startswith("base_") else ("", key)
        return amount(item.get(key)) - amount(item.get(prefix + _INVOICED[name]))
    return amount(item.get(key)) * qty / amount(item["qty_ordered"])


def _totals(
    row: Doc, chosen: list[tuple[Doc, Decimal]], *, first: bool, last: bool
) -> dict[str, Decimal]:
    """The amounts of an invoice: the last one takes what is left, the first one the shipping."""
    totals: dict[str, Decimal] = {}
    for p in ("", "base_"):
        left = amount(row.get(p + "subtotal")) - amount(row.get(p + "subtotal_invoiced"))
        share = sum((_share(i, p + "row_total", q) for i, q in chosen), Decimal(0))
        subtotal = left if last else min(left, share)
        shipping = amount(row.get(p + "shipping_amount")) if first else Decimal(0)
        if last:
            tax = amount(row.get(p + "tax_amount")) - amount(row.get(p + "tax_invoiced"))
        else:
            tax = sum((_share(i, p + "tax_amount", q) for i, q in chosen), Decimal(0))
            tax += amount(row.get(p + "shipping_tax_amount")) if first else Decimal(0)
        discount = sum((_share(i, p + "discount_amount", q) for i, q in chosen), Decimal(0))
        discount += amount(row.get(p + "shipping_discount_amount")) if first else Decimal(0)
        compensation = sum(
            (_share(i, p + "discount_tax_compensation_amount", q) for i, q in chosen), Decimal(0)
        )
        totals[p + "subtotal"] = subtotal
        totals[p + "shipping_amount"] = shipping
        totals[p + "tax_amount"] = tax
        totals[p + "discount_amount"] = -discount
        totals[p + "grand_total"] = subtotal + shipping + tax - discount + compensation
    return {key: round(value, 4) for key, value in totals.items()}


def _write(
    db: sqlite3.Connection,
    order: Order,
    totals: dict[str, Decimal],
    chosen: list[tuple[Doc, Decimal]],
    stamp: str,
) -> int:
    entity_id = next_number(db, "invoice")
    doc: Doc = {key: number(value) for key, value in totals.items()}
    copied = ("store_id", "billing_address_id", "base_currency_code", "global_currency_code",
              "order_currency_code", "store_currency_code", "base_to_order_rate")  # fmt: skip
    doc |= {key: order.row[key] for key in copied if order.row.get(key) is not None}
    if order.shipping is not None:
        doc["shipping_address_id"] = order.shipping["entity_id"]
    doc |= {
        "entity_id": entity_id,
        "increment_id": f"{entity_id:09d}",
        "order_id": order.entity_id,
        "state": PAID,
        "total_qty": number(sum((qty for _, qty in chosen), Decimal(0))),
        "created_at": stamp,
        "updated_at": stamp,
        "items": [_line(entity_id, item, qty) for item, qty in chosen],
        "comments": [],
    }
    db.execute("INSERT INTO invoices VALUES (?, ?, ?)", (entity_id, order.entity_id, dump(doc)))
    return entity_id


def _line(invoice_id: int, item: Doc, qty: Decimal) -> Doc:
    line: Doc = {"parent_id": invoice_id, "order_item_id": item["item_id"], "qty": number(qty)}
    for key in ("sku", "name", "product_id", "price", "base_price", "price_incl_tax"):
        if item.get(key) is not None:
            line[key] = item[key]
    for key in ("row_total", "base_row_total", "tax_amount", "base_tax_amount", "discount_amount"):
        line[key] = number(_share(item, key, qty))
    return line


def _book(
    order: Order,
    totals: dict[str, Decimal],
    chosen: list[tuple[Doc, Decimal]],
    earlier: list[Doc],
) -> None:
    row = order.row
    for p in ("", "base_"):
        add_to(row, p + "subtotal_invoiced", totals[p + "subtotal"])
        add_to(row, p + "tax_invoiced", totals[p + "tax_amount"])
        add_to(row, p + "shipping_invoiced", totals[p + "shipping_amount"])
        add_to(row, p + "discount_invoiced", totals[p + "discount_amount"])
        add_to(row, p + "total_invoiced", totals[p + "grand_total"])
        paid = sum((amount(invoice.get(p + "grand_total")) for invoice in earlier), Decimal(0))
        paid += totals[p + "grand_total"]
        # What was written as paid at creation is replaced: paid is what invoices say.
        row[p + "total_paid"] = number(paid) if paid else row.get(p + "total_paid")
        due = amount(row.get(p + "grand_total")) - amount(row.get(p + "total_paid"))
        row[p + "total_due"] = number(max(due, Decimal(0)))
    for item, qty in chosen:
        shares = {
            p + booked: _share(item, p + key, qty)
            for p in ("", "base_")
            for key, booked in _INVOICED.items()
        }
        add_to(item, "qty_invoiced", qty)
        for booked, share in shares.items():
            add_to(item, booked, share)


def register(app: Flask, shop: Shop) -> None:
    """Add the invoice routes."""

    @app.post("/rest/V1/order/<segment:order_id>/invoice")
    def invoice(order_id: str) -> Response:
        with shop.store.transaction() as db:
            order = find_order(db, identifier(order_id))
            made = make_invoice(db, order, body(), shop.stamp())
        return answer(str(made))

    @app.get("/rest/V1/invoices")
    def invoices() -> Response:
        criteria = search_criteria()
        with shop.store.transaction() as db:
            rows, total = INVOICES.find(db, criteria)
        return answer(page_of([json.loads(row["doc"]) for row in rows], total, criteria))

    @app.get("/rest/V1/invoices/<segment:invoice_id>")
    def get_invoice(invoice_id: str) -> Response:
        with shop.store.transaction() as db:
            row = db.execute(
                "SELECT doc FROM invoices WHERE entity_id = ?", (identifier(invoice_id),)
            ).fetchone()
        if row is None:
            raise no_such_entity()
        return answer(load(row))
