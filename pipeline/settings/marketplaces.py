"""Amazon's regions and marketplaces, as data: `marketplaces.json`, which names its source.

A marketplace id may be missing from the list: Amazon opens new marketplaces, and orders from
outside Amazon's shops have ids of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple


class Marketplace(NamedTuple):
    """An Amazon marketplace. `country` is ISO 3166's code, `region` is NA, EU or FE."""

    id: str
    country: str
    currency: str
    region: str
    domain: str


@dataclass(frozen=True, slots=True)
class _Table:
    endpoints: Mapping[str, str]
    by_id: Mapping[str, Marketplace]


@cache
def _table() -> _Table:
    text = files("pipeline.settings").joinpath("marketplaces.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return _Table(
        data["endpoints"], {row["id"]: Marketplace(**row) for row in data["marketplaces"]}
    )


def endpoint(region: str) -> str:
    """The URL of the API for a region's accounts."""
    return _table().endpoints[region]


def regions() -> list[str]:
    """The regions that have an API of their own."""
    return list(_table().endpoints)


def of_region(region: str) -> list[Marketplace]:
    """The marketplaces that an account of the region may sell in."""
    return [marketplace for marketplace in _table().by_id.values() if marketplace.region == region]


def country_of(marketplace_id: str) -> str:
    """The marketplace's country; empty when the id is not listed."""
    marketplace = _table().by_id.get(marketplace_id)
    return marketplace.country if marketplace else ""


def currency_of(marketplace_id: str) -> str:
    """The currency of the marketplace's prices; empty when the id is not listed."""
    marketplace = _table().by_id.get(marketplace_id)
    return marketplace.currency if marketplace else ""


def domain_of(marketplace_id: str) -> str:
    """The marketplace's domain, such as amazon.de; empty when the id is not listed."""
    marketplace = _table().by_id.get(marketplace_id)
    return marketplace.domain if marketplace else ""


def in_country(region: str, country: str) -> str | None:
    """The id of a region's marketplace by its country's code; UK means GB."""
    wanted = "GB" if country == "UK" else country
    return next(
        (marketplace.id for marketplace in of_region(region) if marketplace.country == wanted), None
    )
