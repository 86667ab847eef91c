"""The cells of a file of orders: a CSV that is the same for everybody, a CSV as the reader's
spreadsheet writes numbers and dates, and an Excel workbook.

Whatever a remote or a person has written stays a text: a spreadsheet never calculates it.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial

from babel.dates import format_skeleton, format_time
from babel.numbers import get_decimal_symbol

from pipeline.base.money import written
from pipeline.console.reader import Reader
from pipeline.console.xlsx import MIMETYPE, Cell, Quoted, workbook
from pipeline.operations.lists.columns import Price, Quantities, Value

# A spreadsheet takes a text that begins with one of these for a formula. NFKC makes them of their
# full-width and small forms.
_FORMULA = frozenset("=+-@\u2212")
# What a spreadsheet, or whoever cleans its cells, takes away before: quotes, beside blanks, control
# characters and what has no width.
_QUOTES = frozenset("'\"`´\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f")

# A spreadsheet recognises a time by a plain blank before its AM or PM.
_PLAIN_BLANKS = str.maketrans("\u202f\u00a0", "  ")

SheetValue = Value | int | Decimal
"""A column's value, or a number."""


class FileKind(StrEnum):
    """Which file."""

    CSV = "csv"
    LOCAL_CSV = "local"
    EXCEL = "xlsx"

    @classmethod
    def of(cls, path: str, format_: str) -> FileKind:
        """The kind that an address names by its ending, and its query `format`."""
        if path.endswith(".xlsx"):
            return cls.EXCEL
        return cls.LOCAL_CSV if format_ == "local" else cls.CSV

    @property
    def extension(self) -> str:
        """The ending of the file's name."""
        return "xlsx" if self is FileKind.EXCEL else "csv"

    @property
    def mimetype(self) -> str:
        """The type, for the browser."""
        return MIMETYPE if self is FileKind.EXCEL else "text/csv"


def sheet(
    kind: FileKind,
    names: Sequence[str],
    slices: Iterable[Sequence[Sequence[SheetValue]]],
    who: Reader,
) -> Iterator[bytes]:
    """The file, in parts. Times of the reader's zone say so in their column's heading."""
    if kind is FileKind.CSV:
        return _csv(names, slices, _plain, ",")
    own = [f"{name} ({who.zone.key})" if name.endswith("_at") else name for name in names]
    if kind is FileKind.EXCEL:
        cells = ([[_for_excel(value, who) for value in row] for row in rows] for rows in slices)
        return workbook(own, cells)
    # Where a comma parts the decimals, spreadsheets part the cells by semicolons.
    delimiter = ";" if get_decimal_symbol(who.locale) == "," else ","
    return _csv(own, slices, partial(_localised, who), delimiter)


def _csv(
    heading: Sequence[str],
    slices: Iterable[Sequence[Sequence[SheetValue]]],
    cell: Callable[[SheetValue], str],
    delimiter: str,
) -> Iterator[bytes]:
    def lines(rows: Iterable[Iterable[str]]) -> str:
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter).writerows(rows)
        return text.getvalue()

    # The byte order mark, by which a spreadsheet recognises UTF-8.
    yield ("\ufeff" + lines([heading])).encode()
    for rows in slices:
        yield lines([cell(value) for value in row] for row in rows).encode()


def _plain(value: SheetValue) -> str:
    match value:
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        case Price():
            return written(value.amount, value.currency)
        case int() | Decimal():
            return f"{Decimal(value):f}"
        case _:
            return spreadsheet_text(_joined(value))


def _localised(who: Reader, value: SheetValue) -> str:
    match value:
        case datetime():
            own = value.astimezone(who.zone)
            if who.is_plain:
                return f"{own:%Y-%m-%d %H:%M}"
            day = format_skeleton("yMd", own, locale=who.locale)
            text = f"{day} {format_time(own, 'short', locale=who.locale)}"
            return text.translate(_PLAIN_BLANKS)
        case Price() | int() | Decimal():
            return _plain(value).replace(".", get_decimal_symbol(who.locale))
        case _:
            return _plain(value)


def _for_excel(value: SheetValue, who: Reader) -> Cell:
    match value:
        case datetime():
            return value.astimezone(who.zone).replace(tzinfo=None)
        case Price():
            return Decimal(written(value.amount, value.currency))
        case int() | Decimal():
            return Decimal(value)
        case _:
            text = _joined(value)
            return Quoted(text) if _is_formula(text) else text


def _joined(value: str | Quantities | Sequence[str] | None) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case Quantities():
            return "; ".join(f"{quantity} x {sku}" for sku, quantity in value.pairs)
        case _:
            return "; ".join(value)


def spreadsheet_text(text: str) -> str:
    """The text, with an apostrophe that keeps a spreadsheet from calculating a remote's text."""
    return f"'{text}" if _is_formula(text) else text


def _is_formula(text: str) -> bool:
    signs = (unicodedata.normalize("NFKC", sign)[0] for sign in text)
    first = next((sign for sign in signs if not _is_skipped(sign)), "")
    return first in _FORMULA or text[:1] in ("\t", "\r", "\n")


def _is_skipped(sign: str) -> bool:
    return sign in _QUOTES or unicodedata.category(sign)[0] in "ZCM"
