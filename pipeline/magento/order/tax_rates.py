"""Which rates of tax gave an order's taxes. Amazon tells amounts only."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from pipeline.base.money import ZERO, four_digits, minor_unit

# Sales tax of states and cities adds up to eighths of a per cent, value added tax to tenths.
_EIGHTHS = tuple(map(Decimal, ("1", "0.125", "0.01", "0.001")))
_TENTHS = tuple(map(Decimal, ("1", "0.5", "0.1", "0.01", "0.001")))


class Taxed(NamedTuple):
    """What a tax was raised on: net after discount, and of how many units."""

    tax: Decimal
    net: Decimal
    quantity: int = 1


def rates(every: Sequence[Taxed], currency: str) -> list[Decimal]:
    """The rate of each in per cent: one for all where one explains them, else each its own.

    A rate explains a tax that is off by no more than half a minor unit for each unit.
    """
    open_ = [one for one in every if one.tax > ZERO and one.net > ZERO]
    shared = _plausible(open_, currency) if open_ else None
    return [
        ZERO
        if one not in open_
        else (shared or _plausible([one], currency) or four_digits(one.tax * 100 / one.net))
        for one in every
    ]


def _plausible(every: Sequence[Taxed], currency: str) -> Decimal | None:
    """The roundest rate that explains all taxes; of equally round ones the nearest."""
    half = minor_unit(currency) / 2
    lowest = max((one.tax - half * one.quantity) * 100 / one.net for one in every)
    highest = min((one.tax + half * one.quantity) * 100 / one.net for one in every)
    exact = sum((one.tax for one in every), ZERO) * 100 / sum((one.net for one in every), ZERO)
    exact = min(max(exact, lowest), highest)
    for step in _EIGHTHS if currency == "USD" else _TENTHS:
        middle = (exact / step).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        tried = [(middle + by) * step for by in (0, -1, 1)]
        fitting = [rate for rate in tried if rate > ZERO and lowest <= rate <= highest]
        if fitting:
            return min(fitting, key=lambda rate: abs(rate - exact)).normalize()
    return None
