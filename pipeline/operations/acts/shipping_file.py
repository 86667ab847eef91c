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
_UNITS = re.compile(r"(?P<sku>.+?)\s*=\s*(?P<count>[0-9]{1,5})")


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
    if len(content) > LARGEST:
        raise NotReadable(f"a file has {LARGEST // 1024} KB at most: split it")
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
    places = _places(table[0][1])
    if len(table) - 1 > MOST_ROWS:
        raise NotReadable(f"a file has {MOST_ROWS} rows at most, and this has {len(table) - 1}")
    if len(table) == 1:
        raise NotReadable("the file has headings, and no row")
    return [_row(line, cells, places) for line, cells in table[1:]]


def written(rows: Sequence[FileRow]) -> str:
    """The rows as a file that `read_file` reads the same."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    table.writerows([row.order, row.carrier, row.tracking, row.items] for row in rows)
    return text.getvalue()


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


def _row(line: int, cells: Sequence[str], places: Mapping[str, int]) -> FileRow:
    def cell(column: str) -> str:
        place = places.get(column, len(cells))
        text = " ".join(cells[place].split()) if place < len(cells) else ""
        # An apostrophe, or ="…", keeps a spreadsheet from taking a number for one of its own.
        return text.removeprefix("'").removeprefix('="').removesuffix('"')

    values = {column: cell(column) for column in COLUMNS}
    units, mistake = _units(values["items"])
    if missing := [column for column in _REQUIRED if not values[column]]:
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
