"""Spreads and rounds money without losing any. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal

from pipeline.base.money import ZERO


def in_proportion(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Exact shares of `total` by weight, not rounded. Raises ValueError without any weight."""
    whole = sum(weights, ZERO)
    if whole <= ZERO:
        raise ValueError("cannot spread an amount over nothing")
    return [total * weight / whole for weight in weights]


def largest_remainder(amounts: Sequence[Decimal], total: Decimal, minor: Decimal) -> list[Decimal]:
    """The amounts in whole minor units that sum to `total`.

    Each is rounded down, and the largest remainders get a minor unit more, of equal ones the first.
    Raises ValueError when the amounts do not sum to about the total.
    """
    floors = [(amount / minor).to_integral_value(ROUND_FLOOR) * minor for amount in amounts]
    more = int((total - sum(floors, ZERO)) / minor)
    rests = [amount - floor for amount, floor in zip(amounts, floors, strict=True)]
    if not 0 <= more <= sum(rest > ZERO for rest in rests):
        raise ValueError("the amounts do not sum to the total")
    order = sorted(range(len(amounts)), key=lambda place: (-rests[place], place))
    gets_more = set(order[:more])
    return [floor + (minor if place in gets_more else ZERO) for place, floor in enumerate(floors)]
