"""Reads fields of Amazon's JSON, where any key may be missing, null or of another type.

Each function follows a path of keys and returns None or an empty value instead of an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from pipeline.base.clock import YEARS
from pipeline.base.money import LARGEST_AMOUNT, parse_amount

# PostgreSQL stores no NUL, UTF-8 has no half surrogate pairs, the others are invisible.
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
# Far longer than any name of Amazon's, and short enough for an index of PostgreSQL.
_LONGEST_WORD = 200
_LARGEST_QUANTITY = 2**31 - 1
_FINEST_AMOUNT = Decimal("0.0001")


class Money(NamedTuple):
    """An amount in major units; `currency` is empty when Amazon named none."""

    amount: Decimal
    currency: str


def look(value: object, *path: str) -> Any:
    """The value at the end of the path, or None."""
    for key in path:
        # A look at the type first: to ask whether it is a Mapping takes ten times as long.
        if type(value) is not dict and not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def blocks(value: object, *path: str) -> list[Mapping[str, Any]]:
    """The objects of a list; its other members are left out."""
    entries = look(value, *path)
    return (
        [entry for entry in entries if isinstance(entry, Mapping)]
        if isinstance(entries, list)
        else []
    )


def text(value: object, *path: str) -> str:
    """A text without white space around it and without characters that cannot be stored."""
    content = look(value, *path)
    return _UNSTORABLE.sub("", content).strip() if isinstance(content, str) else ""


def word(value: object, *path: str) -> str:
    """A name or number that serves as a key; empty when it has more than 200 characters."""
    content = text(value, *path)
    return content if len(content) <= _LONGEST_WORD else ""


def words(value: object, *path: str) -> tuple[str, ...]:
    """The words of a list that are not empty."""
    entries = look(value, *path)
    return tuple(filter(None, map(word, entries))) if isinstance(entries, list) else ()


def named(value: object, word: str) -> tuple[str, ...]:
    """The keys of an object whose value is this word, sorted."""
    record = value if isinstance(value, Mapping) else {}
    return texts({"keys": sorted(key for key in record if look(record, key) == word)}, "keys")


def texts(value: object, *path: str) -> tuple[str, ...]:
    """The texts of a list that are not empty."""
    entries = look(value, *path)
    return tuple(filter(None, map(text, entries))) if isinstance(entries, list) else ()


def whole(value: object, *path: str) -> int | None:
    """A whole number, also written as text: 2, 2.0 and "2" are the same."""
    try:
        number = parse_amount(look(value, *path))
    except (TypeError, ValueError):
        return None
    if abs(number) > _LARGEST_QUANTITY or number != int(number):
        return None
    return int(number)


def number(value: object, *path: str) -> Decimal | None:
    """A number, also written as text; None when it is too large or has more than 4 decimals."""
    try:
        amount = parse_amount(look(value, *path))
    except (TypeError, ValueError):
        return None
    return amount if abs(amount) < LARGEST_AMOUNT and amount % _FINEST_AMOUNT == 0 else None


def moment(value: object, *path: str) -> datetime | None:
    """An ISO 8601 time in UTC; a time without an offset is taken for UTC, as Amazon means it.

    None for a year outside `YEARS`: date arithmetic fails on the year 1 or 9999.
    """
    written = look(value, *path)
    if not isinstance(written, str):
        return None
    try:
        at = datetime.fromisoformat(written.strip())
    except ValueError:
        return None
    if at.year not in YEARS:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def money(value: object, *path: str) -> Money | None:
    """An amount of money; None when it is no number or does not fit into the database."""
    amount = number(value, *path, "amount")
    if amount is None:
        return None
    return Money(amount, text(value, *path, "currencyCode"))
