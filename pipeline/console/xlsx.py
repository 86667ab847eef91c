"""Writes an Excel workbook of one sheet as a stream.

The libraries for this format write a sheet into a temporary file first. Ours may hold buyers'
names, which never get onto a disk in clear; and no more than a slice of it is in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

MOST_ROWS = 1_048_575
"""An Excel sheet has no more rows below its heading."""
MIMETYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_LONGEST_TEXT = 32_767
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel's times have no zone
_S = "http://schemas.openxmlformats.org"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_PLAIN, _HEADING, _DATE, _QUOTED = range(4)
# By the digits after the point.
_AMOUNTS = {0: 4, 1: 5, 2: 5, 3: 6, 4: 7}
_FORMATS = "".join(
    f'<xf numFmtId="{number}" fontId="{font}" xfId="0"{more}/>'
    for number, font, more in (
        (0, 0, ""),
        (0, 1, ' applyFont="1"'),
        (22, 0, ' applyNumberFormat="1"'),
        (0, 0, ' quotePrefix="1"'),
        *((number, 0, ' applyNumberFormat="1"') for number in (3, 4, 164, 165)),
    )
)
_PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_S}/package/2006/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{MIMETYPE}.main+xml"/>'
        '<Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-'
        'officedocument.spreadsheetml.styles+xml"/><Override PartName="/xl/worksheets/sheet1.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
        "</Types>"
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_S}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{_S}/officeDocument/2006/relationships/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_S}/spreadsheetml/2006/main" '
        f'xmlns:r="{_S}/officeDocument/2006/relationships">'
        '<sheets><sheet name="Orders" sheetId="1" r:id="r1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_S}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{_S}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{_S}/officeDocument/2006/relationships/styles" '
        'Target="styles.xml"/></Relationships>'
    ),
    "xl/styles.xml": (
        f'<styleSheet xmlns="{_S}/spreadsheetml/2006/main">'
        '<numFmts count="2"><numFmt numFmtId="164" formatCode="#,##0.000"/>'
        '<numFmt numFmtId="165" formatCode="#,##0.0000"/></numFmts>'
        '<fonts count="2"><font/><font><b/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/>'
        '</borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0"/></cellStyleXfs>'
        f'<cellXfs count="8">{_FORMATS}</cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
        "</styleSheet>"
    ),
}
_SHEET = (
    f'<worksheet xmlns="{_S}/spreadsheetml/2006/main"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView>'
    '</sheetViews><cols><col min="1" max="{columns}" width="20" customWidth="1"/></cols><sheetData>'
)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A text that a spreadsheet would take for a formula: the cell is marked as text, as Excel
    itself does with a text that a person begins with an apostrophe."""

    text: str


Cell = str | Quoted | Decimal | datetime | None
"""A time is what a clock on the wall shows: without a zone."""


class _Sent:
    """Takes what the archive writes until it is sent. It cannot go back, as a browser cannot."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """It stays open until all is sent."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        data, self._parts = b"".join(self._parts), []
        return data


def workbook(heading: Sequence[str], slices: Iterable[Iterable[Sequence[Cell]]]) -> Iterator[bytes]:
    """The file's bytes, a part for each slice of rows."""
    sent = _Sent()
    with ZipFile(sent, "w", ZIP_DEFLATED) as archive:
        for name, part in _PARTS.items():
            archive.writestr(name, _XML + part)
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write((_XML + _SHEET.format(columns=len(heading))).encode())
            sheet.write(_row([_text(name, _HEADING) for name in heading]))
            for rows in slices:
                for row in rows:
                    sheet.write(_row([_cell(value) for value in row]))
                yield sent.taken()
            sheet.write(b"</sheetData></worksheet>")
    yield sent.taken()


def _row(cells: Sequence[str]) -> bytes:
    return f"<row>{''.join(cells)}</row>".encode()


def _cell(value: Cell) -> str:
    match value:
        case None | "":
            return "<c/>"
        case str():
            return _text(value, _PLAIN)
        case Quoted(text):
            return _text(text, _QUOTED)
        case Decimal():
            digits = len(f"{value:f}".partition(".")[2])
            return f'<c s="{_AMOUNTS.get(digits, _PLAIN)}"><v>{value:f}</v></c>'
        case datetime():
            since = value - _DAY_ZERO
            return f'<c s="{_DATE}"><v>{since.days + since.seconds / 86_400:.8f}</v></c>'


def _text(text: str, style: int) -> str:
    plain = escape(_NOT_IN_XML.sub("", text)[:_LONGEST_TEXT])
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{plain}</t></is></c>'
