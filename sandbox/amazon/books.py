"""The account's books: a transaction for each sale, refund and charge, deferred or released."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.amazon import transactions
from sandbox.amazon.builders import Order
from sandbox.amazon.changes import note_change
from sandbox.amazon.finance_knobs import knobs_of
from sandbox.amazon.proceeds import Amounts, paid_for
from sandbox.amazon.refund_rules import Adjusted
from sandbox.amazon.times import iso, parse, to_ms
from sandbox.amazon.transactions import Fee
from sandbox.core import next_number


@dataclass(frozen=True)
class Entry:
    """One item of a transaction: whose money, and what it is made of."""

    order_item_id: str | None
    sku: str | None
    asin: str | None
    title: str
    quantity: int
    reference: str | None
    leaves: Amounts
    fees: Mapping[str, Fee]

    @property
    def total(self) -> Decimal:
        """What the seller gets, or gives."""
        fees = sum((fee.amount for fee in self.fees.values()), Decimal(0))
        return sum(self.leaves.values(), fees)


@dataclass(frozen=True)
class Posting:
    """What is to be written into the books."""

    kind: str
    description: str
    currency: str
    at: datetime
    items: Sequence[Entry]
    marketplace: str | None = None
    order_id: str | None = None
    shipment_id: str | None = None
    refund_id: str | None = None
    made_by: str | None = None
    is_by_amazon: bool = False
    may_be_deferred: bool = False


def post_sale(db: sqlite3.Connection, account: str, order: Order) -> None:
    """Post the units that were shipped since the last time."""
    if not any(item["fulfillment"]["quantityFulfilled"] for item in order["orderItems"]):
        return
    order_id = order["orderId"]
    rows = db.execute("SELECT * FROM posted_units WHERE order_id = ?", (order_id,)).fetchall()
    posted = {row["item_id"]: row["quantity"] for row in rows}
    knobs = knobs_of(db, account)
    is_by_amazon = order["fulfillment"].get("fulfilledBy") == "AMAZON"
    entries, currency = [], "EUR"
    for item in order["orderItems"]:
        before, shipped = (
            posted.get(item["orderItemId"], 0),
            item["fulfillment"]["quantityFulfilled"],
        )
        if shipped <= before:
            continue
        paid = paid_for(item)
        currency, ordered = paid.currency, item["quantityOrdered"]
        fees = transactions.sale_fees(paid, before, shipped, ordered, by_amazon=is_by_amazon)
        if knobs["new_fee"] is not None:
            fees[transactions.NEW_FEE] = Fee(-Decimal(knobs["new_fee"]))
        leaves = transactions.sale(paid, before, shipped, ordered)
        entries.append(_entry(item, shipped - before, None, leaves, fees))
        db.execute(
            "INSERT OR REPLACE INTO posted_units VALUES (?, ?, ?)",
            (order_id, item["orderItemId"], shipped),
        )
    if entries:
        posting = Posting(
            kind="Shipment",
            description="Order Payment",
            currency=currency,
            at=parse(order["lastUpdatedTime"]),
            items=entries,
            marketplace=order["salesChannel"].get("marketplaceId"),
            order_id=order_id,
            shipment_id=str(next_number(db, "shipment", 14178712390001)),
            is_by_amazon=is_by_amazon,
            may_be_deferred=True,
        )
        post(db, account, posting)


def post_refund(
    db: sqlite3.Connection,
    account: str,
    order: Order,
    items: Sequence[Adjusted],
    before: Mapping[str, Amounts],
    *,
    refund_id: str,
    made_by: str,
    at: datetime,
) -> None:
    """Post a refund that was paid; `before` is what had been refunded earlier."""
    of_order = {item["orderItemId"]: item for item in order["orderItems"]}
    entries = []
    for adjusted in items:
        item = of_order[adjusted.item_id]
        paid, earlier = paid_for(item), before.get(adjusted.item_id, {})
        leaves = transactions.refund(paid, earlier, adjusted.amounts)
        fees = transactions.refund_fees(paid, earlier, adjusted.amounts)
        # The order's quantity: Finances does not say how many units came back.
        entry = _entry(item, item["quantityOrdered"], adjusted.reference, leaves, fees)
        entries.append(entry)
    posting = Posting(
        kind="Refund",
        description="Refund Order",
        currency=items[0].currency,
        at=at,
        items=entries,
        marketplace=order["salesChannel"].get("marketplaceId"),
        order_id=order["orderId"],
        refund_id=refund_id,
        made_by=made_by,
        is_by_amazon=order["fulfillment"].get("fulfilledBy") == "AMAZON",
        may_be_deferred=bool(knobs_of(db, account)["defer_refunds"]),
    )
    post(db, account, posting)


def post(db: sqlite3.Connection, account: str, posting: Posting) -> str:
    """Write a transaction and return its id. It can be read after the account's delay."""
    knobs = knobs_of(db, account)
    is_deferred = knobs["defer"] is not None and posting.may_be_deferred
    matures_at = posting.at + timedelta(days=knobs["defer_days"])
    number = next_number(db, "transaction")
    values = {
        "number": number,
        "transaction_id": opaque(f"transaction {number}"),
        "account": account,
        "kind": posting.kind,
        "description": posting.description,
        "status": "DEFERRED" if is_deferred else "RELEASED",
        "order_id": posting.order_id,
        "shipment_id": posting.shipment_id,
        "refund_id": posting.refund_id,
        "made_by": posting.made_by,
        "marketplace": posting.marketplace,
        "network": "AFN" if posting.is_by_amazon else "MFN",
        "currency": posting.currency,
        "posted_at": to_ms(posting.at),
        "visible_at": to_ms(posting.at + timedelta(seconds=knobs["delay_s"])),
        "deferral": knobs["defer"] if is_deferred else None,
        "matures_at": to_ms(matures_at) if is_deferred else None,
        "copy_of": None,
        "released_by": None,
        "group_id": None if is_deferred else open_group(db, account),
        "settlement_id": None,
        "items": json.dumps([_as_json(entry, number, n) for n, entry in enumerate(posting.items)]),
    }
    _insert(db, values)
    total = sum((entry.total for entry in posting.items), Decimal(0))
    told: dict[str, Any] = {"posted_at": iso(posting.at), "total": str(total)}
    told |= {key: values[key] for key in ("kind", "order_id", "marketplace", "currency")}
    note_change(db, account, "TRANSACTION_UPDATE", told)
    return str(values["transaction_id"])


