"""What *Edit* does to an order in the admin: it is cancelled, and a new one takes its place."""

from __future__ import annotations

import sqlite3
from copy import deepcopy
from decimal import Decimal

from sandbox.core import next_number
from sandbox.magento.errors import Refused
from sandbox.magento.order_docs import Order, write_order
from sandbox.magento.order_routes import cancel
from sandbox.magento.shop import Doc, amount, number
from sandbox.magento.states import set_state
from sandbox.magento.stock import reserve, stocked_sku

_LOCKED = ("holded", "canceled", "payment_review", "complete", "closed")
_UNITS = ("qty_canceled", "qty_invoiced", "qty_refunded", "qty_shipped")
_MARKETPLACES = ("ext_order_id", "ext_customer_id")


def edit(db: sqlite3.Connection, order: Order, asked: Doc, stamp: str) -> Order:
    """Make NUMBER-1 of what is left of an order, tie both together, and cancel the first.

    `items` are the lines the clerk leaves, by `sku` with `qty` and `price`; all of them as they
    are without it. A line without a product cannot be quoted again and is dropped. What another
    system had written to the order (`ext_order_id`, `ext_order_item_id`) is not taken along,
    unless `keeps_numbers` says that the shop has a module for it.
    """
    row = order.row
    if row.get("state") in _LOCKED or any(amount(item.get("qty_invoiced")) for item in order.items):
        raise Refused(400, "The order can't be edited.")
    keeps_numbers = bool(asked.get("keeps_numbers"))
    child = _child(db, order, stamp, keeps_numbers=keeps_numbers)
    child.items = [
        line
        for item in order.items
        if (line := _line(db, item, child, asked.get("items"), keeps_numbers=keeps_numbers))
    ]
    _total(child, order)
    write_order(db, child, stamp)
    for line in child.items:
        sku = stocked_sku(db, line)
        if sku is not None:
            placed = -amount(line["qty_ordered"])
            reserve(db, sku, placed, "order_placed", child.row["increment_id"])
    row["relation_child_id"] = str(child.entity_id)
    row["relation_child_real_id"] = child.row["increment_id"]
    cancel(db, order, stamp)
    write_order(db, order, stamp)
    return child


def _child(db: sqlite3.Connection, order: Order, stamp: str, *, keeps_numbers: bool) -> Order:
    child = deepcopy(order)
    entity_id, row = next_number(db, "order"), child.row
    first = row.get("original_increment_id") or row["increment_id"]
    edits = int(row.get("edit_increment") or 0) + 1
    for name in () if keeps_numbers else _MARKETPLACES:
        row.pop(name, None)
    row |= {
        "entity_id": entity_id,
        "increment_id": f"{first}-{edits}",
        "original_increment_id": first,
        "edit_increment": edits,
        "relation_parent_id": str(order.entity_id),
        "relation_parent_real_id": order.row["increment_id"],
        "created_at": stamp,
        "updated_at": stamp,
    }
    set_state(row, "new")
    child.histories = []
    for payment in child.payments:
        payment |= {"entity_id": next_number(db, "payment"), "parent_id": entity_id}
    for address in filter(None, (child.billing, child.shipping)):
        address |= {"entity_id": next_number(db, "order address"), "parent_id": entity_id}
    if child.billing is not None:
        row["billing_address_id"] = child.billing["entity_id"]
    return child


def _line(
    db: sqlite3.Connection,
    item: Doc,
    child: Order,
    chosen: list[Doc] | None,
    *,
    keeps_numbers: bool,
) -> Doc | None:
    """A line of the new order; None when it is not taken along."""
    gone = max(amount(item.get("qty_shipped")), amount(item.get("qty_invoiced")))
    wanted: Doc | None = {"qty": amount(item["qty_ordered"]) - gone}
    if chosen is not None:
        wanted = next((entry for entry in chosen if entry["sku"] == item["sku"]), None)
    if not item.get("product_id") or wanted is None or not amount(wanted["qty"]):
        return None
    line = deepcopy(item) | {
        "item_id": next_number(db, "order item"),
        "order_id": child.entity_id,
        "qty_ordered": number(amount(wanted["qty"])),
        **dict.fromkeys(_UNITS, 0),
    }
    if not keeps_numbers:
        line.pop("ext_order_item_id", None)
    units, ordered = amount(wanted["qty"]), amount(item["qty_ordered"])
    price = amount(wanted.get("price", item.get("price")))
    for prefix in ("", "base_"):
        line[f"{prefix}price"] = number(price)
        line[f"{prefix}row_total"] = number(
            price * units
            if "price" in wanted
            else amount(item.get(f"{prefix}row_total")) * units / ordered
        )
    return line


def _total(child: Order, order: Order) -> None:
    """The totals follow the rows; tax, shipping and discount stay as they are."""

    def rows(of: Order, name: str) -> Decimal:
        return sum((amount(item.get(name)) for item in of.items), Decimal(0))

    for prefix in ("", "base_"):
        change = rows(child, f"{prefix}row_total") - rows(order, f"{prefix}row_total")
        for name in ("subtotal", "grand_total", "total_due"):
            child.row[prefix + name] = number(amount(order.row.get(prefix + name)) + change)
