"""Behind POST /V1/orders and PUT /V1/orders/create: one service that inserts or updates."""

from __future__ import annotations

import re
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any

from sandbox.core import next_number
from sandbox.magento.columns import ITEM_ZEROES, as_kept
from sandbox.magento.errors import Refused, internal_error
from sandbox.magento.fields import ORDER, ORDER_SCALARS, Rules
from sandbox.magento.order_docs import (
    Order,
    known_order,
    shown_address,
    shown_history,
    shown_item,
    shown_payment,
    shown_row,
    write_order,
)
from sandbox.magento.search import iso_stamp
from sandbox.magento.shop import STORES, Doc
from sandbox.magento.states import settle

_ADDRESS_NEEDS = {
    "postcode": "Zip code", "lastname": "Last name", "street": "Street", "city": "City",
    "email": "Email", "country_id": "Country", "firstname": "First Name",
    "address_type": "Address Type", "telephone": "Phone Number",
}  # fmt: skip


@dataclass(frozen=True)
class Saved:
    """The answer, and a complaint that comes *instead* of it although the order was saved."""

    answer: Doc
    complaint: Refused | None = None


def save_order(
    db: sqlite3.Connection, sent: Any, url_store: int, stamp: str, rules: Rules
) -> Saved:
    """Insert or update an order from the body's `entity`."""
    entity = ORDER.read(sent, rules)
    entity_id = entity.pop("entity_id", None)
    row = {key: value for key, value in entity.items() if key in ORDER_SCALARS}
    if row.get("created_at"):
        created = iso_stamp(row["created_at"])
        if created is None:
            raise internal_error()
        row["created_at"] = created
    row.pop("updated_at", None)
    if entity_id:
        return _update(db, int(entity_id), row, entity, stamp, rules)
    return _insert(db, row, entity, url_store, stamp, rules)


def _insert(
    db: sqlite3.Connection, row: Doc, entity: Doc, url_store: int, stamp: str, rules: Rules
) -> Saved:
    store = row.get("store_id")
    if store is not None and store not in STORES:
        raise Refused(
            404, "The store that was requested wasn't found. Verify the store and try again."
        )
    payment = _payment(entity)
    if (
        row.get("customer_id")
        and not db.execute(
            "SELECT 1 FROM customers WHERE entity_id = ?", (row["customer_id"],)
        ).fetchone()
    ):
        raise internal_error()
    extension = entity.get("extension_attributes", {})
    assignment = (extension.get("shipping_assignments") or [{}])[0]
    ships = {} if row.get("is_virtual") else assignment.get("shipping", {})
    email = row.get("customer_email") or ships.get("address", {}).get("email")
    if email:
        row["customer_email"] = email
    items = entity.get("items", [])
    settle(row, items)
    entity_id = next_number(db, "order")
    row["entity_id"] = entity_id
    row["protect_code"] = secrets.token_hex(16)
    row["total_item_count"] = len(items)
    row["store_name"] = f"Main Website\nMain Website Store\n{STORES[store or url_store][1]}"
    if not row.get("increment_id"):
        row["increment_id"] = _next_increment(db, url_store if store is None else store)
    row.setdefault("created_at", stamp)
    row["updated_at"] = stamp
    billing = _address(db, entity.get("billing_address"), entity_id, email)
    shipping = _address(db, ships.get("address"), entity_id, email)
    if billing is not None:
        row["billing_address_id"] = billing["entity_id"]
    lines = [_new_item(db, item, entity_id, stamp) for item in items]
    payment = payment | {"entity_id": next_number(db, "payment"), "parent_id": entity_id}
    histories = _histories(db, entity, entity_id)
    shown = shown_row(row)
    totals_due = {key: shown[key] for key in ("total_due", "base_total_due")}
    order = Order(
        row=as_kept(row | totals_due),
        items=[_kept_item(line) for line in lines],
        billing=as_kept(billing) if billing else None,
        shipping=as_kept(shipping) if shipping else None,
        shipping_method=ships.get("method"),
        payments=[as_kept(payment)],
        histories=[as_kept(entry | {"created_at": stamp}) for entry in histories],
        taxes=extension.get("taxes") or [],
        itemized_taxes=extension.get("additional_itemized_taxes") or [],
    )
    write_order(db, order, stamp)
    for address in (billing, shipping):
        _check_address(address, rules)
    shown["items"] = [shown_item(line, of_one=rules.latest) for line in lines]
    if billing is not None:
        shown["billing_address"] = shown_address(billing)
    shown["payment"] = shown_payment(payment)
    shown["status_histories"] = [shown_history(entry) for entry in histories]
    if "extension_attributes" in entity:
        shown["extension_attributes"] = _echoed(extension, shipping)
    return Saved(shown, _gift_complaint(entity))


