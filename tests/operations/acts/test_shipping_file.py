"""A file of shipments as spreadsheets save it."""

from __future__ import annotations

import codecs

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
    ],
)
def test_a_row_says_its_mistake_and_the_others_stay(cells: str, mistake: str) -> None:
    text = f"order,carrier,tracking,items\n{cells}\n028-2,dhl,B1,\n"
    faulty, good = read_file(text.encode())
    assert faulty.mistake.startswith(mistake)
    assert good == FileRow(3, "028-2", "dhl", "B1")


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


_WORD = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9)


@given(st.lists(st.tuples(_WORD, _WORD, _WORD, st.just("MUG=1;CUP=2")), min_size=1, max_size=9))
def test_what_is_written_reads_the_same(cells: list[tuple[str, str, str, str]]) -> None:
    first = [FileRow(0, *each) for each in cells]
    once = read_file(written(first).encode())
    again = read_file(written(once).encode())
    assert [(row.order, row.carrier, row.tracking, row.units) for row in again] == [
        (row.order, row.carrier, row.tracking, row.units) for row in once
    ]
