"""Laws of Decimal money."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.money import minor_unit, parse_amount, quantize, split

CURRENCIES = ("EUR", "JPY", "KWD")


@pytest.mark.parametrize(
    ("currency", "unit"), [("EUR", "0.01"), ("JPY", "1"), ("KWD", "0.001"), ("XXX", "0.01")]
)
def test_minor_unit(currency: str, unit: str) -> None:
    assert minor_unit(currency) == Decimal(unit)


@pytest.mark.parametrize(
    ("given", "amount"),
    [("19.90", "19.90"), (3, "3"), (Decimal("0.1"), "0.1"), ("-0.01", "-0.01"), ("1E+2", "100")],
)
def test_parse_amount_takes_what_has_lost_nothing(given: object, amount: str) -> None:
    assert parse_amount(given) == Decimal(amount)


@given(st.floats())
def test_parse_amount_refuses_every_float(number: float) -> None:
    with pytest.raises(TypeError):
        parse_amount(number)


@pytest.mark.parametrize("given", [None, True, False, [], {}, b"1.00"])
def test_parse_amount_refuses_what_is_no_number_at_all(given: object) -> None:
    with pytest.raises(TypeError):
        parse_amount(given)


@pytest.mark.parametrize(
    "given", ["NaN", "sNaN", "Infinity", "-inf", Decimal("NaN"), Decimal("Infinity"), "", "1,00"]
)
def test_parse_amount_refuses_what_is_not_a_finite_decimal(given: object) -> None:
    with pytest.raises(ValueError, match="an amount is not"):
        parse_amount(given)


@given(st.text())
def test_parse_amount_answers_or_raises_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_amount(text).is_finite()


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.005", "EUR", "0.01"),
        ("-0.005", "EUR", "-0.01"),
        ("0.5", "JPY", "1"),
        ("1.0005", "KWD", "1.001"),
    ],
)
def test_quantize_rounds_half_up(amount: str, currency: str, rounded: str) -> None:
    assert quantize(Decimal(amount), currency) == Decimal(rounded)


minor_units = st.integers(min_value=-(10**11), max_value=10**11)
weights = st.lists(
    st.decimals(min_value=0, max_value=10**6, places=4, allow_nan=False), min_size=1, max_size=20
)


@given(minor_units, weights, st.sampled_from(CURRENCIES))
def test_shares_sum_to_the_whole_and_are_whole_minor_units(
    units: int, weights: list[Decimal], currency: str
) -> None:
    total = units * minor_unit(currency)
    shares = split(total, weights, currency)
    assert len(shares) == len(weights)
    assert sum(shares) == total
    assert all(share % minor_unit(currency) == 0 for share in shares)


@given(minor_units, weights, st.sampled_from(CURRENCIES))
def test_shares_differ_from_the_proportion_by_at_most_one_minor_unit(
    units: int, weights: list[Decimal], currency: str
) -> None:
    total, whole = units * minor_unit(currency), sum(weights)
    for share, weight in zip(split(total, weights, currency), weights, strict=True):
        exact = total * weight / whole if whole else total / len(weights)
        # 28 digits of Decimal's own precision are lost in the exact proportion, not in the share.
        assert abs(share - exact) <= minor_unit(currency) + Decimal("1e-12")


def test_a_split_over_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no shares"):
        split(Decimal("1.00"), [], "EUR")


def test_weights_of_nothing_share_equally() -> None:
    shares = split(Decimal("1.00"), [Decimal(0)] * 3, "EUR")
    assert shares == [Decimal("0.33"), Decimal("0.34"), Decimal("0.33")]


def test_what_is_finer_than_a_minor_unit_is_not_lost() -> None:
    shares = split(Decimal("1.005"), [Decimal(1), Decimal(1), Decimal(0)], "EUR")
    assert shares == [Decimal("0.50"), Decimal("0.505"), Decimal(0)]
