"""Who reads a page: the language, the way to write dates and numbers, and the time zone.

What a person has chosen wins, then the browser's cookies, then its languages, then English and UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from flask import current_app, g, has_request_context, request

from pipeline.access.sign_ins import Person

SOURCE = "en"
"""The language that the code and the templates are written in."""
LANGUAGE_COOKIE, ZONE_COOKIE = "orderbridge-language", "orderbridge-zone"
UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Reader:
    """The reader of a page. `language` has a catalogue; `locale` may name a country as well."""

    language: str
    locale: Locale
    zone: ZoneInfo

    @property
    def is_plain(self) -> bool:
        """Whether the browser names no country: dates are then written as ISO 8601 does, since
        English is written with days first and with months first."""
        return self.language == SOURCE and self.locale.territory is None


NOBODY = Reader(SOURCE, Locale(SOURCE), UTC)
"""Outside of a request."""


def reader() -> Reader:
    """The reader of this request's page."""
    if not has_request_context():
        return NOBODY
    if "reader" not in g:
        g.reader = _reader(g.get("person"))
    found: Reader = g.reader
    return found


def languages() -> dict[str, str]:
    """The languages that the console has a catalogue of, each with its own name."""
    known: dict[str, str] = current_app.extensions["languages"]
    return known


@cache
def zones() -> tuple[str, ...]:
    """The names of all time zones that a person may choose, in their order."""
    return tuple(sorted(name for name in available_timezones() if "/" in name or name == "UTC"))


def _reader(person: Person | None) -> Reader:
    wishes = [
        locale
        for text in request.accept_languages.values()
        if (locale := _locale(text)) is not None and locale.language in languages()
    ]
    own = (person and person.language, request.cookies.get(LANGUAGE_COOKIE))
    wished = wishes[0].language if wishes else SOURCE
    language = next((one for one in own if one in languages()), None) or wished
    locale = next((one for one in wishes if one.language == language), Locale(language))
    given = (person and person.time_zone, request.cookies.get(ZONE_COOKIE))
    zone = next((one for one in given if one in zones()), None)
    return Reader(language, locale, ZoneInfo(zone) if zone else UTC)


def _locale(text: str) -> Locale | None:
    try:
        return Locale.parse(text, sep="-")
    except (ValueError, UnknownLocaleError):
        return None
