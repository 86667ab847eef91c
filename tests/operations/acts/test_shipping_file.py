"""A file of shipments as spreadsheets save it."""

from __future__ import annotations

import codecs
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.operations.acts.shipping_file import (
    LARGEST,
    MOST_ROWS,
    TEMPLATE,
    FileRow,
    NotReadable,
    read_file,
    read_written,
    written,
)

ROWS = [
    FileRow(2, "028-1", "dhl", "A1", "MUG=2;CUP=1", {"MUG": 2, "CUP": 1}),
    FileRow(3, "028-2", "custom: Grüne Post", "B1"),
]
COMMAS = 'order,carrier,tracking,items\n028-1,dhl,A1,"MUG=2;CUP=1"\n028-2,custom: Grüne Post,B1,\n'
SEMICOLONS = (
    'order;carrier;tracking;items\n028-1;dhl;A1;"MUG=2;CUP=1"\n028-2;custom: Grüne Post;B1;\n'
)
TABS = COMMAS.replace(",", "\t")


@pytest.mark.parametrize("text", [COMMAS, SEMICOLONS, TABS], ids=["commas", "semicolons", "tabs"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_however_it_is_saved_the_rows_are_the_same(text: str, ends: str, encoding: str) -> None:
    assert read_file(text.replace("\n", ends).encode(encoding)) == ROWS


def test_columns_come_in_any_order_and_under_other_names() -> None:
    text = "Tracking Number,ignored,Order-ID,CARRIER\nA1,x,028-1,dhl\n,,,\n"
    assert read_file(text.encode()) == [FileRow(2, "028-1", "dhl", "A1")]


def test_the_template_is_a_file_of_three_parcels() -> None:
    rows = read_file(("\ufeff" + TEMPLATE).encode())
    assert [(row.line, row.units, row.mistake) for row in rows] == [
        (2, None, ""),
        (3, {"MUG-BLUE": 2}, ""),
        (4, {"MUG-BLUE": 1, "CUP-RED": 1}, ""),
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"order,carrier,tracking\n", "the file has headings, and no row"),
        (b"order,carrier\n1,dhl\n", "its first line lacks tracking"),
        (b"order,order,carrier,tracking\n1,1,dhl,A1\n", "it has two columns of order"),
        (codecs.BOM_UTF16_LE + "order".encode("utf-16-le"), "it is in UTF-16"),
        (b"PK\x03\x04", "it is a spreadsheet's own file"),
        (b"order,carrier,tracking\n\x81,dhl,A1\n", "neither in UTF-8 nor in Windows-1252"),
        (b"order,carrier,tracking\n\x00,dhl,A1\n", "it is no text"),
        (b'order,carrier,tracking\n"1,dhl,A1\n', "it is no table of this kind"),
        (b"x" * (LARGEST + 1), "a file has 48 KB at most"),
        (
            b"order,carrier,tracking\n" + b"1,dhl,A1\n" * (MOST_ROWS + 1),
            "a file has 500 rows at most, and this has 501",
        ),
    ],
)
def test_what_cannot_be_read_is_said(content: bytes, why: str) -> None:
    with pytest.raises(NotReadable, match=why):
        read_file(content)


@pytest.mark.parametrize(
    ("cells", "mistake"),
    [
        (",dhl,A1,", "order is missing"),
        ("028-1,,,", "carrier, tracking is missing"),
        ("028-1,dhl,3.40434E+19,", "the spreadsheet has rounded the tracking number"),
        ("028-1,dhl,A1,MUG=", "“MUG=” is no SKU=number"),
        ("028-1,dhl,A1,MUG=two", "“MUG=two” is no SKU=number"),
        ("028-1,dhl,A1,MUG=0", "“MUG=0” are no units"),
        ("028-1,dhl,A1,;", "items is no SKU=number"),
        ("028-1,dhl,A1,MUG=1,CUP=1", "more cells than headings; part SKUs by ;"),
    ],
)
def test_a_row_says_its_mistake_and_the_others_stay(cells: str, mistake: str) -> None:
    text = f"order,carrier,tracking,items\n{cells}\n028-2,dhl,B1,\n"
    faulty, good = read_file(text.encode())
    assert faulty.mistake.startswith(mistake)
    assert good == FileRow(3, "028-2", "dhl", "B1")
    assert read_written(written([faulty, good])) == [faulty, good]


