"""The sorting of the list, and the place where a page begins: a key and, among equals, our id.

Orders without a value come last in both directions. So the list has two zones, orders with a value
and orders without; an index serves each zone in both directions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from pipeline.base.row_ids import DIGITS, row_id
from pipeline.orders.tables import Order

_PLACE = re.compile(rf"(.*)~({DIGITS})", re.DOTALL)
_NUMBER = re.compile(r"\d{1,15}(\.\d{1,4})?")


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a place in the list needs a time zone")
    return at


def _total(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError("not an amount")
    return Decimal(text)


class Key(NamedTuple):
    """A key to sort by: its column, the reader of its values, and whether a value may be
    missing."""

    column: InstrumentedAttribute[Any]
    read: Callable[[str], Any]
    may_lack: bool = True


KEYS: Mapping[str, Key] = {
    "purchased": Key(Order.purchased_at, _time),
    "ship_by": Key(Order.ship_by_at, _time),
    "total": Key(Order.grand_total, _total),
    "number": Key(Order.external_id, str, may_lack=False),
    "magento": Key(Order.magento_increment_id, str),
    "updated": Key(Order.updated_at, _time, may_lack=False),
}


@dataclass(frozen=True, slots=True)
class Sort:
    """The key, and whether the largest values come first."""

    key: str
    descending: bool = False

    def __str__(self) -> str:
        return f"-{self.key}" if self.descending else self.key

    @classmethod
    def parse(cls, text: str) -> Sort:
        """Parse the text that `str` wrote. Raises ValueError."""
        key = text.removeprefix("-")
        if key not in KEYS:
            raise ValueError("there is no such key")
        return cls(key, text.startswith("-"))

    def place_of(self, value: object, order_id: int) -> Place:
        """An order's place. A time keeps its microseconds, so that no order is skipped."""
        if value is None:
            return Place(None, order_id)
        return Place(value.isoformat() if isinstance(value, datetime) else str(value), order_id)


NEWEST_FIRST = Sort("purchased", descending=True)


class Place(NamedTuple):
    """An order's place in the list: its value as text, None when missing, and its id."""

    value: str | None
    order_id: int

    def __str__(self) -> str:
        return f"{self.value or ''}~{self.order_id}"

    @classmethod
    def parse(cls, text: str, sort: Sort) -> Place:
        """Parse the text that `str` wrote for a list with this sorting. Raises ValueError."""
        parts = _PLACE.fullmatch(text)
        order_id = row_id(parts[2]) if parts else None
        if parts is None or order_id is None or "\x00" in text:
            raise ValueError("not a place in the list of orders")
        key = KEYS[sort.key]
        if not parts[1]:
            if not key.may_lack:
                raise ValueError("not a place in the list of orders")
            return cls(None, order_id)
        key.read(parts[1])
        return cls(parts[1], order_id)


class Zone(NamedTuple):
    """A part of the list: the conditions on its orders, and their sorting."""

    conditions: list[ColumnElement[bool]]
    order_by: tuple[ColumnElement[Any], ...]


def zones(sort: Sort, place: Place | None = None, *, backwards: bool = False) -> list[Zone]:
    """The zones of the list from `place` on, in sequence; `backwards` goes to the start."""
    key = KEYS[sort.key]
    descending = sort.descending != backwards
    order_by = tuple(
        column.desc() if descending else column.asc()
        for column in (key.column, Order.id.expression)
    )
    with_value: list[ColumnElement[bool]] = [key.column.is_not(None)] if key.may_lack else []
    without_value: list[ColumnElement[bool]] = [key.column.is_(None)]
    parts = [(False, with_value), (True, without_value)] if key.may_lack else [(False, with_value)]
    if backwards:
        parts.reverse()
    zones = []
    for lacks, conditions in parts:
        if place is None:
            zones.append(Zone(conditions, order_by))
        elif lacks == (place.value is None):
            zones.append(Zone([*conditions, _beyond(key, place, descending)], order_by))
        elif zones:
            zones.append(Zone(conditions, order_by))
    return zones


def _beyond(key: Key, place: Place, descending: bool) -> ColumnElement[bool]:
    if place.value is None:
        own_id, last_id = Order.id.expression, place.order_id
        return own_id < last_id if descending else own_id > last_id
    row = tuple_(key.column, Order.id)
    bound = (key.read(place.value), place.order_id)
    return row < bound if descending else row > bound
