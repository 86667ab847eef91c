"""What every part of the stand-in needs: the store, the clock, numbers, documents, mails."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.core import Store

Doc = dict[str, Any]

STORES: dict[int, tuple[str, str]] = {
    0: ("admin", "Admin"),
    1: ("default", "Default Store View"),
    2: ("amazon_fba", "Amazon FBA"),
}
WEBSITE = "base"
SOURCE = "default"
STOCK_ID = 1


def utc_now() -> datetime:
    return datetime.now(UTC)


class MovedClock:
    """The shop's time: the machine's, moved by what `/_control/clock` asked for."""

    def __init__(self, store: Store, machine: Callable[[], datetime] = utc_now) -> None:
        self._store, self._machine = store, machine
        with store.transaction() as db:
            row = db.execute("SELECT offset_s FROM clock").fetchone()
        self._offset_s = float(row["offset_s"]) if row else 0.0

    def __call__(self) -> datetime:
        return self._machine() + timedelta(seconds=self._offset_s)

    def move(self, offset_s: float) -> None:
        """Set how far the shop's time is from the machine's."""
        with self._store.transaction() as db:
            db.execute("INSERT OR REPLACE INTO clock VALUES (1, ?)", (offset_s,))
        self._offset_s = offset_s


@dataclass(frozen=True)
class Shop:
    """One running stand-in."""

    store: Store
    now: MovedClock
    base_currency: str = "EUR"
    bearer: bool = True

    def stamp(self) -> str:
        """The present time as Magento writes it: UTC, whole seconds, no suffix."""
        return as_stamp(self.now())


def as_stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def load(row: sqlite3.Row) -> Doc:
    doc: Doc = json.loads(row["doc"])
    return doc


def dump(doc: Doc) -> str:
    return json.dumps(doc, ensure_ascii=False)


def amount(value: Any) -> Decimal:
    """A stored number as Decimal; NULL counts as zero."""
    return Decimal(str(value)) if value is not None else Decimal(0)


def number(value: Decimal) -> int | float:
    """A Decimal as the four-decimal column keeps it."""
    rounded = round(value, 4)
    return int(rounded) if rounded == rounded.to_integral_value() else float(rounded)


def add_to(row: Doc, key: str, value: Decimal) -> None:
    """Add to a column; adding zero to NULL leaves NULL, as Magento does."""
    if value or row.get(key) is not None:
        row[key] = number(amount(row.get(key)) + value)


def customer_mail(db: sqlite3.Connection, kind: str, customer_id: int | None) -> None:
    """Record an e-mail that would have left the shop; guests have no customer id."""
    db.execute("INSERT INTO mails (kind, to_customer_id) VALUES (?, ?)", (kind, customer_id))
