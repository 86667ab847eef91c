"""Parsing a remote's JSON, without values that would break the database or the arithmetic.

An impossible value becomes null, as if the remote had left the field out. So a single odd value
does not cost the rest of the answer.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

# PostgreSQL stores no NUL, and UTF-8 no half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_DEEPEST = 60
_LONGEST_NUMBER = 100
_MOST_DIGITS = 30
_MOST_BITS = 100


def parsed(content: bytes) -> Any:
    """The JSON document; its numbers with a point or an exponent are Decimals.

    Raises ValueError, or RecursionError, when the content is not JSON.
    """
    return _kept(json.loads(content, parse_float=_decimal, parse_constant=_refuse), _DEEPEST)


def storable(text: str) -> str:
    """The text without the characters that PostgreSQL refuses."""
    return _UNSTORABLE.sub("", text)


def _kept(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict | list) and not depth:
        return None
    if isinstance(value, dict):
        return {storable(name): _kept(entry, depth - 1) for name, entry in value.items()}
    if isinstance(value, list):
        return [_kept(entry, depth - 1) for entry in value]
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return None
    return value


def _decimal(token: str) -> Decimal | None:
    """The number, or None where it is too long: int() of 1e999999999 would take all memory."""
    if len(token) > _LONGEST_NUMBER:
        return None
    try:
        value = Decimal(token)
    except InvalidOperation:
        return None
    return value if abs(value.adjusted()) <= _MOST_DIGITS else None


def _refuse(constant: str) -> None:
    """NaN and Infinity are not JSON, although Python's parser accepts them."""
    raise ValueError(constant)
