"""The spelling of regions: their words, their alternative names, and the words for their kind.

The names are data: region_names.txt beside this file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Letters that Unicode does not decompose.
_SIMPLE_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
    | {"\u02bb": "", "\u02bc": ""}  # apostrophes that count as letters, as in Hawaiʻi
)
_FILLERS = _set("and und y e et i of de del di da do dos du des d the van von")
_AREAS = _set(
    """
    state estado estat edo bundesland land freistaat freie province provincia provincie provinz prov
    canton kanton kt cantone region regione regiao regio comunidad comunitat community autonoma
    autonom autonomous autonome foral principado gewest departement departamento department dept
    voivodeship wojewodztwo woj judet judetul jud county condado contea comitat megye maakond
    apskritis apskr novads nov zupanija lan fylke oblast oblasti obl kraj governorate emirate
    prefecture prefektur prefectura sheng district distrito territory
    """
)
# Some directories have regions larger than counties, districts and provinces, or named like cities
# elsewhere in the country. There only these words name a kind of region: Washington County is not
# in Washington, and Ciudad Hidalgo is not in Hidalgo.
_OF_STATES = _set("state commonwealth territory")
_OF_PROVINCES = _set("province provincia pcia territory territoire prov")
_AREAS_BY_COUNTRY = {
    "US": _OF_STATES,
    "AU": _OF_STATES,
    "IN": _OF_STATES | {"union"},
    "BR": _set("state estado"),
    "MX": _set("state estado edo libre soberano"),
    "VE": _set("state estado edo"),
    "CA": _OF_PROVINCES,
    "AR": _OF_PROVINCES,
    "IE": _set("county co"),
    "GB": _set("county co"),
    "JP": _set("prefecture pref to fu ken do metropolis metropolitan"),
}
_CITIES = _set(
    """
    city grad stadt hansestadt municipality municipiul miestas pilseta linn misto mesto hlavni
    citta metropolitana shi sar
    """
)
# Countries where a city is itself a region, or lies in the region of the same name.
_WITH_CITIES = _set("AT BG CN CZ DE EE GR HR HU IE IT LT LV RO SK UA")
# Signs for a kind of region, written without a space behind the name.
_LAST_SIGN = {"JP": re.compile("(?<=..)[都府県縣]$"), "CN": re.compile("(?<=..)(?:省|市|自治区)$")}


def words(text: str) -> list[str]:
    """The words of a text, without accents and case."""
    spread = unicodedata.normalize("NFKD", text).casefold().translate(_SIMPLE_LETTERS)
    bare = "".join(char for char in spread if not unicodedata.combining(char))
    return re.findall(r"[^\W_]+", bare)


def folded(text: str) -> str:
    """The letters and digits of a text, without accents and case."""
    return "".join(words(text))


def bare(text: str, country: str) -> str:
    """As `folded`, without connecting words and words for the kind of region."""
    sign = _LAST_SIGN.get(country)
    nothing = _FILLERS | _areas(country) | _cities(country)
    kept = words(sign.sub("", text.strip()) if sign else text)
    return "".join(word for word in kept if word not in nothing)


def says_area(text: str, country: str) -> bool:
    """Whether a text says "county" or the like."""
    return not _areas(country).isdisjoint(words(text))


def says_city(text: str, country: str) -> bool:
    """Whether a text says "city" or the like, in a country where a city may be a region."""
    return not _cities(country).isdisjoint(words(text))


def also_called(text: str, country: str) -> Sequence[str]:
    """Every name and code of the regions with this name."""
    groups = _groups(country)
    meant = groups.get(folded(text)) or groups.get(bare(text, country)) or []
    return [name for names in meant for name in names]


@cache
def _groups(country: str) -> Mapping[str, list[tuple[str, ...]]]:
    by_key: dict[str, list[tuple[str, ...]]] = {}
    for names in _data().get(country, ()):
        for key in {key for name in names for key in (folded(name), bare(name, country)) if key}:
            by_key.setdefault(key, []).append(names)
    return by_key


@cache
def _data() -> Mapping[str, list[tuple[str, ...]]]:
    text = files("pipeline.magento.order").joinpath("region_names.txt").read_text(encoding="utf-8")
    by_country: dict[str, list[tuple[str, ...]]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            of_country = by_country.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            of_country.append(tuple(name.strip() for name in line.split("|")))
    return by_country


def _areas(country: str) -> frozenset[str]:
    return _AREAS_BY_COUNTRY.get(country, _AREAS)


def _cities(country: str) -> frozenset[str]:
    return _CITIES if country in _WITH_CITIES else frozenset()
