"""Which of Amazon's carrier codes a Magento tracking number gets. The codes are data, beside this.

Amazon's spelling and case count: a wrong code leaves an order unconfirmed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from pipeline.errors import CannotMap
from pipeline.outcome import HoldCode

OTHER = "Other"
# Refused there for what sellers ship themselves, since May 2021.
_WITHOUT_OTHER = frozenset({"IN"})


class Carrier(NamedTuple):
    """What confirmShipment takes: `name` is the carrier's own, and only given beside `Other`."""

    code: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Codes:
    by_magento_code: Mapping[str, str]
    by_country: Mapping[str, Mapping[str, str]]
    accepted: frozenset[str]
    by_title: Mapping[str, str]


@cache
def _codes() -> _Codes:
    data: dict[str, Any] = json.loads(
        files("pipeline.amazon").joinpath("carriers.json").read_text(encoding="utf-8")
    )
    by_title: dict[str, str] = {}
    for code in data["accepted"]:
        by_title.setdefault(code.casefold(), code)
    return _Codes(
        data["magento_to_amazon"],
        data["magento_to_amazon_by_country"],
        frozenset(data["accepted"]),
        by_title,
    )


def offered() -> Mapping[str, str]:
    """The Magento carrier codes that have one of Amazon's, and that one, by name."""
    return dict(sorted(_codes().by_magento_code.items(), key=lambda one: one[1].casefold()))


def carrier_for(carrier_code: str, title: str, country: str) -> Carrier:
    """Amazon's carrier for a Magento carrier code and title, in a marketplace of this country.

    A known Magento code decides; the title of any other is looked for in Amazon's list, and is
    sent as a name when it is not there. Raises CannotMap(CARRIER_UNMAPPED) when no name is left to
    send, or where Amazon takes listed carriers only.
    """
    codes = _codes()
    magento_code = carrier_code.strip().casefold()
    title = " ".join(title.split())
    code = (
        codes.by_country.get(country.upper(), {}).get(magento_code)
        or codes.by_magento_code.get(magento_code)
        or (title if title in codes.accepted else None)
        or codes.by_title.get(title.casefold())
    )
    if code is not None:
        return Carrier(code)
    facts = {"carrier_code": carrier_code, "title": title, "country": country}
    if country.upper() in _WITHOUT_OTHER:
        raise CannotMap(
            HoldCode.CARRIER_UNMAPPED,
            f'in {country.upper()} Amazon takes only carriers of its own list, and "{title}" is '
            "not on it: give the tracking number the title of a listed carrier",
            facts,
        )
    if not title:
        raise CannotMap(
            HoldCode.CARRIER_UNMAPPED,
            f'the carrier "{carrier_code}" is not known to Amazon and the tracking number has no '
            "title: give it the carrier's name as its title",
            facts,
        )
    return Carrier(OTHER, title)
