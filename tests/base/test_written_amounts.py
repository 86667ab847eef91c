"""An amount is written with the digits of its currency, wherever people compare two of them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline.base.money import written
from pipeline.monitoring.reconcile.compare import compare
from tests.builders import NOW
from tests.monitoring.reconcile.test_compare import in_shop, ours, sides


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("20", "EUR", "20.00"),
        ("1000.00", "JPY", "1000"),
        ("1.5", "TND", "1.500"),
        ("19.9012", "EUR", "19.9012"),
        ("1E+3", "JPY", "1000"),
        ("1000.5", "JPY", "1000.5"),
        ("-2.5", "HUF", "-2.50"),
    ],
)
def test_nothing_is_rounded_away_and_nothing_made_up(amount: str, currency: str, text: str) -> None:
    assert written(Decimal(amount), currency) == text


@pytest.mark.parametrize(
    ("currency", "here", "there", "said"),
    [
        ("KWD", "20.000", "20.001", "Magento has 20.001, placed were 20.000 KWD"),
        ("JPY", "2000", "2001.0000", "Magento has 2001, placed were 2000 JPY"),
        ("EUR", "20.00", "20.0010", "Magento has 20.0010, placed were 20.00 EUR"),
    ],
)
def test_totals_that_differ_are_told_so_that_one_sees_it(
    currency: str, here: str, there: str, said: str
) -> None:
    order = ours(grand_total=Decimal(here), currency=currency)
    differences = compare(sides(order, [in_shop(grand_total=Decimal(there))]), NOW) or []
    assert [one.detail for one in differences] == [f"{said}: correct the order in Magento"]
