"""The refunds that Amazon paid, whoever asked for them, and those that wait for the dispatch.

Money goes out as often as it is asked for: nothing here compares a refund with an earlier one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.amazon.books import post_refund
from sandbox.amazon.builders import Order
from sandbox.amazon.errors import Refused
from sandbox.amazon.proceeds import ZERO, Amounts, Paid, paid_for
from sandbox.amazon.refund_rules import Adjusted, check_refund
from sandbox.amazon.times import from_ms, iso, parse, to_ms
from sandbox.core import next_number


@dataclass(frozen=True)
class Asked:
    """Who asked for a refund: SELLER_FEED, with its message, SELLER_CENTRAL, AMAZON, …"""

    by: str
    feed_id: str | None = None
    message_id: str | None = None


def paid_items(order: Order) -> dict[str, Paid]:
    """What was paid for each order item."""
    return {item["orderItemId"]: paid_for(item) for item in order["orderItems"]}


def refunded(db: sqlite3.Connection, order_id: str) -> dict[str, dict[str, Decimal]]:
    """What was refunded of each order item, by component."""
    sums: dict[str, dict[str, Decimal]] = {}
    for row in db.execute(
        "SELECT items FROM refunds WHERE order_id = ? AND state = 'PAID'", (order_id,)
    ).fetchall():
        for item in read_items(row["items"]):
            of_item = sums.setdefault(item.item_id, {})
            for component, amount in item.amounts.items():
                of_item[component] = of_item.get(component, ZERO) + amount
    return sums


def is_dispatched(order: Order, item_ids: Sequence[str]) -> bool:
    """Whether some unit of each of these items has been shipped."""
    counts = {item["orderItemId"]: item["fulfillment"] for item in order["orderItems"]}
    return all(counts[item_id]["quantityFulfilled"] for item_id in item_ids if item_id in counts)


def pay(
    db: sqlite3.Connection,
    account: str,
    order: Order,
    items: Sequence[Adjusted],
    asked: Asked,
    at: datetime,
) -> str:
    """Pay the buyer, unchecked, and return the refund's id."""
    before = refunded(db, order["orderId"])
    refund_id = _write(db, account, order["orderId"], items, asked, "PAID", at)
    post_refund(db, account, order, items, before, refund_id=refund_id, made_by=asked.by, at=at)
    return refund_id


def wait_for_dispatch(
    db: sqlite3.Connection,
    account: str,
    order_id: str,
    items: Sequence[Adjusted],
    asked: Asked,
    at: datetime,
) -> None:
    """Keep a refund until everything that it is about is shipped."""
    _write(db, account, order_id, items, asked, "PENDING", at)


def pay_dispatched(db: sqlite3.Connection, order: Order) -> None:
    """Pay what waited for this order's dispatch; what no longer fits is refused without a word."""
    for row in db.execute(
        "SELECT * FROM refunds WHERE order_id = ? AND state = 'PENDING' ORDER BY number",
        (order["orderId"],),
    ).fetchall():
        items = read_items(row["items"])
        if not is_dispatched(order, [item.item_id for item in items]):
            continue
        before, at = refunded(db, order["orderId"]), parse(order["lastUpdatedTime"])
        state = "PAID"
        try:
            check_refund(items, paid_items(order), before)
        except Refused:
            state = "REFUSED"
        db.execute(
            "UPDATE refunds SET state = ?, at = ? WHERE number = ?",
            (state, to_ms(at), row["number"]),
        )
        if state == "PAID":
            refund_id, made_by = row["refund_id"], row["asked_by"]
            post_refund(
                db,
                row["account"],
                order,
                items,
                before,
                refund_id=refund_id,
                made_by=made_by,
                at=at,
            )


def forget_refunds(db: sqlite3.Connection, order_id: str) -> None:
    """Forget the refunds of one order."""
    db.execute("DELETE FROM refunds WHERE order_id = ?", (order_id,))


def described(row: sqlite3.Row) -> dict[str, Any]:
    """A refund as the control route shows it; amounts are text."""
    items = read_items(row["items"])
    total = sum((amount for item in items for amount in item.amounts.values()), ZERO)
    return {
        "refundId": row["refund_id"],
        "account": row["account"],
        "orderId": row["order_id"],
        "by": row["asked_by"],
        "feedId": row["feed_id"],
        "messageId": row["message_id"],
        "state": row["state"],
        "at": iso(from_ms(row["at"])),
        "currency": items[0].currency,
        "total": str(total),
        "items": [_as_json(item) for item in items],
    }


def read_items(text: str) -> list[Adjusted]:
    """The items of a stored refund."""
    return [
        Adjusted(
            item_id=item["orderItemId"],
            reference=item["reference"],
            reason=item["reason"],
            currency=item["currency"],
            amounts={name: Decimal(amount) for name, amount in item["components"].items()},
        )
        for item in json.loads(text)
    ]


def everything_left(order: Order, before: Mapping[str, Amounts], reason: str) -> list[Adjusted]:
    """A refund of all that is left of an order's components."""
    items = []
    for item_id, paid in paid_items(order).items():
        of_item = before.get(item_id, {})
        amounts = {
            component: left
            for component, balance in paid.balances.items()
            if (left := balance - of_item.get(component, ZERO)) > 0
        }
        if amounts:
            items.append(Adjusted(item_id, None, reason, paid.currency, amounts))
    return items


def _write(
    db: sqlite3.Connection,
    account: str,
    order_id: str,
    items: Sequence[Adjusted],
    asked: Asked,
    state: str,
    at: datetime,
) -> str:
    number = next_number(db, "refund")
    refund_id = f"amzn1.refund.{number:06}"
    db.execute(
        "INSERT INTO refunds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number,
            refund_id,
            account,
            order_id,
            asked.by,
            asked.feed_id,
            asked.message_id,
            state,
            to_ms(at),
            json.dumps([_as_json(item) for item in items]),
        ),
    )
    return refund_id


def _as_json(item: Adjusted) -> dict[str, Any]:
    return {
        "orderItemId": item.item_id,
        "reference": item.reference,
        "reason": item.reason,
        "currency": item.currency,
        "components": {name: str(amount) for name, amount in item.amounts.items()},
    }