def test_empty_cells_beyond_the_headings_are_none() -> None:
    text = "order,carrier,tracking,,\n028-1,dhl,A1,,,,\n028-2,dhl,B1,,MUG=1\n"
    good, faulty = read_file(text.encode())
    assert good == FileRow(2, "028-1", "dhl", "A1")
    assert faulty.mistake == "more cells than headings; part SKUs by ;"


@pytest.mark.parametrize(
    ("items", "units"),
    [
        ("MUG", {"MUG": 1}),
        ("MUG = 2 ; MUG=1", {"MUG": 3}),
        ("A=B=2", {"A=B": 2}),
    ],
)
def test_items_are_read(items: str, units: dict[str, int]) -> None:
    (row,) = read_file(f"order,carrier,tracking,items\n1,dhl,A1,{items}\n".encode())
    assert (row.units, row.mistake) == (units, "")


def test_what_keeps_a_number_a_text_is_no_part_of_it() -> None:
    text = 'order,carrier,tracking\n\'028-1,dhl,"=""0034"""\n'
    (row,) = read_file(text.encode())
    assert (row.order, row.tracking) == ("028-1", "0034")


def test_an_inch_sign_stays_part_of_its_sku() -> None:
    text = 'order,carrier,tracking,items\n028-1,dhl,A1,"TV-55"""\n'
    (row,) = read_file(text.encode())
    assert row.units == {'TV-55"': 1}


def test_a_row_keeps_its_line_beside_blank_ones() -> None:
    rows = read_file(b"order,carrier,tracking\n\n\n028-1,dhl,A1\n\n028-2,dhl,B1\n")
    assert [row.line for row in rows] == [4, 6]
    assert read_written(written(rows)) == rows


def test_a_row_column_of_a_persons_file_says_no_line() -> None:
    rows = read_file(b"row,order,carrier,tracking\n7,028-1,dhl,A1\n")
    assert rows == [FileRow(2, "028-1", "dhl", "A1")]


def test_what_grows_too_large_when_it_is_written_is_said() -> None:
    text = "order,carrier,tracking\n" + "1,ü,A1\n" * 3
    rows = read_file((text.replace("ü", "ü" * (LARGEST // 4))).encode("cp1252"))
    with pytest.raises(NotReadable, match="a file has 48 KB at most: split it"):
        written(rows)


@pytest.mark.parametrize(
    "text",
    [
        "order,carrier,tracking\n1,dhl,A1\n",
        "row,order,carrier,tracking\nx,1,dhl,A1\n",
        "row,order,carrier,tracking\n2,1,dhl,A1\n2,1,dhl,A2\n",
        "row,order,carrier,tracking\n3,1,dhl,A1\n2,1,dhl,A2\n",
        "row,order,carrier,tracking\n9999999,1,dhl,A1\n",
    ],
)
def test_what_was_not_written_here_is_not_read_as_such(text: str) -> None:
    with pytest.raises(NotReadable, match="it is not the file that was checked"):
        read_written(text)


_WORD = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9)
_CELL = st.builds(str.__add__, st.sampled_from(["", "'", '="', "'=\""]), _WORD)


@given(st.lists(st.tuples(_CELL, _CELL, _CELL, st.just("MUG=1;CUP=2")), min_size=1, max_size=9))
def test_what_is_written_reads_the_same(cells: list[tuple[str, str, str, str]]) -> None:
    rows = [FileRow(line, *each, units={"MUG": 1, "CUP": 2}) for line, each in enumerate(cells, 2)]
    again = read_written(written(rows))
    assert [replace(row, mistake="") for row in again] == rows
