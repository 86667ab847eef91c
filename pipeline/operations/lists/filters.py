"""The filters of the list of orders: read from a query string, and written back to it.

An unreadable value becomes a sentence for its field, and the other filters still count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, select, union

from pipeline.operations.lists.sorting import NEWEST_FIRST, Sort
from pipeline.operations.lists.stores import Store
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.outcome import HoldCode
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Order, OrderItem, OrderPrivate, Status

_LONGEST = 200
_AMOUNT = re.compile(r"\d{1,15}(\.\d{1,4})?")
_PROGRAM = re.compile(r"[A-Z0-9_]{1,40}")
_HASH = re.compile(r"[0-9a-f]{16}")
_DAY = timedelta(days=1)

_T = TypeVar("_T")


class Unusable(ValueError):
    """A value that is no filter; the message says what would be."""


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters and sorting of the list. An order has to match every filter given.

    `number` is Amazon's, Magento's or a tracking number, or the beginning of Amazon's or Magento's.
    `buyer` are keyed hashes, see `pipeline.intake.buyer_index`, and `searcher` is the seal that
    binds them to the person who searched. Days are UTC and included.
    `everything` includes hidden orders, such as unpaid ones.
    """

    status: Status | None = None
    everything: bool = False
    number: str = ""
    sku: str = ""
    buyer: tuple[str, ...] = ()
    searcher: str = ""
    placed_from: date | None = None
    placed_until: date | None = None
    total_from: Decimal | None = None
    total_until: Decimal | None = None
    channel: FulfilledBy | None = None
    program: str = ""
    store: Store | None = None
    reason: HoldCode | None = None
    sort: Sort = NEWEST_FIRST

    def query(self) -> dict[str, str]:
        """The query string that `read` turns into these filters, without default values."""
        written = {name: write(getattr(self, attribute)) for name, attribute, _, write in _FIELDS}
        return {name: text for name, text in written.items() if text}

    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on a row of `orders`."""
        wanted: list[ColumnElement[bool]] = []
        if not self.everything:
            wanted.append(Order.shown.is_(True))
        if self.status is not None:
            wanted.append(Order.status == self.status)
        if self.reason is not None:
            # The status is needed too, because the index covers held orders only.
            wanted += [Order.status == Status.HELD, Order.hold_code == self.reason]
        if self.number:
            wanted.append(Order.id.in_(_by_number(self.number)))
        if self.sku:
            wanted.append(Order.id.in_(select(OrderItem.order_id).where(OrderItem.sku == self.sku)))
        if self.buyer:
            private = select(OrderPrivate.order_id)
            wanted.append(
                Order.id.in_(private.where(OrderPrivate.buyer_words.contains(list(self.buyer))))
            )
        if self.placed_from is not None:
            wanted.append(Order.purchased_at >= _midnight(self.placed_from))
        if self.placed_until is not None:
            wanted.append(Order.purchased_at < _midnight(self.placed_until) + _DAY)
        if self.total_from is not None:
            wanted.append(Order.grand_total >= self.total_from)
        if self.total_until is not None:
            wanted.append(Order.grand_total <= self.total_until)
        if self.channel is not None:
            wanted.append(Order.fulfilled_by == self.channel)
        if self.program:
            wanted.append(Order.programs.contains([self.program]))
        if self.store is not None:
            wanted.append(self.store.condition())
        return wanted


@dataclass(frozen=True, slots=True)
class Asked:
    """The result of reading: the readable filters, and a sentence for each unreadable value."""

    filters: Filters
    mistakes: Mapping[str, str]


def read(query: Mapping[str, str], stores: Mapping[str, Store]) -> Asked:
    """Read a query string. Unknown names are ignored."""
    given: dict[str, Any] = {}
    mistakes: dict[str, str] = {}
    for name, attribute, reader, _ in _FIELDS:
        text = query.get(name, "").replace("\x00", "").strip()[:_LONGEST]
        try:
            if name == "store" and text:
                given[attribute] = _store(text, stores)
            elif text:
                given[attribute] = reader(text)
        except Unusable as error:
            mistakes[name] = str(error)
    filters = Filters(**given)
    for first, last, what in (
        ("placed_from", "placed_until", "until"),
        ("total_from", "total_until", "max"),
    ):
        low, high = getattr(filters, first), getattr(filters, last)
        if low is not None and high is not None and low > high:
            mistakes[what] = "The range ends before it begins, so it has no orders."
    return Asked(filters, mistakes)


def _by_number(number: str) -> Any:
    """Search each of the three numbers in its own index; joined by OR they would need a scan."""
    return union(
        select(Order.id).where(Order.external_id.startswith(number, autoescape=True)),
        select(Order.id).where(Order.magento_increment_id.startswith(number, autoescape=True)),
        select(Shipment.order_id).where(Shipment.tracking_number == number),
    )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _one_of(kind: Callable[[str], _T], sentence: str) -> Callable[[str], _T]:
    def reader(text: str) -> _T:
        try:
            return kind(text)
        except ValueError:
            raise Unusable(sentence) from None

    return reader


def _amount(text: str) -> Decimal:
    """Read an amount. German and French keyboards type a comma for the decimal point."""
    plain = text.replace(",", ".")
    if not _AMOUNT.fullmatch(plain):
        raise Unusable("An amount looks like 12 or 12.50, without a currency.")
    try:
        return Decimal(plain)
    except InvalidOperation:  # digits of another script
        raise Unusable("An amount looks like 12 or 12.50, without a currency.") from None


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Unusable("A day looks like 2026-03-31.") from None
    if not 2000 <= day.year < 3000:
        raise Unusable("A day looks like 2026-03-31.")
    return day


def _program(text: str) -> str:
    if not _PROGRAM.fullmatch(text.upper()):
        raise Unusable("Write the program as Amazon does, such as PRIME or AMAZON_BUSINESS.")
    return text.upper()


def _buyer(text: str) -> tuple[str, ...]:
    words = tuple(text.split("."))
    if not all(map(_HASH.fullmatch, words)):
        raise Unusable("Search for the buyer again.")
    return words


def _flag(text: str) -> bool:
    if text != "1":
        raise Unusable("1 shows hidden orders too.")
    return True


def _store(text: str, stores: Mapping[str, Store]) -> Store:
    if text not in stores:
        raise Unusable("No marketplace’s orders go to this store view.")
    return stores[text]


def _text(value: object) -> str:
    return "" if value is None else str(value)


# The name in the query string, the attribute, its reader, its writer.
_FIELDS: tuple[tuple[str, str, Callable[[str], Any], Callable[[Any], str]], ...] = (
    ("status", "status", _one_of(Status, f"A status is one of {', '.join(Status)}."), _text),
    ("reason", "reason", _one_of(HoldCode, "There is no such reason to hold an order."), _text),
    ("all", "everything", _flag, lambda everything: "1" if everything else ""),
    ("number", "number", str, _text),
    ("sku", "sku", str, _text),
    ("buyer", "buyer", _buyer, ".".join),
    ("searcher", "searcher", str, str),
    ("from", "placed_from", _day, _text),
    ("until", "placed_until", _day, _text),
    ("min", "total_from", _amount, _text),
    ("max", "total_until", _amount, _text),
    (
        "channel",
        "channel",
        _one_of(FulfilledBy, "A channel is FBM (you ship) or FBA (Amazon ships)."),
        _text,
    ),
    ("program", "program", _program, _text),
    ("store", "store", str, lambda store: store.code if store else ""),
    (
        "sort",
        "sort",
        _one_of(Sort.parse, "The list cannot be sorted by this."),
        lambda sort: "" if sort == NEWEST_FIRST else str(sort),
    ),
)
