"""Lists of ids and numbers in a statement, of whatever length."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Integer, Text, any_, literal
from sqlalchemy.orm import InstrumentedAttribute


def among(
    column: ColumnElement[Any] | InstrumentedAttribute[Any], values: Iterable[Any]
) -> ColumnElement[bool]:
    """That a column of numbers or of text has one of these values, however many there are.

    They go as one array: PostgreSQL takes 65,535 parameters a statement, and IN makes one of each.
    """
    is_number = isinstance(column.type, Integer)
    kind = ARRAY(BigInteger() if is_number else Text())
    return column == any_(literal(list(values), kind))
