"""Find the region of the shop's directory that a text means; an uncertain text means no region."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from pipeline.magento.order.plain_text import label
from pipeline.magento.order.region_words import also_called, bare, folded, says_area, says_city
from pipeline.magento.records import Region

_POSTCODE_BEHIND = re.compile(r"[\s,]+(?:\d[\d\s-]*|[a-z]\d[a-z][ -]?\d[a-z]\d)$", re.IGNORECASE)
_BETWEEN_NAMES = re.compile(r"[\[\](),;/|]|\s[-–—]\s")
_IN_BRACKETS = re.compile(r"\s*[\[(][^\])]*[\])]?\s*")
_AROUND_COMMA = re.compile(r"^([^,]+),\s*([^,]+)$")
_ARTICLE_IN_BRACKETS = re.compile(r"^([^\[(]+)[\[(]([^\])]+)[\])]$")
_UMLAUTS_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
# Magento has five names for the postal code AE; most of its mail goes to this region.
_MEANT_BY_SHARED_CODE = {("US", "ae"): "armedforceseurope"}

Index = dict[str, set[Region]]


def fields(text: str, country: str, regions: Sequence[Region], longest: int) -> dict[str, Any]:
    """The region's keys of an address: from the directory if known, else as text, else none."""
    known = find(text, country, regions)
    if known is not None:
        return {"region": known.name, "region_code": known.code, "region_id": known.id}
    free = label(text)[:longest]
    return {"region": free} if free else {}


def find(text: str, country: str, regions: Sequence[Region]) -> Region | None:
    """The only region that `text` means: its code or any of its names, in any spelling, with or
    without the country's prefix ("US-CA"), a word like "province" or a postcode ("californiA
    92025-1501"). All names in a text like "A Coruña [La Coruña]" must mean it."""
    if not regions:
        return None
    known = _known(country, tuple(regions))
    whole = text.strip()
    without_postcode = _POSTCODE_BEHIND.sub("", whole)
    # "Coruña (A)" and "Savoie (Haute)" are A Coruña and Haute-Savoie.
    turned = _ARTICLE_IN_BRACKETS.sub(r"\2 \1", whole)
    for spelling in (whole, without_postcode, turned):
        if meant := known.meant(spelling):
            return _only(meant)
    if beside := _name_and_code(known, whole):
        return beside
    parts = [part.strip() for part in _BETWEEN_NAMES.split(whole)]
    # A number or a single letter beside a name is not the code of a region.
    named = [part for part in parts if len(re.findall(r"[^\W\d_]", part)) > 1]
    return _only(set().union(*map(known.meant, named)))


class _Known:
    """The regions of a country by all their names and codes, the most certain first."""

    def __init__(self, country: str, regions: Sequence[Region]) -> None:
        self._country = country
        self._whole: Index = {}
        self._parts: Index = {}
        self._bare: Index = {}
        for region in regions:
            for code in _codes(region.code, country):
                _add(self._whole, folded(code), region)
            for spelling in _spelled(region.name):
                _add(self._whole, folded(spelling), region)
                _add(self._bare, bare(spelling, country), region)
            for part in _names_within(region.name):
                _add(self._parts, folded(part), region)
                _add(self._bare, bare(part, country), region)
        areas = sum(says_area(region.name, country) for region in regions)
        self._are_mostly_areas = 2 * areas > len(regions)
        for code, sharing in self._whole.items():
            name = _MEANT_BY_SHARED_CODE.get((country, code))
            meant = {region for region in sharing if folded(region.name) == name}
            self._whole[code] = meant or sharing

    def meant(self, text: str) -> set[Region]:
        """Every region that a text may mean; an empty set when it means no region."""
        turned = _AROUND_COMMA.sub(r"\2 \1", text)
        spellings = [*_codes(text, self._country), turned]
        keys = {folded(spelling) for spelling in spellings} - {""}
        return (
            _of(self._whole, keys)
            or _of(self._parts, keys)
            or self._of_its_kind(text, self._called_else(spellings))
            or self._of_its_kind(text, _of(self._bare, {bare(text, self._country)}))
            or self._code_of_its_kind(text)
        )

    def _called_else(self, spellings: Sequence[str]) -> set[Region]:
        country = self._country
        names = [name for spelling in spellings for name in also_called(spelling, country)]
        keys = {folded(name) for name in names}
        bares = {bare(name, country) for name in names}
        return _of(self._whole, keys) or _of(self._parts, keys) or _of(self._bare, bares)

    def _code_of_its_kind(self, text: str) -> set[Region]:
        """The region of "Prov. MI": a code beside a word for the kind of region."""
        country = self._country
        return _of(self._whole, {bare(text, country)}) if says_area(text, country) else set()

    def _of_its_kind(self, text: str, matches: set[Region]) -> set[Region]:
        """Leave out cities if the text says county, and counties if the text says city."""
        country = self._country
        if says_city(text, country) == says_area(text, country):
            return matches
        areas = {region for region in matches if says_area(region.name, country)}
        cities = {region for region in matches if says_city(region.name, country)}
        if says_city(text, country):
            return matches - (areas - cities)
        return areas if self._are_mostly_areas else matches - (cities - areas)


@lru_cache(maxsize=256)
def _known(country: str, regions: tuple[Region, ...]) -> _Known:
    """Building the index takes longer than all the rest of an order's body."""
    return _Known(country, regions)


def _name_and_code(known: _Known, text: str) -> Region | None:
    """The region that a name and the code before or behind it both mean: "Milano MI"."""
    words = text.split()
    for name, code in ((words[:-1], words[-1:]), (words[1:], words[:1])):
        meant = known.meant(" ".join(name)) if name else set()
        if len(meant) == 1 and meant == known.meant(" ".join(code)):
            return _only(meant)
    return None


def _only(meant: set[Region]) -> Region | None:
    return next(iter(meant)) if len(meant) == 1 else None


def _add(index: Index, key: str, region: Region) -> None:
    if key:
        index.setdefault(key, set()).add(region)


def _of(index: Index, keys: set[str]) -> set[Region]:
    return set().union(*(index.get(key, set()) for key in keys))


def _codes(code: str, country: str) -> Iterator[str]:
    """The code itself, the code without its country prefix, and without leading zeros."""
    bare_code = re.sub(rf"^{re.escape(country)}[-_ ./]+", "", code, flags=re.IGNORECASE)
    yield code
    yield bare_code
    if bare_code.isdigit():
        yield bare_code.lstrip("0")


def _spelled(name: str) -> Iterator[str]:
    yield name
    yield name.casefold().translate(_UMLAUTS_SPELLED_OUT)


def _names_within(name: str) -> Iterator[str]:
    """The separate names in "A Coruña [La Coruña]", "Alicante/Alacant", "Madrid, Comunidad de"."""
    if _AROUND_COMMA.search(name):
        yield _AROUND_COMMA.sub(r"\2 \1", name)
        return
    if _IN_BRACKETS.search(name):
        yield _IN_BRACKETS.sub(" ", name)
    for part in re.split(r"[\[\]()/]", name):
        yield from _spelled(part)
