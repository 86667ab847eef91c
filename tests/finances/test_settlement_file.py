"""A settlement's file: both styles of numbers and dates, its summary, equal rows, refusals."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.finances.local_styles import UnknownStyle, date_style, number_style
from pipeline.finances.settlement_file import UnreadableSettlement, read_settlement
from tests.finances.settlement_files import (
    AMERICAN,
    EUROPEAN,
    ID,
    STARTS,
    WITHOUT_ORDER,
    Line,
    Style,
    a_file,
    sales,
)

STYLES = [AMERICAN, EUROPEAN, Style(comma=True), Style(points=True)]


@pytest.mark.parametrize("style", STYLES)
def test_reads_each_style_to_the_cent(style: Style) -> None:
    lines = [*sales(20), *WITHOUT_ORDER, Line(Decimal("1234567.89"))]
    read = read_settlement(a_file(lines, style))
    assert [line.amount for line in read.lines] == [line.amount for line in lines]
    assert read.total_amount == read.lines_total == sum(line.amount for line in lines)
    assert (read.settlement_id, read.currency, read.starts_at) == (ID, "EUR", STARTS)
    assert {line.posted_at for line in read.lines} == {line.at for line in lines}
    assert [line.number for line in read.lines] == list(range(3, len(lines) + 3))


def test_equal_rows_are_two_amounts() -> None:
    line = Line(Decimal("10.00"), "302-1111111-1111111")
    read = read_settlement(a_file([line, line]))
    assert read.lines_total == Decimal("20.00")
    assert len(read.lines) == 2


@pytest.mark.parametrize(
    ("texts", "currency", "text", "number"),
    [
        (["95,00"], "EUR", "1.234", "1234"),
        (["95.00"], "EUR", "1,234", "1234"),
        (["-3,5", "1 234,00"], "EUR", "\u22121\u00a0234,00", "-1234"),
        (["1'234.50"], "CHF", "2'000", "2000"),
        (["1,00,000.00"], "INR", "1,00,000.00", "100000"),
        (["1,234"], "JPY", "12,345", "12345"),
        (["1.234"], "EUR", "1.234", "1234"),
        (["0.125", "7"], "EUR", "1.125", "1.125"),
        (["1.234.567"], "EUR", "2,5", "2.5"),
        ([], "EUR", "7", "7"),
    ],
)
def test_learns_how_numbers_are_written(
    texts: list[str], currency: str, text: str, number: str
) -> None:
    assert number_style(texts, currency).read(text) == Decimal(number)


@pytest.mark.parametrize(("texts", "currency"), [(["95,00", "95.00"], "EUR"), (["1.234"], "KWD")])
def test_refuses_numbers_of_two_styles(texts: list[str], currency: str) -> None:
    with pytest.raises(UnknownStyle):
        number_style(texts, currency)


@pytest.mark.parametrize(
    ("texts", "text", "day"),
    [
        (["11/19/26"], "11/03/26", (2026, 11, 3)),
        (["19/11/2026"], "11/03/2026", (2026, 3, 11)),
        (["11/09/26", "10/11/26", "08/11/26"], "09/11/26", (2026, 11, 9)),
        (["19.11.2026"], "03.11.2026", (2026, 11, 3)),
        (["2026-11-19"], "2026-11-03", (2026, 11, 3)),
        (["2026/11/19"], "2026/11/03", (2026, 11, 3)),
    ],
)
def test_learns_how_dates_are_written(
    texts: list[str], text: str, day: tuple[int, int, int]
) -> None:
    assert date_style(texts).read(text) == datetime(*day, tzinfo=UTC)


@pytest.mark.parametrize("texts", [["13/12/26", "12/13/26"], ["31.02.2026"], ["soon"]])
def test_refuses_dates_of_two_styles(texts: list[str]) -> None:
    with pytest.raises(UnknownStyle):
        date_style(texts)


@settings(deadline=None)
@given(st.lists(st.decimals("-99999", "99999", places=2), min_size=1), st.sampled_from(STYLES))
def test_what_is_written_is_read(amounts: list[Decimal], style: Style) -> None:
    read = read_settlement(a_file([Line(amount) for amount in amounts], style))
    assert [line.amount for line in read.lines] == amounts


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("amount-description", "description", "lacks the columns amount-description"),
        ("10.00", "10,00", "two styles"),
        ("11/03/26", "33/33/26", "is no date"),
        ("\tEUR\t", "\t\t", "no summary"),
    ],
)
def test_says_why_a_file_is_refused(before: str, after: str, sentence: str) -> None:
    text = a_file([Line(Decimal("10.00")), Line(Decimal("5.50"))])
    assert before in text
    with pytest.raises(UnreadableSettlement, match=sentence):
        read_settlement(text.replace(before, after, 1))


@pytest.mark.parametrize("cell", ["Erika Muster 12", "+49 30 5550123", "5550123,00"])
def test_a_refusal_shows_how_a_cell_is_written_and_not_what_it_says(cell: str) -> None:
    text = a_file([Line(Decimal("10.00")), Line(Decimal("5.50"))])
    for before in ("5.50", "11/03/26"):
        with pytest.raises(UnreadableSettlement) as raised:
            read_settlement(text.replace(before, cell, 1))
        assert not {"Erika", "Muster", "5550123"} & set(re.findall(r"\w+", str(raised.value)))


def test_headings_are_found_by_name_and_words_are_kept() -> None:
    text = a_file([Line(Decimal("1.00"), "", ("Brand new", "Unheard-of fee"), "Novelty")])
    heading, rest = text.split("\n", 1)
    read = read_settlement(f"{heading.replace('-', ' ').title()}\n{rest}")
    (line,) = read.lines
    assert (line.transaction_type, line.amount_type, line.amount_description) == (
        *("Novelty", "Brand new", "Unheard-of fee"),
    )