def release(db: sqlite3.Connection, row: sqlite3.Row, at: datetime) -> None:
    """Release a deferred transaction: it changes its status, and a copy is posted as released."""
    number = next_number(db, "transaction")
    group = open_group(db, row["account"])
    delay = timedelta(seconds=knobs_of(db, row["account"])["delay_s"])
    copy_id = opaque(f"transaction {number}")
    changes = {
        "number": number,
        "transaction_id": copy_id,
        "status": "RELEASED",
        "posted_at": to_ms(at),
        "visible_at": to_ms(at + delay),
        "deferral": None,
        "matures_at": None,
        "copy_of": row["transaction_id"],
        "group_id": group,
    }
    _insert(db, dict(row) | changes)
    db.execute(
        "UPDATE transactions SET status = 'DEFERRED_RELEASED', released_by = ?, group_id = ?"
        " WHERE number = ?",
        (copy_id, group, row["number"]),
    )


def forget_transactions(db: sqlite3.Connection, order_id: str) -> None:
    """Forget the transactions of one order."""
    db.execute("DELETE FROM transactions WHERE order_id = ?", (order_id,))
    db.execute("DELETE FROM posted_units WHERE order_id = ?", (order_id,))


def open_group(db: sqlite3.Connection, account: str) -> str:
    """The group of financial events that the next settlement will close."""
    row = db.execute(
        "SELECT count(DISTINCT group_id) AS n FROM settlements WHERE account = ?", (account,)
    ).fetchone()
    return opaque(f"group {account} {row['n']}")


def entries_of(row: sqlite3.Row) -> list[Entry]:
    """The items of a stored transaction."""
    return [
        Entry(
            order_item_id=item["orderItemId"],
            sku=item["sku"],
            asin=item["asin"],
            title=item["title"],
            quantity=item["quantity"],
            reference=item["reference"],
            leaves={name: Decimal(amount) for name, amount in item["leaves"].items()},
            fees={
                name: Fee(Decimal(amount), Decimal(tax))
                for name, (amount, tax) in item["fees"].items()
            },
        )
        for item in json.loads(row["items"])
    ]


def opaque(text: str) -> str:
    """An id that says nothing, the same for the same text."""
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _entry(
    item: Mapping[str, Any],
    quantity: int,
    reference: str | None,
    leaves: Amounts,
    fees: Mapping[str, Fee],
) -> Entry:
    product = item.get("product") or {}
    return Entry(
        order_item_id=item["orderItemId"],
        sku=product.get("sellerSku"),
        asin=product.get("asin"),
        title=str(product.get("title", "")),
        quantity=quantity,
        reference=reference,
        leaves=leaves,
        fees=fees,
    )


def _as_json(entry: Entry, number: int, place: int) -> dict[str, Any]:
    return {
        "orderItemId": entry.order_item_id,
        "sku": entry.sku,
        "asin": entry.asin,
        "title": entry.title,
        "quantity": entry.quantity,
        "reference": entry.reference,
        # Amazon's number of the adjustment, which is not the order item's.
        "adjustmentItemId": f"{6226957000000 + 100 * number + place}",
        "leaves": {name: str(amount) for name, amount in entry.leaves.items()},
        "fees": {name: [str(fee.amount), str(fee.tax)] for name, fee in entry.fees.items()},
    }


def _insert(db: sqlite3.Connection, values: Mapping[str, Any]) -> None:
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    # The names are this module's own.
    db.execute(f"INSERT INTO transactions ({names}) VALUES ({places})", values)  # noqa: S608
