"""How a file of Amazon's writes numbers and dates: learned from the whole file. Pure.

Amazon writes a settlement as the marketplace does: `95,00` or `95.00`, `11/19/26` or `19.11.2026`.
A single value may be read in two ways (`1.234`, `03/04/26`), all values of a file together seldom.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from pipeline.base.clock import YEARS
from pipeline.base.money import LARGEST_AMOUNT, minor_unit

_BLANKS = re.compile("[\\s\u00a0\u202f'\u2019]")
_MINUS = "\u2212"
_DIGIT, _LETTER = re.compile(r"\d"), re.compile(r"[^\W\d_]")
_DIGITS_BEHIND = {".": re.compile(r"\.(\d+)$"), ",": re.compile(r",(\d+)$")}
# Groups of two are India's: 1,00,000.
_NUMBER = {
    point: re.compile(
        rf"[+-]?(?:\d+|\d{{1,3}}(?:{group}\d{{2,3}})*{group}\d{{3}})(?:{behind}\d{{1,4}})?"
    )
    for point, group, behind in ((".", ",", r"\."), (",", r"\.", ","))
}

_ZONES = {"": 0, "UTC": 0, "GMT": 0, "Z": 0, "BST": 1, "CET": 1, "CEST": 2, "JST": 9}
_ZONES |= {"PST": -8, "PDT": -7}
_WRITTEN_DATE = re.compile(
    r"(?P<a>\d{1,4})(?P<sign>[-./])(?P<b>\d{1,2})(?P=sign)(?P<c>\d{2,4})"
    r"(?:[T ]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?"
    r" ?(?P<zone>[A-Z]{0,4}|[+-]\d{2}:?\d{2}))?"
)


class UnknownStyle(ValueError):
    """The values do not fit one style; the sentence names the value that does not."""


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """The sign before the decimals: a point or a comma. The other one parts thousands."""

    point: str

    def read(self, text: str) -> Decimal:
        """The number. Raises UnknownStyle."""
        plain = _plain(text)
        if not _NUMBER[self.point].fullmatch(plain):
            raise UnknownStyle(f"{_quoted(text)} is no number with a decimal {self._named}")
        number = Decimal(plain.replace("," if self.point == "." else ".", "").replace(",", "."))
        if abs(number) >= LARGEST_AMOUNT:
            raise UnknownStyle(f"{_quoted(text)} is beyond all reason")
        return number

    @property
    def _named(self) -> str:
        return "point" if self.point == "." else "comma"


def number_style(texts: Iterable[str], currency: str) -> NumberStyle:
    """The style that all these numbers have. Raises UnknownStyle when no style fits all.

    Three digits behind a single sign are decimals or thousands: they decide only where nothing
    else does, and then they are thousands, unless the currency itself has three decimals.
    """
    told: dict[str, str] = {}
    perhaps: dict[str, str] = {}
    for text in texts:
        plain = _plain(text).lstrip("+-")
        point, is_sure = _decimal_sign(plain)
        if point:
            (told if is_sure else perhaps).setdefault(point, text)
    if not told and perhaps:
        if minor_unit(currency) == Decimal("0.001"):
            sample = next(iter(perhaps.values()))
            raise UnknownStyle(f"{_quoted(sample)} has three decimals or is in thousands")
        told = {"," if point == "." else ".": text for point, text in perhaps.items()}
    if len(told) > 1:
        one, other = told.values()
        raise UnknownStyle(f"{_quoted(one)} and {_quoted(other)} are written in two styles")
    return NumberStyle(next(iter(told), "."))


def _decimal_sign(plain: str) -> tuple[str, bool]:
    """The sign before the decimals, and whether it can be no other; "" for digits alone."""
    if "." in plain and "," in plain:
        return (".", True) if plain.rindex(".") > plain.rindex(",") else (",", True)
    for sign, other in ((".", ","), (",", ".")):
        if plain.count(sign) > 1:
            return other, True
        behind = _DIGITS_BEHIND[sign].search(plain)
        if behind:
            is_sure = len(behind[1]) != 3 or plain.startswith("0")
            return sign, is_sure
    return "", False


def _plain(text: str) -> str:
    return _BLANKS.sub("", text).replace(_MINUS, "-")


@dataclass(frozen=True, slots=True)
class DateStyle:
    """Whether the day comes before the month where slashes part them.

    Dates with points begin with the day, those with hyphens with the year, wherever they are from.
    """

    day_first: bool

    def read(self, text: str) -> datetime:
        """The time in UTC, of a day its beginning. Raises UnknownStyle."""
        found = _WRITTEN_DATE.fullmatch(text.strip())
        at = self._made(found) if found else None
        if at is None:
            raise UnknownStyle(f"{_quoted(text)} is no date")
        return at

    def _made(self, found: re.Match[str]) -> datetime | None:
        first, second, third = found["a"], found["b"], found["c"]
        if len(first) == 4:
            year, month, day = first, second, third
        elif found["sign"] == "." or self.day_first:
            year, month, day = third, second, first
        elif found["sign"] == "/":
            year, month, day = third, first, second
        else:
            year, month, day = third, second, first
        offset = _offset(found["zone"] or "")
        if len(year) not in (2, 4) or offset is None:
            return None
        try:
            at = datetime(
                int(year) + (2000 if len(year) == 2 else 0),
                int(month),
                int(day),
                int(found["hour"] or 0),
                int(found["minute"] or 0),
                int(found["second"] or 0),
                tzinfo=timezone(offset),
            )
        except ValueError:
            return None
        return at.astimezone(UTC) if at.year in YEARS else None


def date_style(texts: Iterable[str]) -> DateStyle:
    """The style that all these dates have. Raises UnknownStyle when neither fits all.

    Where both fit, the one that keeps the dates closer together: a settlement is of two weeks.
    """
    given = sorted(set(texts))
    fitting: dict[DateStyle, timedelta] = {}
    refusal: UnknownStyle | None = None
    for style in (DateStyle(day_first=False), DateStyle(day_first=True)):
        try:
            days = [style.read(text) for text in given]
        except UnknownStyle as error:
            refusal = refusal or error
            continue
        fitting[style] = max(days, default=_SOME) - min(days, default=_SOME)
    if not fitting:
        raise refusal or UnknownStyle("there is no date")
    return min(fitting, key=lambda style: fitting[style])


_SOME = datetime(2000, 1, 1, tzinfo=UTC)


def _offset(zone: str) -> timedelta | None:
    if zone[:1] in ("+", "-"):
        sign = -1 if zone[0] == "-" else 1
        return sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    hours = _ZONES.get(zone)
    return None if hours is None else timedelta(hours=hours)


def _quoted(text: str) -> str:
    """How the cell is written, and not what it says: an incident shows it, and it may be wrong."""
    return f"“{_LETTER.sub('x', _DIGIT.sub('9', text[:40]))}”"
