"""The shop's exchange rates, over a socket."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from pipeline.base.errors import CannotMap, Transient
from pipeline.magento.client import Magento
from pipeline.magento.records import StoreView
from pipeline.orders.outcome import HoldCode
from tests.magento.conftest import Clock, Shop

RATES = {
    "base_currency_code": "EUR",
    "available_currency_codes": ["EUR", "SEK", "PLN"],
    "exchange_rates": [
        {"currency_to": "EUR", "rate": 1},
        {"currency_to": "SEK", "rate": 11.2},
        {"currency_to": "PLN", "rate": 0},
        {"currency_to": "GBP", "rate": "0.857142"},
    ],
}
STORE = StoreView(1, "default", 1, "base", "EUR")


def test_the_base_currency_needs_no_rate(magento: Magento) -> None:
    assert magento.directory.rate(STORE, "EUR") == 1


def test_rates_are_the_shops_and_read_once(shop: Shop, magento: Magento, clock: Clock) -> None:
    shop.answers(RATES, RATES)
    assert magento.directory.rate(STORE, "SEK") == Decimal("11.2")
    assert magento.directory.rate(STORE, "GBP") == Decimal("0.857142")
    assert [asked.path for asked in shop.asked] == ["/rest/default/V1/directory/currency"]
    clock.at += timedelta(minutes=10)
    assert magento.directory.rate(STORE, "SEK") == Decimal("11.2")


@pytest.mark.parametrize("currency", ["PLN", "JPY"])
def test_a_currency_without_a_rate_is_held(shop: Shop, magento: Magento, currency: str) -> None:
    shop.answers(RATES)
    with pytest.raises(CannotMap, match="Stores > Currency Rates") as caught:
        magento.directory.rate(STORE, currency)
    assert caught.value.code == HoldCode.CURRENCY
    assert caught.value.facts == {"order": currency, "store": "EUR"}


def test_rates_that_are_not_told_are_not_taken_for_none(shop: Shop, magento: Magento) -> None:
    for _ in range(4):
        shop.answers({"base_currency_code": "EUR"})
    with pytest.raises(Transient):
        magento.directory.rate(STORE, "SEK")


def test_a_shop_may_have_no_rates_at_all(shop: Shop, magento: Magento) -> None:
    shop.answers({"exchange_rates": None})
    with pytest.raises(CannotMap):
        magento.directory.rate(STORE, "SEK")
