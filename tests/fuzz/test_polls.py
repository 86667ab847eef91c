"""The poll, whatever Amazon's search answers: it never dies, and the account is never stuck."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.conftest import Market, Shop
from tests.fuzz.rig import Rig, rigged
from tests.fuzz.spoiling import EDITS, PLANS, Spoil, looked_for

STEP = timedelta(minutes=4)
SEARCH = "/orders/2026-01-01/orders"


@pytest.fixture
def rig(shop: Shop, market: Market, database_url: str, redis_url: str) -> Iterator[Rig]:
    with rigged(shop, market, database_url, redis_url) as rig:
        yield rig


@dataclass(frozen=True)
class InOneOrder(Spoil):
    """Edits one order of a page and leaves the others."""

    def edited(self, value: Any) -> Any:
        if "orders" not in value:
            return value  # a refusal, as of a token that has died
        orders = list(value["orders"])
        place = self.at % len(orders)
        orders[place] = super().edited(orders[place])
        return {**value, "orders": orders}


@looked_for(10)
@given(plan=PLANS)
def test_no_answer_leaves_an_account_stuck(plan: tuple[Spoil | None, ...], rig: Rig) -> None:
    rig.place()
    rig.market.spoiler.begin(*plan, only=SEARCH)
    for _ in range(3):
        rig.pass_time(STEP)
        rig.poll()
        assert rig.cursor().position <= rig.at
    rig.market.spoiler.begin()
    late = rig.place()
    for _ in range(3):
        rig.pass_time(STEP)
        rig.poll()
    assert late["orderId"] in rig.stored()
    assert rig.cursor().trouble is None


@looked_for(12)
@given(edits=EDITS, at=st.integers(0, 2))
def test_one_odd_order_costs_the_others_of_its_page_nothing(edits: Any, at: int, rig: Rig) -> None:
    rig.pass_time(STEP)
    rig.poll()
    before = rig.cursor().position
    news = [rig.place() for _ in range(3)]
    rig.pass_time(STEP)
    rig.market.spoiler.begin(InOneOrder(edits=edits, at=at), only=SEARCH)
    rig.poll()
    rig.market.spoiler.begin()
    missing = {one["orderId"] for one in news} - rig.stored()
    assert len(missing) <= 1
    assert rig.cursor().trouble is None
    assert rig.cursor().position > before
