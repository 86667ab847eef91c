"""Maps the carrier of a Magento tracking number to Amazon's carrier code; see carriers.json.

Amazon's spelling and case count: a wrong code leaves an order unconfirmed. The shop's carrier is
compared without case, spaces, accents and punctuation, and with all known names of a carrier.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from pipeline.base.errors import CannotMap
from pipeline.orders.outcome import HoldCode

OTHER = "Other"
# Since May 2021 Amazon refuses `Other` here for orders that the merchant ships.
WITHOUT_OTHER = frozenset({"IN"})


class Carrier(NamedTuple):
    """A carrier for confirmShipment; `name` is the carrier's name, given only with `Other`."""

    code: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Codes:
    """The tables of carriers.json; `by_name` and `by_name_in` (by country) have folded names.

    A country and a service may follow the name of a `worldwide` carrier, but only a service the
    name of a `national` carrier: with a country it is another carrier.
    """

    by_magento_code: Mapping[str, str]
    by_country: Mapping[str, Mapping[str, str]]
    accepted: frozenset[str]
    by_title: Mapping[str, str]
    by_name: Mapping[str, str]
    by_name_in: Mapping[str, Mapping[str, str]]
    worldwide: tuple[str, ...]
    national: tuple[str, ...]
    service_words: frozenset[str]
    country_words: frozenset[str]


@cache
def _codes() -> _Codes:
    data: dict[str, Any] = json.loads(
        files("pipeline.amazon").joinpath("carriers.json").read_text(encoding="utf-8")
    )
    by_title: dict[str, str] = {}
    by_name: dict[str, str] = {}
    for code in data["accepted"]:
        by_title.setdefault(code.casefold(), code)
        by_name.setdefault(_folded(code), code)
    for code, names in data["names"].items():
        for name in names:
            by_name.setdefault(_folded(name), code)
    for magento_code, code in data["magento_to_amazon"].items():
        by_name.setdefault(_folded(magento_code), code)
    return _Codes(
        data["magento_to_amazon"],
        data["magento_to_amazon_by_country"],
        frozenset(data["accepted"]),
        by_title,
        by_name,
        {
            country: {_folded(name): code for name, code in names.items()}
            for country, names in data["names_by_country"].items()
        },
        tuple(map(_folded, data["worldwide"])),
        tuple(map(_folded, data["national"])),
        frozenset(map(_folded, data["service_words"])),
        frozenset(map(_folded, data["country_words"])),
    )


def offered() -> Mapping[str, str]:
    """Amazon's carrier code by Magento's, sorted by Amazon's code."""
    return dict(sorted(_codes().by_magento_code.items(), key=lambda pair: pair[1].casefold()))


def carrier_for(carrier_code: str, title: str, country: str) -> Carrier:
    """Amazon's carrier for a Magento carrier code and title, in a marketplace of this country.

    A known Magento code decides. Otherwise the title, then the code, is compared with the names of
    Amazon's carriers; when neither matches, the title is sent as the name. Raises
    CannotMap(CARRIER_UNMAPPED) when there is no title to send, or where Amazon accepts listed
    carriers only.
    """
    codes = _codes()
    magento_code = carrier_code.strip().casefold()
    title = " ".join(title.split())
    in_country = country.upper()
    code = (
        codes.by_country.get(in_country, {}).get(magento_code)
        or codes.by_magento_code.get(magento_code)
        or _named(title, in_country)
        or _named(magento_code, in_country)
    )
    if code is not None:
        return Carrier(code)
    # The title is typed by a person, so that no sentence quotes it.
    facts = {"carrier_code": carrier_code, "country": country}
    if in_country in WITHOUT_OTHER:
        raise CannotMap(
            HoldCode.CARRIER_UNMAPPED,
            f"in {in_country} Amazon takes only carriers of its own list, and the title of the "
            "tracking number is not on it: give it the title of a listed carrier",
            facts,
        )
    if not title:
        raise CannotMap(
            HoldCode.CARRIER_UNMAPPED,
            f'the carrier "{carrier_code}" is not known to Amazon and the tracking number has no '
            "title, or the purge took it: choose a carrier that Amazon knows, or name one as the "
            "title",
            facts,
        )
    return Carrier(OTHER, title)


def is_known(title: str) -> bool:
    """Whether a title is the name of a carrier that Amazon knows somewhere, and nothing else."""
    codes = _codes()
    return any(_named(title, country) for country in ("", *codes.by_name_in))


def _named(title: str, country: str) -> str | None:
    """Amazon's code for a carrier name in this country; None without a certain match."""
    codes = _codes()
    words = [folded for word in _words(title) if (folded := _folded(word))]
    if not words:
        return None
    in_country = codes.by_name_in.get(country, {})
    whole = _folded(title)
    amazons_code = (
        in_country.get(whole)
        or (title if title in codes.accepted else None)
        or codes.by_title.get(title.casefold())
        or codes.by_name.get(whole)
    )
    if amazons_code is not None:
        return amazons_code
    for count in range(len(words) - 1, 0, -1):
        name, rest = "".join(words[:count]), set(words[count:])
        is_worldwide = name.startswith(codes.worldwide)
        if not is_worldwide and not name.startswith(codes.national):
            continue
        code = in_country.get(name) or codes.by_name.get(name)
        if code and rest <= codes.service_words | (codes.country_words if is_worldwide else set()):
            return code
    return None


def _words(title: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in title).split()


def _folded(name: str) -> str:
    """Letters and digits alone, without case and accents."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in plain if letter.isalnum())
