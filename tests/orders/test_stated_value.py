"""What a person says an order is worth, shared by its lines to the cent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.errors import CannotMap
from pipeline.base.money import minor_unit
from pipeline.orders.stated_value import StatedValue, tells_no_total

units = st.dictionaries(
    st.text("0123456789", min_size=1, max_size=5), st.integers(1, 40), min_size=1, max_size=8
)
currencies = st.sampled_from(["EUR", "JPY", "KWD"])


@given(st.integers(0, 10**7), currencies, units, st.data())
def test_shares_are_whole_and_sum_to_the_total(
    cents: int, currency: str, lines: dict[str, int], data: st.DataObject
) -> None:
    total = cents * minor_unit(currency)
    said = StatedValue(total, currency, lines, "anna")
    assert StatedValue.from_json(said.as_json()) == said
    amounts = said.amounts(lines)
    assert sum(line.total for line in amounts.lines.values()) == total == amounts.grand_total
    for item_id, line in amounts.lines.items():
        exact = total * lines[item_id] / sum(lines.values())
        assert abs(line.total - exact) <= minor_unit(currency)
        assert line.total >= 0
        assert line.total % minor_unit(currency) == 0
    left = {one: data.draw(st.integers(1, number)) for one, number in lines.items()}
    rest = said.amounts(left)
    assert 0 <= rest.grand_total <= total
    assert rest.grand_total == sum(line.total for line in rest.lines.values())


@pytest.mark.parametrize("left", [{"1": 3}, {"1": 2, "2": 1}])
def test_lines_that_were_not_there_are_not_priced(left: dict[str, int]) -> None:
    with pytest.raises(CannotMap) as held:
        StatedValue(Decimal("5.00"), "EUR", {"1": 2}, "anna").amounts(left)
    assert tells_no_total(held.value.facts)
