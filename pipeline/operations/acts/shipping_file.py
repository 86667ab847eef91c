"""Reads a file of shipments: a table of the columns order, carrier, tracking and items.

Spreadsheets save it in several ways: in UTF-8 with or without a mark, or in Windows-1252, with
commas, semicolons or tabs. Nothing of the file is stored.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

MOST_ROWS = 500
LARGEST = 48 * 1024
"""In bytes. The console takes no larger request than 64 KiB, which this leaves room in."""
COLUMNS = ("order", "carrier", "tracking", "items")
TEMPLATE = (
    "order,carrier,tracking,items\r\n"
    "028-1234567-1234567,dhl,00340434161094042557,\r\n"
    "028-7654321-7654321,dpd,05222990123456,MUG-BLUE=2\r\n"
    "028-7654321-7654321,dpd,05222990123457,MUG-BLUE=1;CUP-RED=1\r\n"
)
"""The second order goes into two parcels. A row without items is all that is left of its order."""
_REQUIRED = COLUMNS[:3]
_LINE = "row"
"""The first column of what `written` gives: the line in the person's own file."""
_SEPARATORS = ",;\t"
_NAMES = {
    "order number": "order",
    "order-id": "order",
    "order id": "order",
    "tracking number": "tracking",
    "tracking-number": "tracking",
    "carrier code": "carrier",
    "carrier-code": "carrier",
    "sku": "items",
    "skus": "items",
}
"""Other headings that people and Amazon's own reports use."""
_MORE_CELLS = "more cells than headings; part SKUs by ;"
_UNITS = re.compile(r"(?P<sku>.+?)\s*=\s*(?P<count>[0-9]{1,5})")


_TOO_LARGE = f"a file has {LARGEST // 1024} KB at most: split it"
_NOT_CHECKED = "it is not the file that was checked"
_KEEPING_TEXT = ("'", '="')
"""An apostrophe, or ="…", keeps a spreadsheet from taking a number for one of its own."""


class NotReadable(Exception):
    """The file is no such table; the message says why, and how to mend it."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row as it stands in the file; `line` is its line there. `units` are by SKU; None means all
    units left. `mistake` says why it cannot be read."""

    line: int
    order: str
    carrier: str
    tracking: str
    items: str = ""
    units: Mapping[str, int] | None = None
    mistake: str = ""


def read_file(content: bytes) -> list[FileRow]:
    """The rows of a file, without empty ones. Raises NotReadable."""
    table = _table(content)
    return [_row(line, cells, table) for line, cells in table.rows]


def read_written(text: str) -> list[FileRow]:
    """The rows that `written` wrote, with their lines in the person's file. Raises NotReadable."""
    table = _table(text.encode())
    lines = [cells[0] for _, cells in table.rows]
    if table.first != _LINE or not all(re.fullmatch(r"[1-9][0-9]{0,5}", line) for line in lines):
        raise NotReadable(_NOT_CHECKED)
    numbers = [int(line) for line in lines]
    if any(one >= following for one, following in pairwise(numbers)):
        raise NotReadable(_NOT_CHECKED)
    return [_row(line, cells, table) for line, (_, cells) in zip(numbers, table.rows, strict=True)]


class _Table(NamedTuple):
    """The rows with their lines, the place of each column, the first heading, and the number of
    headings without empty ones at the end."""

    rows: Sequence[tuple[int, list[str]]]
    places: Mapping[str, int]
    first: str
    width: int


def _table(content: bytes) -> _Table:
    if len(content) > LARGEST:
        raise NotReadable(_TOO_LARGE)
    text = _decoded(content)
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        table = [(rows.line_num, row) for row in rows if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise NotReadable(f"it is no table of this kind: {error}") from None
    if not table:
        raise NotReadable("the file is empty")
    headings = table[0][1]
    places = _places(headings)
    if len(table) - 1 > MOST_ROWS:
        raise NotReadable(f"a file has {MOST_ROWS} rows at most, and this has {len(table) - 1}")
    if len(table) == 1:
        raise NotReadable("the file has headings, and no row")
    width = max(place for place, heading in enumerate(headings, 1) if heading.strip())
    return _Table(table[1:], places, headings[0], width)


def written(rows: Sequence[FileRow]) -> str:
    """The rows as a text that `read_written` reads the same. Raises NotReadable where it is larger
    than a file may be, as it is in UTF-8."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow([_LINE, *COLUMNS])
    for row in rows:
        cells = map(_as_a_cell, (row.order, row.carrier, row.tracking, row.items))
        beyond = ["more"] if row.mistake == _MORE_CELLS else []
        table.writerow([row.line, *cells, *beyond])
    if len(text.getvalue().encode()) > LARGEST:
        raise NotReadable(_TOO_LARGE)
    return text.getvalue()


def _as_a_cell(text: str) -> str:
    return f"'{text}" if text.startswith(_KEEPING_TEXT) else text


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NotReadable("it is in UTF-16: save it as CSV in UTF-8")
    if content.startswith(b"PK"):
        raise NotReadable("it is a spreadsheet's own file: save it as CSV")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            raise NotReadable("it is neither in UTF-8 nor in Windows-1252") from None
    if "\x00" in text:
        raise NotReadable("it is no text: save it as CSV in UTF-8")
    return text


def _places(headings: Sequence[str]) -> Mapping[str, int]:
    named = [" ".join(heading.split()).casefold() for heading in headings]
    places: dict[str, int] = {}
    for place, name in enumerate(named):
        column = _NAMES.get(name, name)
        if column in COLUMNS:
            if column in places:
                raise NotReadable(f"it has two columns of {column}")
            places[column] = place
    if missing := [column for column in _REQUIRED if column not in places]:
        raise NotReadable(
            f"its first line lacks {', '.join(missing)}: the columns are {', '.join(COLUMNS)}"
        )
    return places


def _row(line: int, cells: Sequence[str], table: _Table) -> FileRow:
    def cell(column: str) -> str:
        place = table.places.get(column, len(cells))
        text = " ".join(cells[place].split()) if place < len(cells) else ""
        if text.startswith('="'):
            return text.removeprefix('="').removesuffix('"')
        return text.removeprefix("'")

    values = {column: cell(column) for column in COLUMNS}
    units, mistake = _units(values["items"])
    if any(cell.strip() for cell in cells[table.width :]):
        mistake = _MORE_CELLS
    elif missing := [column for column in _REQUIRED if not values[column]]:
        mistake = f"{', '.join(missing)} is missing"
    elif _is_rounded(values["tracking"]):
        mistake = "the spreadsheet has rounded the tracking number: make its column text"
    return FileRow(line, **values, units=units, mistake=mistake)


def _is_rounded(number: str) -> bool:
    return re.fullmatch(r"[0-9][.,][0-9]+E\+[0-9]+", number, re.IGNORECASE) is not None


def _units(text: str) -> tuple[Mapping[str, int] | None, str]:
    """The units by SKU, and the mistake in them."""
    if not text:
        return None, ""
    units: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        match = _UNITS.fullmatch(part)
        sku, count = (match["sku"], int(match["count"])) if match else (part, 1)
        if not match and "=" in part:
            return None, f"“{part}” is no SKU=number"
        if count < 1:
            return None, f"“{part}” are no units"
        units[sku] = units.get(sku, 0) + count
    return units, "" if units else "items is no SKU=number"
