"""Decimal money. Amounts are major units of a currency, never floats."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache

from iso4217 import Currency

ZERO = Decimal(0)
LARGEST_AMOUNT = Decimal(10) ** 15
"""The smallest amount that is too large for a NUMERIC(19,4) column."""
_MOST_DIGITS = 30
_MINOR_DIGITS = 2


@cache
def minor_unit(currency: str) -> Decimal:
    """The smallest amount of a currency by ISO 4217: 0.01 for EUR, 1 for JPY, 0.001 for KWD.

    A code that ISO does not list, or lists without a minor unit, is taken to have two digits.
    """
    try:
        digits = Currency(currency).exponent
    except ValueError:
        digits = None
    return Decimal(1).scaleb(-(_MINOR_DIGITS if digits is None else digits))


def parse_amount(text: object) -> Decimal:
    """A remote's amount as Decimal.

    Takes strings, integers and Decimals. Raises TypeError for a float, which has already lost
    digits. Raises ValueError unless the number is finite and has at most thirty digits before and
    behind the point: making an integer of 1e999999999 takes all memory.
    """
    if isinstance(text, bool) or not isinstance(text, str | int | Decimal):
        raise TypeError(f"an amount must be a decimal string, not {type(text).__name__}")
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise ValueError("an amount is not a decimal number") from error
    if not amount.is_finite():
        raise ValueError("an amount is not finite")
    if abs(amount.adjusted()) > _MOST_DIGITS:
        raise ValueError("an amount is beyond all reason")
    return amount


def quantize(amount: Decimal, currency: str) -> Decimal:
    """Rounded half up to the currency's minor unit."""
    return amount.quantize(minor_unit(currency), rounding=ROUND_HALF_UP)


def written(amount: Decimal, currency: str) -> str:
    """The amount with at least the digits of its currency."""
    rounded = quantize(amount, currency)
    return f"{rounded if rounded == amount else amount:f}"


def four_digits(amount: Decimal) -> Decimal:
    """Rounded half up to four decimals, which is what a shop's database keeps."""
    return amount.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)


def split(total: Decimal, weights: list[Decimal], currency: str) -> list[Decimal]:
    """Shares of `total` in proportion to `weights`, in whole minor units, that sum to it exactly.

    With all weights zero the shares are equal. Shares differ from the exact proportion by at most
    one minor unit. Raises ValueError without weights.
    """
    if not weights:
        raise ValueError("cannot split an amount over no shares")
    whole = sum(weights, ZERO)
    if whole == ZERO:
        weights, whole = [Decimal(1)] * len(weights), Decimal(len(weights))
    shares: list[Decimal] = []
    given, seen = ZERO, ZERO
    for weight in weights:
        seen += weight
        upto = quantize(total * seen / whole, currency) if seen != whole else total
        shares.append(upto - given)
        given = upto
    return shares
