"""The two business days that Amazon gives to refund a return."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.returns.deadline import days_left, refund_by

MONDAY = date(2026, 11, 16)


@pytest.mark.parametrize(
    ("arrived", "last"),
    [(0, 2), (1, 3), (2, 4), (3, 7), (4, 8), (5, 8), (6, 8)],
    ids=["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
)
def test_two_business_days_follow_the_arrival(arrived: int, last: int) -> None:
    day = timedelta(days=1)
    assert refund_by(MONDAY + arrived * day) == MONDAY + last * day


@pytest.mark.parametrize(
    ("today", "left"),
    [(3, 2), (4, 1), (5, 1), (6, 1), (7, 0), (8, -1), (11, -4), (12, -4), (14, -5), (15, -6)],
)
def test_a_weekend_takes_no_day_away(today: int, left: int) -> None:
    thursday = MONDAY + timedelta(days=3)
    assert days_left(thursday, MONDAY + timedelta(days=today)) == left


def test_the_weekend_after_the_last_day_is_late() -> None:
    wednesday = MONDAY + timedelta(days=2)
    assert [days_left(wednesday, MONDAY + timedelta(days=n)) for n in (4, 5, 6, 7)] == [
        *(0, -1, -1, -1)
    ]


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 400))
def test_days_left_never_grow_and_weeks_count_five(arrived: date, later: int) -> None:
    today = arrived + timedelta(days=later)
    now, tomorrow = days_left(arrived, today), days_left(arrived, today + timedelta(days=1))
    assert now - tomorrow in (0, 1)
    if later > 7 and today.weekday() < 5:
        assert days_left(arrived, today + timedelta(days=7)) == now - 5
