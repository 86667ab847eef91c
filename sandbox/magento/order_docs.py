"""Orders as they lie in the database, and as the API shows them."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from sandbox.magento.directory import region_of
from sandbox.magento.errors import Refused, internal_error, no_such_entity
from sandbox.magento.fields import TOTAL
from sandbox.magento.shop import Doc, amount, number

_ALWAYS = ("base_grand_total", "grand_total", "customer_email")
_NET_TOTALS = (
    ("row_total", "discount_amount"),
    ("base_row_total", "base_discount_amount"),
    ("row_total_incl_tax", "discount_amount"),
    ("base_row_total_incl_tax", "base_discount_amount"),
)
_OF_ONE = ("row_total", "base_row_total")


@dataclass
class Order:
    """One stored order: its row, and the rows that hang on it."""

    row: Doc
    items: list[Doc] = field(default_factory=list)
    billing: Doc | None = None
    shipping: Doc | None = None
    shipping_method: str | None = None
    payments: list[Doc] = field(default_factory=list)
    histories: list[Doc] = field(default_factory=list)
    taxes: list[Any] = field(default_factory=list)
    itemized_taxes: list[Any] = field(default_factory=list)

    @property
    def entity_id(self) -> int:
        return int(self.row["entity_id"])

    @property
    def customer_id(self) -> int | None:
        return self.row.get("customer_id")

    def item(self, item_id: Any) -> Doc | None:
        return next((item for item in self.items if item["item_id"] == item_id), None)


def find_order(db: sqlite3.Connection, entity_id: int) -> Order:
    """Read one order; 404 when there is none."""
    row = db.execute("SELECT doc FROM orders WHERE entity_id = ?", (entity_id,)).fetchone()
    if row is None:
        raise no_such_entity()
    return Order(**json.loads(row["doc"]))


def write_order(db: sqlite3.Connection, order: Order, stamp: str) -> None:
    """Save an order. `updated_at` moves only when a column of the order's own row changed.

    Raises the shop's 400 when (increment_id, store_id) is taken; NULL never is.
    """
    row = order.row
    values = (row.get("increment_id"), row.get("store_id"))
    known = db.execute("SELECT doc FROM orders WHERE entity_id = ?", (order.entity_id,)).fetchone()
    try:
        if known is None:
            db.execute(
                "INSERT INTO orders (entity_id, increment_id, store_id, doc) VALUES (?, ?, ?, ?)",
                (order.entity_id, *values, _dumped(order)),
            )
            return
        if json.loads(known["doc"])["row"] != row:
            row["updated_at"] = stamp
        db.execute(
            "UPDATE orders SET increment_id = ?, store_id = ?, doc = ? WHERE entity_id = ?",
            (*values, _dumped(order), order.entity_id),
        )
    except sqlite3.IntegrityError:
        raise Refused(400, "Unique constraint violation found") from None


def _dumped(order: Order) -> str:
    return json.dumps(vars(order), ensure_ascii=False)


def shown_row(row: Doc) -> Doc:
    """An order's own columns by name: NULL is left out, and what is due is worked out anew."""
    shown = {key: value for key, value in row.items() if value is not None}
    for key in _ALWAYS:
        shown.setdefault(key, None)
    for prefix in ("", "base_"):
        due = amount(row.get(prefix + "grand_total")) - amount(row.get(prefix + "total_paid"))
        shown[prefix + "total_due"] = number(max(due, amount(0)))
    return dict(sorted(shown.items()))


def shown_item(item: Doc, *, of_one: bool = False) -> Doc:
    """An order line. Its row totals are shown less its discount, unlike what is stored.

    Since 2.4.8 (`of_one`) `row_total` and its base twin are of one unit besides.
    """
    shown = {key: value for key, value in item.items() if value is not None}
    shown.setdefault("sku", None)
    if "price" in shown:
        shown.setdefault("original_price", shown["price"])
    for total, discount in _NET_TOTALS:
        units = amount(item.get("qty_ordered")) if of_one and total in _OF_ONE else amount(1)
        shown[total] = number(amount(item.get(total)) / (units or 1) - amount(item.get(discount)))
    if "parent_item" in shown:
        shown["parent_item"] = shown_item(shown["parent_item"], of_one=of_one)
    return shown


def shown_address(address: Doc) -> Doc:
    """An address; its region code is the region's own, or else the region's text again."""
    shown = {key: value for key, value in address.items() if value is not None}
    region = region_of(shown.get("country_id"), shown.get("region_id"))
    if region is not None:
        shown["region_code"] = region[0]
        shown.setdefault("region", region[1])
    elif shown.get("region"):
        shown["region_code"] = shown["region"]
    return shown


def shown_payment(payment: Doc) -> Doc:
    """A payment; of additional information only the values show."""
    shown = {key: value for key, value in payment.items() if value is not None}
    known = payment.get("additional_information") or []
    shown["additional_information"] = list(known.values()) if isinstance(known, dict) else known
    shown.setdefault("account_status", None)
    shown.setdefault("cc_last4", None)
    return shown


def shown_history(entry: Doc) -> Doc:
    shown = {key: value for key, value in entry.items() if value is not None}
    for key in ("comment", "is_customer_notified", "is_visible_on_front"):
        shown.setdefault(key, None)
    return shown


def shown_order(order: Order, *, of_one: bool) -> Doc:
    """An order as GET answers it; `of_one` as for its lines."""
    items = [shown_stored_item(item, of_one=of_one) for item in order.items]
    shown = shown_row(order.row)
    shown["items"] = items
    if order.billing is not None:
        shown["billing_address"] = shown_address(order.billing)
    if order.payments:
        shown["payment"] = shown_payment(order.payments[0])
    shown["status_histories"] = [shown_history(entry) for entry in order.histories]
    extension: Doc = {}
    if not order.row.get("is_virtual"):
        extension["shipping_assignments"] = [{"shipping": _shipping(order), "items": items}]
    known = order.payments[0].get("additional_information") or [] if order.payments else []
    pairs = known.items() if isinstance(known, dict) else enumerate(known)
    extension["payment_additional_info"] = [
        {"key": str(key), "value": value} for key, value in pairs
    ]
    extension["applied_taxes"] = [_applied(tax) for tax in order.taxes]
    extension["item_applied_taxes"] = []
    extension["converting_from_quote"] = False
    extension["taxes"] = order.taxes
    extension["additional_itemized_taxes"] = order.itemized_taxes
    shown["extension_attributes"] = extension
    return shown


def shown_stored_item(item: Doc, *, of_one: bool) -> Doc:
    """A line as it was read from the database, with the taxes that hang on it."""
    kept = {key: value for key, value in item.items() if key != "itemized_taxes"}
    return shown_item(kept, of_one=of_one) | {
        "extension_attributes": {"itemized_taxes": item.get("itemized_taxes", [])}
    }


def _shipping(order: Order) -> Doc:
    shipping: Doc = {}
    if order.shipping is not None:
        shipping["address"] = shown_address(order.shipping)
    if order.shipping_method is not None:
        shipping["method"] = order.shipping_method
    totals = {key: order.row[key] for key in TOTAL.scalars if order.row.get(key) is not None}
    shipping["total"] = totals or []
    return shipping


def _applied(tax: Doc) -> Doc:
    return {key: tax.get(key) for key in ("code", "title", "percent", "amount", "base_amount")}


def known_order(db: sqlite3.Connection, entity_id: int) -> Order:
    """The order an update names; an unknown id is an internal error, not a 404."""
    try:
        return find_order(db, entity_id)
    except Refused:
        raise internal_error() from None
