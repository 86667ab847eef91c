"""The rate that gave an order's taxes, though Amazon tells amounts only."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline.magento.order.tax_rates import Taxed, rates


@pytest.mark.parametrize(
    ("currency", "net", "tax", "rate"),
    [
        ("USD", "20.00", "1.65", "8.25"),
        ("USD", "20.00", "1.78", "8.875"),
        ("USD", "49.99", "4.44", "8.875"),
        ("USD", "20.00", "2.05", "10.25"),
        ("USD", "19.99", "1.40", "7"),
        ("EUR", "100.00", "5.50", "5.5"),
        ("EUR", "10.00", "0.21", "2.1"),
        ("EUR", "40.00", "10.20", "25.5"),
        ("CHF", "10.00", "0.81", "8.1"),
        ("EUR", "16.80", "3.19", "19"),
        ("INR", "847.46", "152.54", "18"),
        ("JPY", "1000", "80", "8"),
        ("JPY", "1980", "198", "10"),
        ("EUR", "10.00", "0", "0"),
        ("EUR", "0", "1.00", "0"),
    ],
)
def test_the_roundest_rate_within_half_a_minor_unit(
    currency: str, net: str, tax: str, rate: str
) -> None:
    assert rates([Taxed(Decimal(tax), Decimal(net))], currency) == [Decimal(rate)]


def test_one_rate_where_one_explains_all_and_else_each_its_own() -> None:
    line = Taxed(Decimal("8.70"), Decimal("100.00"))
    small = Taxed(Decimal("0.44"), Decimal("5.00"))
    assert rates([line, small], "EUR") == [Decimal("8.7"), Decimal("8.7")]
    assert rates([small], "EUR") == [Decimal("8.8")]
    book = Taxed(Decimal("7.00"), Decimal("100.00"))
    free = Taxed(Decimal(0), Decimal("5.00"))
    assert rates([line, book, free], "EUR") == [Decimal("8.7"), Decimal(7), Decimal(0)]


def test_each_unit_may_be_rounded_by_itself() -> None:
    assert rates([Taxed(Decimal("2.46"), Decimal("29.97"), 3)], "USD") == [Decimal("8.25")]
