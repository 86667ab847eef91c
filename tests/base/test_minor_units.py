"""The smallest amount of each currency is ISO 4217's, whichever currency Amazon names."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline.base.money import minor_unit, quantize, split

NO_DIGITS = (
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND"),
    *("VUV", "XAF", "XOF", "XPF"),
)
THREE_DIGITS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
# A list of how amounts are shown may have none for these: their cents are not used in shops.
RARELY_SHOWN = ("HUF", "COP", "IDR", "ALL", "RSD", "PKR", "TWD")
AMAZONS = (
    *("AED", "AUD", "BRL", "CAD", "EGP", "EUR", "GBP", "INR", "MXN", "PLN", "SAR", "SEK"),
    *("SGD", "TRY", "USD", "ZAR"),
)


@pytest.mark.parametrize(
    ("currencies", "unit"),
    [
        (NO_DIGITS, "1"),
        (THREE_DIGITS, "0.001"),
        (("CLF", "UYW"), "0.0001"),
        ((*AMAZONS, *RARELY_SHOWN), "0.01"),
    ],
)
def test_the_unit_is_iso_4217s(currencies: tuple[str, ...], unit: str) -> None:
    assert {currency: minor_unit(currency) for currency in currencies} == dict.fromkeys(
        currencies, Decimal(unit)
    )


@pytest.mark.parametrize("code", ["XXX", "XAU", "EURO", "eur", "", "€", "GGP"])
def test_a_code_without_a_unit_has_two_digits(code: str) -> None:
    assert minor_unit(code) == Decimal("0.01")


def test_a_thousandth_of_a_dinar_is_neither_lost_nor_made_up() -> None:
    assert quantize(Decimal("1.2345"), "TND") == Decimal("1.235")
    shares = split(Decimal("10.000"), [Decimal(1)] * 3, "OMR")
    assert shares == [Decimal("3.333"), Decimal("3.334"), Decimal("3.333")]
    assert split(Decimal(1000), [Decimal(1)] * 3, "PYG") == [Decimal(n) for n in (333, 334, 333)]
