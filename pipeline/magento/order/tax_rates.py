"""Infer the tax rates from an order's taxes. Amazon sends only amounts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from pipeline.base.money import ZERO, four_digits, minor_unit

# Sales taxes of states and cities add up to eighths of a per cent, value added taxes to tenths.
_EIGHTHS = tuple(map(Decimal, ("1", "0.125", "0.01", "0.001")))
_TENTHS = tuple(map(Decimal, ("1", "0.5", "0.1", "0.01", "0.001")))


class Taxed(NamedTuple):
    """A tax and its basis: the net after discount, and the number of units."""

    tax: Decimal
    net: Decimal
    quantity: int = 1


def rates(every: Sequence[Taxed], currency: str) -> list[Decimal]:
    """The rate of each tax in per cent: a shared rate if it explains all taxes, else separate ones.

    A rate explains a tax that differs by at most half a minor unit per unit.
    """
    open_ = [taxed for taxed in every if taxed.tax > ZERO and taxed.net > ZERO]
    shared = _plausible(open_, currency) if open_ else None
    return [
        ZERO
        if taxed not in open_
        else (shared or _plausible([taxed], currency) or four_digits(taxed.tax * 100 / taxed.net))
        for taxed in every
    ]


def _plausible(every: Sequence[Taxed], currency: str) -> Decimal | None:
    """The roundest rate that explains all taxes; of equally round rates the nearest."""
    half = minor_unit(currency) / 2
    lowest = max((taxed.tax - half * taxed.quantity) * 100 / taxed.net for taxed in every)
    highest = min((taxed.tax + half * taxed.quantity) * 100 / taxed.net for taxed in every)
    exact = (
        sum((taxed.tax for taxed in every), ZERO) * 100 / sum((taxed.net for taxed in every), ZERO)
    )
    exact = min(max(exact, lowest), highest)
    for step in _EIGHTHS if currency == "USD" else _TENTHS:
        middle = (exact / step).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        tried = [(middle + by) * step for by in (0, -1, 1)]
        fitting = [rate for rate in tried if rate > ZERO and lowest <= rate <= highest]
        if fitting:
            return min(fitting, key=lambda rate: abs(rate - exact)).normalize()
    return None
