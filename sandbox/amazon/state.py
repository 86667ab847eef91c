"""What the stand-in remembers: accounts, tokens, buckets, pages, orders and confirmations."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.amazon.books import forget_transactions, post_sale
from sandbox.amazon.changes import note_change
from sandbox.amazon.quota import USAGE_PLAN, Quota
from sandbox.amazon.refunds import forget_refunds, pay_dispatched
from sandbox.amazon.times import Clock, parse, to_ms
from sandbox.core import Store

Order = dict[str, Any]

MAIN_ACCOUNT = "main"

SCHEMA = """
CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY, offset_s REAL NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (
    name TEXT PRIMARY KEY, pii INTEGER NOT NULL DEFAULT 1, revoked INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY, account TEXT, expires_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS buckets (
    account TEXT, operation TEXT, tokens REAL NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (account, operation));
CREATE TABLE IF NOT EXISTS pages (
    token TEXT PRIMARY KEY, account TEXT NOT NULL, query TEXT NOT NULL, bound INTEGER NOT NULL,
    shuffle INTEGER NOT NULL, order_id TEXT NOT NULL, expires_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY, account TEXT NOT NULL, marketplace TEXT, fulfilled_by TEXT,
    status TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    shuffle INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS orders_shuffled ON orders (account, shuffle, order_id);
CREATE TABLE IF NOT EXISTS feed_documents (
    document_id TEXT PRIMARY KEY, account TEXT NOT NULL, content_type TEXT NOT NULL, body BLOB,
    url_token TEXT NOT NULL UNIQUE, url_until INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS feeds (
    number INTEGER PRIMARY KEY, feed_id TEXT NOT NULL UNIQUE, account TEXT NOT NULL,
    feed_type TEXT NOT NULL, marketplaces TEXT NOT NULL, input TEXT NOT NULL, result TEXT,
    created_at INTEGER NOT NULL, state TEXT NOT NULL, fate TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS feed_fates (id INTEGER PRIMARY KEY, fate TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS refunds (
    number INTEGER PRIMARY KEY, refund_id TEXT NOT NULL UNIQUE, account TEXT NOT NULL,
    order_id TEXT NOT NULL, asked_by TEXT NOT NULL, feed_id TEXT, message_id TEXT,
    state TEXT NOT NULL, at INTEGER NOT NULL, items TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS refunds_of_orders ON refunds (order_id);
CREATE TABLE IF NOT EXISTS transactions (
    number INTEGER PRIMARY KEY, transaction_id TEXT NOT NULL UNIQUE, account TEXT NOT NULL,
    kind TEXT NOT NULL, description TEXT NOT NULL, status TEXT NOT NULL, order_id TEXT,
    shipment_id TEXT, refund_id TEXT, made_by TEXT, marketplace TEXT, network TEXT NOT NULL,
    currency TEXT NOT NULL, posted_at INTEGER NOT NULL, visible_at INTEGER NOT NULL, deferral TEXT,
    matures_at INTEGER, copy_of TEXT, released_by TEXT, group_id TEXT, settlement_id TEXT,
    items TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS transactions_of_orders ON transactions (order_id);
CREATE INDEX IF NOT EXISTS transactions_by_time ON transactions (account, posted_at, number);
CREATE TABLE IF NOT EXISTS posted_units (
    order_id TEXT, item_id TEXT, quantity INTEGER NOT NULL, PRIMARY KEY (order_id, item_id));
CREATE TABLE IF NOT EXISTS finance_knobs (account TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS finance_pages (
    token TEXT PRIMARY KEY, account TEXT NOT NULL, query TEXT NOT NULL, before INTEGER NOT NULL,
    posted_at INTEGER NOT NULL, number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS settlements (
    settlement_id TEXT PRIMARY KEY, account TEXT NOT NULL, group_id TEXT NOT NULL,
    start_at INTEGER NOT NULL, end_at INTEGER NOT NULL, currency TEXT NOT NULL,
    total TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS reports (
    number INTEGER PRIMARY KEY, report_id TEXT NOT NULL UNIQUE, account TEXT NOT NULL,
    report_type TEXT NOT NULL, marketplaces TEXT NOT NULL, since INTEGER NOT NULL,
    until INTEGER NOT NULL, created_at INTEGER NOT NULL, state TEXT NOT NULL, fate INTEGER,
    document TEXT);
CREATE TABLE IF NOT EXISTS report_documents (
    document_id TEXT PRIMARY KEY, account TEXT NOT NULL, body BLOB NOT NULL,
    content_type TEXT NOT NULL, is_packed INTEGER NOT NULL, url_token TEXT NOT NULL UNIQUE,
    url_until INTEGER NOT NULL, is_encoded INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS report_fates (
    id INTEGER PRIMARY KEY, body TEXT NOT NULL, is_taken INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS report_pages (
    token TEXT PRIMARY KEY, account TEXT NOT NULL, query TEXT NOT NULL, below INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS returns (
    number INTEGER PRIMARY KEY, account TEXT NOT NULL, report_type TEXT NOT NULL,
    marketplace TEXT NOT NULL, at INTEGER NOT NULL, columns TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS missing_roles (account TEXT, kind TEXT, PRIMARY KEY (account, kind));
CREATE TABLE IF NOT EXISTS feed_options (feed_id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS invoices (
    feed_id TEXT PRIMARY KEY, account TEXT NOT NULL, order_id TEXT, invoice_number TEXT,
    document_type TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, at INTEGER NOT NULL,
    code INTEGER);
CREATE TABLE IF NOT EXISTS invoice_rules (account TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS destinations (id TEXT PRIMARY KEY, name TEXT, arn TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS subscriptions (
    account TEXT, type TEXT, id TEXT NOT NULL, destination TEXT NOT NULL, directive TEXT,
    PRIMARY KEY (account, type));
CREATE TABLE IF NOT EXISTS changes (
    id INTEGER PRIMARY KEY, account TEXT, type TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS notifications (
    id INTEGER PRIMARY KEY, arn TEXT NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY, drop_every INTEGER NOT NULL, copies INTEGER NOT NULL,
    hold INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS bad_pages (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, contains TEXT NOT NULL,
    remaining INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS feed_refusals (order_id TEXT PRIMARY KEY, words TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS told_as (order_id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS confirmations (
    order_id TEXT, reference TEXT, calls INTEGER NOT NULL, PRIMARY KEY (order_id, reference))
"""


@dataclass(frozen=True)
class Options:
    """How this stand-in differs from the documented defaults."""

    search_delay_s: float = 120
    token_life_s: int = 3600
    sqs_endpoint: str | None = None
    quotas: Mapping[str, Quota] = field(default_factory=lambda: USAGE_PLAN)


@dataclass(frozen=True)
class Standin:
    """What every route needs."""

    store: Store
    options: Options
    clock: Clock

    def now(self, db: sqlite3.Connection) -> datetime:
        """The stand-in's time: the clock's, moved by what `/_control/clock` asked for."""
        row = db.execute("SELECT offset_s FROM clock").fetchone()
        return self.clock() + timedelta(seconds=row["offset_s"] if row else 0)


@dataclass(frozen=True)
class Account:
    """A selling account; `pii` is False when the roles for personal data are not held."""

    name: str
    pii: bool
    revoked: bool


@dataclass(frozen=True)
class Stored:
    """An order with everything in it, and whose it is."""

    account: str
    order: Order


def open_store(path: Path) -> Store:
    """Open the SQLite file, with the main account in it."""
    store = Store(path, SCHEMA)
    with store.transaction() as db:
        add_account(db, MAIN_ACCOUNT)
    return store


def add_account(db: sqlite3.Connection, name: str) -> None:
    """Make the account if there is none of that name."""
    db.execute("INSERT OR IGNORE INTO accounts (name) VALUES (?)", (name,))


def find_account(db: sqlite3.Connection, name: str) -> Account | None:
    """The account of that name."""
    row = db.execute("SELECT * FROM accounts WHERE name = ?", (name,)).fetchone()
    return Account(row["name"], bool(row["pii"]), bool(row["revoked"])) if row else None


def status_of(order: Order) -> str:
    """The order's fulfillmentStatus."""
    return str(order["fulfillment"]["fulfillmentStatus"])


def fill_quantities(order: Order) -> None:
    """Give every item its two quantities; a shipped order has nothing left to ship."""
    shipped = status_of(order) == "SHIPPED"
    for item in order["orderItems"]:
        ordered = item["quantityOrdered"]
        counts = item.setdefault("fulfillment", {})
        if shipped:
            counts["quantityFulfilled"] = ordered
        fulfilled = counts.setdefault("quantityFulfilled", 0)
        counts["quantityUnfulfilled"] = ordered - fulfilled


def save_order(db: sqlite3.Connection, account: str, order: Order) -> None:
    """Store the order as it is now, new or changed."""
    fill_quantities(order)
    order_id = order["orderId"]
    db.execute(
        "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            order_id,
            account,
            order["salesChannel"].get("marketplaceId"),
            order["fulfillment"].get("fulfilledBy"),
            status_of(order),
            to_ms(parse(order["createdTime"])),
            to_ms(parse(order["lastUpdatedTime"])),
            # Searches answer in this order: stable, and unrelated to time.
            zlib.crc32(order_id.encode()),
            json.dumps(order),
        ),
    )
    post_sale(db, account, order)
    pay_dispatched(db, order)
    # What a subscriber hears of once the change is stored.
    note_change(db, account, "ORDER_CHANGE", order)


def find_order(db: sqlite3.Connection, order_id: str) -> Stored | None:
    """The order of that id, of whichever account."""
    row = db.execute("SELECT account, body FROM orders WHERE order_id = ?", (order_id,)).fetchone()
    return Stored(row["account"], json.loads(row["body"])) if row else None


def order_ids(db: sqlite3.Connection) -> list[str]:
    """The ids of all orders, sorted."""
    rows = db.execute("SELECT order_id FROM orders ORDER BY order_id").fetchall()
    return [row["order_id"] for row in rows]


def count_confirmation(db: sqlite3.Connection, order_id: str, reference: str) -> None:
    """Count an accepted confirmShipment call for a package."""
    db.execute(
        "INSERT INTO confirmations VALUES (?, ?, 1)"
        " ON CONFLICT (order_id, reference) DO UPDATE SET calls = calls + 1",
        (order_id, reference),
    )


def confirmations_of(db: sqlite3.Connection, order_id: str) -> dict[str, dict[str, int]]:
    """Accepted calls per package; all but the first are edits."""
    rows = db.execute("SELECT * FROM confirmations WHERE order_id = ?", (order_id,)).fetchall()
    return {row["reference"]: {"calls": row["calls"], "edits": row["calls"] - 1} for row in rows}


def forget_past(db: sqlite3.Connection, order_id: str) -> None:
    """Forget what happened to an order: its confirmations, refunds and transactions."""
    db.execute("DELETE FROM confirmations WHERE order_id = ?", (order_id,))
    forget_refunds(db, order_id)
    forget_transactions(db, order_id)
