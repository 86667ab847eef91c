"""Reads a report of tab-separated rows. Pure.

Amazon writes the headings of a report with blanks, hyphens or underscores, in varying case and
order, and adds columns: a value is found by the folded name of its heading alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

Row = Mapping[str, str]
"""The values of a row by the folded name of their column; a column without a value has ""."""

_SEPARATORS = re.compile(r"[\W_]+")


class Table(NamedTuple):
    """The folded headings of a report, and its rows with the number of their line."""

    headings: tuple[str, ...]
    rows: Iterator[tuple[int, Row]]


def folded(heading: str) -> str:
    """A heading without case, and with a single hyphen for each run of other signs.

    "Return request_date" and "return-request-date" are the same; a letter of any script stays.
    """
    return _SEPARATORS.sub("-", heading.casefold()).strip("-")


def table(text: str) -> Table:
    """The rows of a report. Quotation marks are signs like any other; empty lines are left out.

    A row that is too short lacks its last values, and what a row has beyond its headings is left
    out. Of two columns with the same heading the first counts.
    """
    lines = iter(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    headings = tuple(folded(heading) for heading in next(lines, "").split("\t"))

    def rows() -> Iterator[tuple[int, Row]]:
        for number, line in enumerate(lines, start=2):
            if line.strip():
                values = [value.strip() for value in line.split("\t")]
                values += [""] * (len(headings) - len(values))
                # Reversed, so that the first of two columns wins.
                pairs = list(zip(headings, values, strict=False))[::-1]
                yield number, dict(pairs)

    return Table(headings, rows())
