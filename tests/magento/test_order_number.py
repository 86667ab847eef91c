"""The number of a Magento order, where it is to be Amazon's."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.magento.order.number import increment_id
from pipeline.orders.channel_order import FulfilledBy
from pipeline.settings.marketplace import MarketplaceSettings
from tests.magento.builders import an_order

NUMBER = "902-1234567-1234567"
EVERY = {
    "order_number_prefix": "A-",
    "fba_number_prefix": "F-",
    "prime_number_prefix": "P-",
    "b2b_number_prefix": "B-",
}
FBA = {"fulfilled_by": FulfilledBy.AMAZON}
PRIME, BUSINESS = {"programs": ("PRIME",)}, {"programs": ("AMAZON_BUSINESS",)}
BOTH = {"programs": ("AMAZON_BUSINESS", "PRIME")}


def number_of(prefixes: dict[str, str | None], order: dict[str, Any]) -> str | None:
    settings = MarketplaceSettings.model_validate({"order_number": "amazon", **prefixes})
    return increment_id(an_order(**order), settings)


@pytest.mark.parametrize(
    ("order", "prefix"),
    [
        ({}, "A-"),
        (BUSINESS, "B-"),
        (PRIME, "P-"),
        (BOTH, "P-"),
        (FBA | BOTH, "F-"),
        ({"programs": ("PREMIUM",)}, "A-"),
    ],
)
def test_the_first_prefix_that_fits_counts(order: dict[str, Any], prefix: str) -> None:
    assert number_of(dict(EVERY), order) == prefix + NUMBER


@pytest.mark.parametrize(
    ("left_out", "order", "prefix"),
    [
        ("fba_number_prefix", FBA | PRIME, "P-"),
        ("prime_number_prefix", BOTH, "B-"),
        ("b2b_number_prefix", BUSINESS, "A-"),
    ],
)
def test_a_prefix_that_is_not_set_does_not_fit(
    left_out: str, order: dict[str, Any], prefix: str
) -> None:
    assert number_of({**EVERY, left_out: None}, order) == prefix + NUMBER


def test_an_empty_prefix_is_one() -> None:
    assert number_of({**EVERY, "prime_number_prefix": ""}, PRIME) == NUMBER


def test_magento_gives_the_number_unless_told_otherwise() -> None:
    assert increment_id(an_order(**FBA), MarketplaceSettings(order_number_prefix="A-")) is None


@pytest.mark.parametrize(
    ("prefix", "external_id", "number"),
    [
        ("x" * 20, "9" * 30, "x" * 20 + "9" * 30),
        ("x" * 20, "9" * 31, "x" * 19 + "9" * 31),
        ("x" * 20, "9" * 60, "9" * 50),
        ("A< \U0001f600", "902-1", "A902-1"),
    ],
)
def test_a_number_fits_its_column(prefix: str, external_id: str, number: str) -> None:
    found = number_of({"order_number_prefix": prefix}, {"external_id": external_id})
    assert found == number
