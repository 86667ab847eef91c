"""Reads the values of the list's filters from text, as people type them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import NamedTuple, TypeVar

from pipeline.settings.marketplaces import country_of, in_country, regions

MOST_NUMBERS = 200
"""So many numbers may be pasted into the search at once."""
_AMOUNT = re.compile(r"\d{1,15}(\.\d{1,2})?")
_AN_AMOUNT = (
    "Write an amount as 1234 or 12.50: two decimals at most, and nothing between thousands."
)
_PROGRAM = re.compile(r"[A-Z0-9_]{1,40}")
_HASH = re.compile(r"[0-9a-f]{16}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MARKETPLACE = re.compile(r"[A-Z0-9]{10,20}")
_COLUMNS = re.compile(r"[a-z_]{1,30}(,[a-z_]{1,30}){0,30}")
_BETWEEN_NUMBERS = re.compile(r"[\s,;]+")

_T = TypeVar("_T")


class Unusable(ValueError):
    """A value that is no filter; the message says what would be."""


class Assignee(NamedTuple):
    """Whose orders are listed: of the person who reads the list, or of nobody.

    `person_id` is the reader's, once it is known who reads.
    """

    word: str
    person_id: int | None = None

    def __str__(self) -> str:
        return self.word


MINE, NOBODYS = Assignee("me"), Assignee("nobody")


def numbers_in(text: str) -> list[str]:
    """The numbers of a search, each once: spaces, commas, semicolons and lines part them."""
    return list(dict.fromkeys(filter(None, _BETWEEN_NUMBERS.split(text))))


def numbers(text: str) -> str:
    """Read a search, in a single line."""
    if len(numbers_in(text)) > MOST_NUMBERS:
        raise Unusable(f"Search for {MOST_NUMBERS} numbers at most at once.")
    return " ".join(text.split())


def marketplace(text: str) -> str:
    """Read a marketplace's id, or its country."""
    code = text.upper()
    of_country = (in_country(region, code) for region in regions())
    if (known := next(filter(None, of_country), None)) is not None:
        return known
    if not _MARKETPLACE.fullmatch(code):
        raise Unusable("Write a country such as DE, or the marketplace’s id.")
    return code


def marketplace_text(marketplace_id: str) -> str:
    """A marketplace as people know it."""
    return country_of(marketplace_id) or marketplace_id


def currency(text: str) -> str:
    """Read a currency's code."""
    if not _CURRENCY.fullmatch(text.upper()):
        raise Unusable("Write the currency’s code of three letters, such as EUR.")
    return text.upper()


def one_of(kind: Callable[[str], _T], sentence: str) -> Callable[[str], _T]:
    """A reader of a kind's values, with the sentence for any other text."""

    def reader(text: str) -> _T:
        try:
            return kind(text)
        except ValueError:
            raise Unusable(sentence) from None

    return reader


def amount(text: str) -> Decimal:
    """Read an amount. German and French keyboards type a comma for the decimal point.

    Three digits after the sign may be thousands, so they are no amount.
    """
    plain = text.replace(",", ".")
    if not _AMOUNT.fullmatch(plain):
        raise Unusable(_AN_AMOUNT)
    try:
        return Decimal(plain)
    except InvalidOperation:  # digits of another script
        raise Unusable(_AN_AMOUNT) from None


def day(text: str) -> date:
    """Read a day."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise Unusable("A day looks like 2026-03-31.") from None
    if not 2000 <= found.year < 3000:
        raise Unusable("A day looks like 2026-03-31.")
    return found


def program(text: str) -> str:
    """Read a program, as Amazon writes it."""
    if not _PROGRAM.fullmatch(text.upper()):
        raise Unusable("Write the program as Amazon does, such as PRIME or AMAZON_BUSINESS.")
    return text.upper()


def buyer(text: str) -> tuple[str, ...]:
    """Read the hashes of a buyer."""
    words = tuple(text.split("."))
    if not all(map(_HASH.fullmatch, words)):
        raise Unusable("Search for the buyer again.")
    return words


def flag(text: str) -> bool:
    """Read a tick."""
    if text != "1":
        raise Unusable("1 shows hidden orders too.")
    return True


def assignee(text: str) -> Assignee:
    """Read whose orders are listed."""
    for one in (MINE, NOBODYS):
        if text == one.word:
            return one
    raise Unusable("Orders are listed as assigned to me, or to nobody.")


def columns(text: str) -> tuple[str, ...]:
    """Read the names of columns."""
    if not _COLUMNS.fullmatch(text):
        raise Unusable("Columns are named with commas between them.")
    return tuple(text.split(","))