def _update(
    db: sqlite3.Connection, entity_id: int, row: Doc, entity: Doc, stamp: str, rules: Rules
) -> Saved:
    """Only the columns that were sent are written; addresses in the body are ignored."""
    order = known_order(db, entity_id)
    sent_items = entity.get("items")
    settle(row, order.items if sent_items is None else sent_items)
    order.row |= as_kept(row)
    shown_items = []
    for item in sent_items or []:
        known = order.item(item.get("item_id"))
        if known is None:
            known = _new_item(db, item, entity_id, stamp)
            order.items.append(_kept_item(known))
            shown_items.append(known)
        else:
            kept = _columns(item)
            if any(known.get(key) != value for key, value in kept.items()):
                known |= kept | {"updated_at": stamp}
            taxes = item.get("extension_attributes", {}).get("itemized_taxes")
            if taxes is not None:
                known["itemized_taxes"] = taxes
            dates = {key: known[key] for key in ("created_at", "updated_at", "order_id")}
            shown_items.append(item | dates)
    payment = _payment(entity) if "payment" in entity else None
    if payment is not None:
        payment["parent_id"] = entity_id
        _merge_payment(db, order, payment)
    histories = _histories(db, entity, entity_id)
    order.histories += [as_kept(entry | {"created_at": stamp}) for entry in histories]
    extension = entity.get("extension_attributes", {})
    if "taxes" in extension:
        order.taxes = extension["taxes"] or []
    if "additional_itemized_taxes" in extension:
        order.itemized_taxes = extension["additional_itemized_taxes"] or []
    write_order(db, order, stamp)
    fixed = ("billing_address_id", "created_at", "entity_id", "updated_at")
    shown = shown_row(row | {key: order.row[key] for key in fixed if key in order.row})
    lines = order.items if sent_items is None else shown_items
    shown["items"] = [shown_item(_columns(line), of_one=rules.latest) for line in lines]
    if order.billing is not None:
        shown["billing_address"] = shown_address(order.billing)
    if payment or order.payments:
        shown["payment"] = shown_payment(payment or order.payments[0])
    shown["status_histories"] = [
        shown_history(entry)
        for entry in (histories if "status_histories" in entity else order.histories)
    ]
    return Saved(shown, _gift_complaint(entity))


def _payment(entity: Doc) -> Doc:
    if "payment" not in entity:
        raise Refused(400, "Please provide payment for the order.")
    payment: Doc = entity["payment"]
    if not payment.get("method"):
        raise Refused(400, "The payment method you requested is not available.")
    return payment


def _merge_payment(db: sqlite3.Connection, order: Order, payment: Doc) -> None:
    """Update the payment row that was named; without a name a second row is added."""
    known = next(
        (
            candidate
            for candidate in order.payments
            if candidate["entity_id"] == payment.get("entity_id")
        ),
        None,
    )
    if known is None:
        payment["entity_id"] = next_number(db, "payment")
        order.payments.append(as_kept(payment))
        return
    known["additional_information"] = None
    known |= as_kept(payment)


def _next_increment(db: sqlite3.Connection, store: int) -> str:
    """The number range of the store view: the first has no prefix."""
    prefix = str(store) if store != 1 else ""
    return prefix + f"{next_number(db, f'increment {store}'):09d}"


def _address(
    db: sqlite3.Connection, sent: Doc | None, order_id: int, email: str | None
) -> Doc | None:
    if sent is None:
        return None
    address = sent | {"entity_id": next_number(db, "order address"), "parent_id": order_id}
    if isinstance(address.get("street"), str):
        address["street"] = address["street"].split("\n")
    if email:
        address["email"] = email
    return address


def _check_address(address: Doc | None, rules: Rules) -> None:
    """The keys must be there; what they hold is not looked at, but for the e-mail's form.

    An e-mail that is not there has a wrong form since 2.4.8, and before was one of the keys.
    """
    if address is None:
        return
    faults = [
        f'"{label}" is required. Enter and try again.'
        for name, label in _ADDRESS_NEEDS.items()
        if name not in address and not (rules.latest and name == "email")
    ]
    email = address.get("email") or ""
    if (email or rules.latest) and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
        faults.append("Email has a wrong format")
    if faults:
        raise Refused(400, "We can't save the address:\n%1", ["\n".join(faults)])


def _new_item(db: sqlite3.Connection, item: Doc, order_id: int, stamp: str) -> Doc:
    ids = {"item_id": next_number(db, "order item"), "order_id": order_id}
    return item | ids | {"created_at": stamp, "updated_at": stamp}


def _columns(item: Doc) -> Doc:
    skipped = ("parent_item", "product_option", "extension_attributes", "itemized_taxes")
    return {key: value for key, value in item.items() if key not in skipped}


def _kept_item(item: Doc) -> Doc:
    kept = dict.fromkeys(ITEM_ZEROES, 0) | as_kept(_columns(item))
    taxes = item.get("extension_attributes", {}).get("itemized_taxes")
    return kept | {"itemized_taxes": taxes or []}


def _histories(db: sqlite3.Connection, entity: Doc, order_id: int) -> list[Doc]:
    return [
        entry | {"entity_id": next_number(db, "order history"), "parent_id": order_id}
        for entry in entity.get("status_histories", [])
    ]


def _echoed(extension: Doc, shipping: Doc | None) -> Doc:
    """The extension attributes as they were sent, the shipping address with its new ids."""
    echoed = dict(extension)
    assignments = [dict(assignment) for assignment in extension.get("shipping_assignments", [])]
    if assignments and shipping is not None:
        ships = assignments[0]["shipping"]
        assignments[0]["shipping"] = ships | {"address": shown_address(shipping)}
    if assignments:
        echoed["shipping_assignments"] = assignments
    return echoed


def _gift_complaint(entity: Doc) -> Refused | None:
    """Gift messages are off in the shop: the order is saved, and the answer is still 400."""
    why = ["The gift message isn't available."]
    if entity.get("extension_attributes", {}).get("gift_message"):
        return Refused(400, 'The gift message couldn\'t be added to the "%1" order.', why)
    if any(
        item.get("extension_attributes", {}).get("gift_message") for item in entity.get("items", [])
    ):
        return Refused(400, 'The gift message couldn\'t be added to the "%1" order item.', why)
    return None
