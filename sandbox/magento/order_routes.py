"""Routes that create, read, find, cancel, hold and annotate orders."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask import Flask, Response

from sandbox.core import next_number
from sandbox.magento.columns import as_kept
from sandbox.magento.config import FAILING_CANCELS, STATUSES, is_at_least, write_config
from sandbox.magento.errors import Refused, internal_error, no_such_entity
from sandbox.magento.fields import ADDRESS, HISTORY, ITEM, ORDER_SCALARS
from sandbox.magento.order_docs import (
    Order,
    find_order,
    shown_address,
    shown_history,
    shown_order,
    shown_stored_item,
    write_order,
)
from sandbox.magento.order_save import save_order
from sandbox.magento.search import Column, Criteria, Filter, Table, page_of
from sandbox.magento.shop import Doc, Shop, add_to, amount, customer_mail, number
from sandbox.magento.states import DEFAULT_STATUS, can_cancel, not_sent, set_state, uninvoiced
from sandbox.magento.stock import reserve, reserved_sku
from sandbox.magento.web import (
    answer,
    config,
    identifier,
    input_rules,
    part,
    search_criteria,
    store_id,
)

_NUMERIC = ("int", "float")
_FRAUD = {"processing": ["fraud"], "payment_review": ["fraud"]}


def _order_column(name: str) -> Column | None:
    if name == "entity_id":
        return Column("entity_id", numeric=True)
    kind = ORDER_SCALARS.get(name)
    return Column(f"json_extract(doc, '$.row.{name}')", kind in _NUMERIC) if kind else None


def _item_column(name: str) -> Column | None:
    kind = ITEM.scalars.get(name)
    return Column(f"json_extract(line.value, '$.{name}')", kind in _NUMERIC) if kind else None


ORDERS = Table("orders", "doc", "entity_id", _order_column)
ORDER_ITEMS = Table(
    "orders, json_each(orders.doc, '$.items') AS line",
    "line.value AS doc",
    "json_extract(line.value, '$.item_id')",
    _item_column,
)


def give_back(db: sqlite3.Connection, order: Order) -> None:
    """Write what a cancellation gives back: what was ordered less what was shipped or invoiced.

    There is no floor at zero: a line shipped twice over writes a *negative* reservation.
    """
    for item in order.items:
        sku = reserved_sku(db, item)
        gone = max(amount(item.get("qty_shipped")), amount(item.get("qty_invoiced")))
        back = amount(item.get("qty_ordered")) - gone - amount(item.get("qty_canceled"))
        if sku is not None:
            reserve(db, sku, back, "order_canceled", order.row.get("increment_id"))


def cancel(db: sqlite3.Connection, order: Order, stamp: str) -> bool:
    """Cancel what is open; False when nothing can be cancelled."""
    if not can_cancel(order.row, order.items):
        return False
    give_back(db, order)
    state = "canceled"
    for item in order.items:
        if amount(item.get("qty_invoiced")) > amount(item.get("qty_refunded")):
            state = "processing" if not_sent(item) else "complete"
        add_to(item, "qty_canceled", min(uninvoiced(item), not_sent(item)))
        item["updated_at"] = stamp
    row = order.row
    for prefix in ("", "base_"):
        for name in ("subtotal", "tax", "shipping", "discount"):
            whole = prefix + (name if name == "subtotal" else name + "_amount")
            left = amount(row.get(whole)) - amount(row.get(f"{prefix}{name}_invoiced"))
            row[f"{prefix}{name}_canceled"] = number(abs(left))
        paid = amount(row.get(prefix + "total_paid"))
        row[prefix + "total_canceled"] = number(amount(row.get(prefix + "grand_total")) - paid)
    set_state(row, state)
    write_order(db, order, stamp)
    return True


def comment(db: sqlite3.Connection, order: Order, sent: Any, stamp: str) -> None:
    """Add a comment, and the status it names where the shop's version lets it change that.

    Before 2.4.7 any status is taken, and none at all leaves the order without one. 2.4.7 takes
    the order's own only, 2.4.8 any that belongs to the order's state.
    """
    entry = HISTORY.read(sent, input_rules())
    status = entry.get("status")
    if not input_rules().modern or status in _statuses(order.row.get("state")):
        order.row["status"] = status
    elif status is not None and status != order.row.get("status"):
        raise Refused(
            400,
            'Unable to add comment: The status "%1" is not part of the order\n'
            + " " * 17
            + "status history.",
            [status],
        )
    kept = entry | {
        "entity_id": next_number(db, "order history"),
        "parent_id": order.entity_id,
        "status": order.row.get("status"),
        "created_at": stamp,
    }
    order.histories.append(as_kept({"entity_name": "order"} | kept))
    if entry.get("is_customer_notified"):
        customer_mail(db, "order_comment", order.customer_id)
    write_order(db, order, stamp)


def _statuses(state: str | None) -> list[str]:
    """The statuses a comment may set on an order of this state."""
    if not is_at_least(config(), "2.4.8"):
        return []
    own = [status for status, owner in config()[STATUSES].items() if owner == state]
    return [*_FRAUD.get(state or "", []), DEFAULT_STATUS.get(state or "", ""), *own]


def _save_address(order: Order, sent: Any) -> Doc:
    address = ADDRESS.read(sent, input_rules())
    kind = "billing" if address.get("address_type") == "billing" else "shipping"
    known: Doc | None = getattr(order, kind)
    if known is None:
        raise Refused(400, "The order address couldn't be saved.")
    known |= as_kept(address)
    return shown_address(known)


def register(app: Flask, shop: Shop) -> None:
    """Add the order routes."""

    @app.post("/rest/V1/orders", endpoint="create_order")
    @app.put("/rest/V1/orders/create", endpoint="create_order")
    def create_order() -> Response:
        entity = part("entity")
        with shop.store.transaction() as db:
            saved = save_order(db, entity, store_id(), shop.stamp(), input_rules())
        if saved.complaint is not None:
            raise saved.complaint
        return answer(saved.answer)

    @app.get("/rest/V1/orders")
    def orders() -> Response:
        criteria = search_criteria()
        with shop.store.transaction() as db:
            rows, total = ORDERS.find(db, criteria)
        of_one = input_rules().latest
        orders = [shown_order(Order(**json.loads(row["doc"])), of_one=of_one) for row in rows]
        return answer(page_of(orders, total, criteria))

    @app.get("/rest/V1/orders/<segment:order_id>")
    def order(order_id: str) -> Response:
        with shop.store.transaction() as db:
            order = find_order(db, identifier(order_id))
        return answer(shown_order(order, of_one=input_rules().latest))

    @app.put("/rest/V1/orders/<segment:order_id>")
    def order_address(order_id: str) -> Response:
        entity = part("entity")
        with shop.store.transaction() as db:
            order = find_order(db, identifier(order_id))
            shown = _save_address(order, entity)
            write_order(db, order, shop.stamp())
        return answer(shown)

    @app.get("/rest/V1/orders/items")
    def order_items() -> Response:
        criteria = search_criteria()
        with shop.store.transaction() as db:
            rows, total = ORDER_ITEMS.find(db, criteria)
        of_one = input_rules().latest
        items = [shown_stored_item(json.loads(row["doc"]), of_one=of_one) for row in rows]
        return answer(page_of(items, total, criteria))

    @app.get("/rest/V1/orders/items/<segment:item_id>")
    def order_item(item_id: str) -> Response:
        asked = Criteria([[Filter("item_id", str(identifier(item_id)), "eq")]])
        with shop.store.transaction() as db:
            rows, _ = ORDER_ITEMS.find(db, asked)
        if not rows:
            raise no_such_entity()
        item = json.loads(rows[0]["doc"])
        return answer(shown_stored_item(item, of_one=input_rules().latest))

    @app.post("/rest/V1/orders/<segment:order_id>/cancel")
    def cancel_order(order_id: str) -> Response:
        failing = config()[FAILING_CANCELS]
        with shop.store.transaction() as db:
            order = find_order(db, identifier(order_id))
            if not failing:
                return answer(cancel(db, order, shop.stamp()))
            write_config(db, {FAILING_CANCELS: failing - 1})
            # Since 2.4.7 one transaction holds it all; before, what was reserved stays reserved.
            if not input_rules().modern and can_cancel(order.row, order.items):
                give_back(db, order)
        raise internal_error()

    @app.post("/rest/V1/orders/<segment:order_id>/hold")
    def hold_order(order_id: str) -> Response:
        with shop.store.transaction() as db:
            held = find_order(db, identifier(order_id))
            row = held.row
            if row.get("state") in ("canceled", "payment_review", "complete", "closed", "holded"):
                raise Refused(400, "A hold action is not available.")
            row["hold_before_state"] = row.get("state")
            row["hold_before_status"] = row.get("status")
            set_state(row, "holded")
            write_order(db, held, shop.stamp())
        return answer(True)

    @app.post("/rest/V1/orders/<segment:order_id>/unhold")
    def unhold_order(order_id: str) -> Response:
        with shop.store.transaction() as db:
            held = find_order(db, identifier(order_id))
            row = held.row
            if row.get("state") != "holded":
                raise Refused(400, "You cannot remove the hold.")
            state = row.pop("hold_before_state", None)
            status = row.pop("hold_before_status", None)
            row["state"], row["status"] = state, status or DEFAULT_STATUS.get(state or "")
            write_order(db, held, shop.stamp())
        return answer(True)

    @app.post("/rest/V1/orders/<segment:order_id>/comments")
    def order_comment(order_id: str) -> Response:
        sent = part("statusHistory")
        with shop.store.transaction() as db:
            comment(db, find_order(db, identifier(order_id)), sent, shop.stamp())
        return answer(True)

    @app.get("/rest/V1/orders/<segment:order_id>/comments")
    def order_comments(order_id: str) -> Response:
        with shop.store.transaction() as db:
            entries = find_order(db, identifier(order_id)).histories
        shown = [shown_history(entry) for entry in reversed(entries)]
        return answer(page_of(shown, len(shown), Criteria()))

    @app.get("/rest/V1/orders/<segment:order_id>/statuses")
    def order_status(order_id: str) -> Response:
        with shop.store.transaction() as db:
            return answer(find_order(db, identifier(order_id)).row.get("status"))
