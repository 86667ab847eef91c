"""Lists of ids and numbers in a statement, of any length."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Integer, Text, any_, literal
from sqlalchemy.orm import InstrumentedAttribute


def among(
    column: ColumnElement[Any] | InstrumentedAttribute[Any], values: Iterable[Any]
) -> ColumnElement[bool]:
    """The condition that a column of numbers or text has any of these values.

    The values are sent as an array: PostgreSQL allows 65,535 parameters in a statement, and IN
    would use a parameter for each value.
    """
    is_number = isinstance(column.type, Integer)
    kind = ARRAY(BigInteger() if is_number else Text())
    return column == any_(literal(list(values), kind))
