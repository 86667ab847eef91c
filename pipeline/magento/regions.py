"""Which region of the shop's directory a text means. One that is not certain is none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.magento.records import Region
from pipeline.magento.wording import label

_POSTCODE_BEHIND = re.compile(r"[\s,]+(?:\d[\d\s-]*|[a-z]\d[a-z][ -]?\d[a-z]\d)$", re.IGNORECASE)
# What a text may say of a region besides its name.
_KIND_BEFORE = re.compile(
    r"^(?:(?:state|province|canton) of|provincia d[ei]l?|province de|prov\.|canton d[eu]|kanton"
    r"|województwo|wojewodztwo|woj\.|județul|judetul)\s+",
    re.IGNORECASE,
)
_KIND_BEHIND = re.compile(r"\s+(?:state|province|novads)$", re.IGNORECASE)
# Letters that Unicode does not take apart.
_SIMPLE_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)
_UMLAUTS_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
# The post's code AE has five names in Magento, of which most of its mail goes to this one.
_MEANT_BY_SHARED_CODE = {("US", "ae"): "armedforceseurope"}


def fields(text: str, country: str, regions: Sequence[Region], longest: int) -> dict[str, Any]:
    """The region's keys of an address: as the directory knows it, else the text, else none."""
    known = find(text, country, regions)
    if known is not None:
        return {"region": known.name, "region_code": known.code, "region_id": known.id}
    free = label(text)[:longest]
    return {"region": free} if free else {}


def find(text: str, country: str, regions: Sequence[Region]) -> Region | None:
    """The one region that `text` means: its code or name in any spelling, with or without the
    country's prefix ("US-CA"), a word like "province" or a postcode ("californiA 92025-1501")."""
    codes, names = _by_code(country, regions), _by_name(regions)
    for spelling in _spellings(text, country):
        key = folded(spelling)
        if (found := codes.get(key) or names.get(key)) is not None:
            return found
    parts = {names.get(folded(part)) for part in text.split("/")} - {None}
    return parts.pop() if len(parts) == 1 else None


def folded(text: str) -> str:
    """Letters and digits alone, without accents and case."""
    spread = unicodedata.normalize("NFKD", text).casefold().translate(_SIMPLE_LETTERS)
    return "".join(char for char in spread if char.isalnum())


def _spellings(text: str, country: str) -> Iterator[str]:
    for candidate in (text.strip(), _POSTCODE_BEHIND.sub("", text.strip())):
        yield candidate
        yield _without_prefix(candidate, country)
        yield _KIND_BEHIND.sub("", _KIND_BEFORE.sub("", candidate))


def _by_code(country: str, regions: Sequence[Region]) -> Mapping[str, Region]:
    shared: dict[str, list[Region]] = {}
    for region in regions:
        for code in {region.code, _without_prefix(region.code, country)}:
            shared.setdefault(folded(code), []).append(region)
    meant = {
        code: next((one for one in sharing if folded(one.name) == name), None)
        for code, sharing in shared.items()
        if (name := _MEANT_BY_SHARED_CODE.get((country, code))) is not None
    }
    return _certain((code, one) for code, sharing in shared.items() for one in sharing) | {
        code: one for code, one in meant.items() if one is not None
    }


def _by_name(regions: Sequence[Region]) -> Mapping[str, Region]:
    return _certain(
        (folded(spelling), region)
        for region in regions
        for name in {region.name, *region.name.split("/")}
        for spelling in (name, name.casefold().translate(_UMLAUTS_SPELLED_OUT))
    )


def _certain(meanings: Iterable[tuple[str, Region]]) -> dict[str, Region]:
    """What means one region and no other."""
    found: dict[str, set[Region]] = {}
    for key, region in meanings:
        found.setdefault(key, set()).add(region)
    return {key: next(iter(those)) for key, those in found.items() if key and len(those) == 1}


def _without_prefix(code: str, country: str) -> str:
    return re.sub(rf"^{re.escape(country)}[-_]", "", code, flags=re.IGNORECASE)
