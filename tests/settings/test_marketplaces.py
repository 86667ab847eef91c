"""Amazon's regions and marketplaces, as the data file has them."""

from __future__ import annotations

import pytest

from pipeline.settings.marketplaces import country_of, in_country, of_region


def test_every_region_has_its_marketplaces() -> None:
    countries = {
        region: {marketplace.country for marketplace in of_region(region)}
        for region in ("NA", "EU", "FE")
    }
    assert countries["NA"] == {"CA", "US", "MX", "BR"}
    assert countries["FE"] == {"SG", "AU", "JP"}
    assert len(countries["EU"]) == 16
    assert {"DE", "GB", "IN", "ZA"} <= countries["EU"]


def test_a_marketplace_has_its_currency_and_domain() -> None:
    [sweden] = [marketplace for marketplace in of_region("EU") if marketplace.country == "SE"]
    assert (sweden.id, sweden.currency, sweden.domain) == ("A2NODRKZP88ZB9", "SEK", "amazon.se")


def test_an_id_that_is_not_listed_has_no_country() -> None:
    assert (country_of("A1PA6795UKMFR9"), country_of("A2ZV50J4W1RKNI")) == ("DE", "")


@pytest.mark.parametrize(
    ("region", "country", "found"),
    [
        ("EU", "DE", "A1PA6795UKMFR9"),
        ("EU", "GB", "A1F83G8C2ARO7P"),
        ("EU", "UK", "A1F83G8C2ARO7P"),
        ("NA", "DE", None),
        ("ZZ", "DE", None),
    ],
)
def test_a_country_is_looked_for_in_its_region(
    region: str, country: str, found: str | None
) -> None:
    assert in_country(region, country) == found
