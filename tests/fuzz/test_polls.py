"""The poll, whatever Amazon's search answers: it never dies, and the account is never stuck."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from pipeline.orders.tables import Order
from tests.fuzz.conftest import Market, Shop
from tests.fuzz.rig import Rig, rigged
from tests.fuzz.spoiling import EDITS, LONG, PLANS, Raw, Spoil, looked_for

STEP, DAY = timedelta(minutes=4), timedelta(days=1)
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


@looked_for(6)
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


@looked_for(8)
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


@dataclass(frozen=True)
class With(Spoil):
    """Sets values of the page itself, or of its first order."""

    page: Mapping[str, Any] = field(default_factory=dict)
    order: Mapping[str, Any] = field(default_factory=dict)

    def edited(self, value: Any) -> Any:
        first, *rest = value["orders"]
        return {**value, "orders": [{**first, **self.order}, *rest], **self.page}


FAR, LAST = "2126-01-01T00:00:00Z", "9999-12-31T23:59:59Z"


def test_a_search_that_ends_in_a_far_future_moves_the_watermark_no_further_than_now(
    rig: Rig,
) -> None:
    rig.place()
    rig.market.spoiler.begin(With(page={"lastUpdatedBefore": FAR}), only=SEARCH)
    rig.poll()
    rig.market.spoiler.begin()
    assert rig.cursor().position <= rig.at
    late = rig.place()
    rig.pass_time(STEP)
    rig.poll()
    assert late["orderId"] in rig.stored()


def test_an_order_changed_in_a_far_future_is_still_kept_up_to_date(rig: Rig) -> None:
    order = rig.place()
    number = order["orderId"]
    rig.market.spoiler.begin(With(order={"lastUpdatedTime": FAR}), only=SEARCH)
    rig.poll()
    rig.market.spoiler.begin()
    rig.pass_time(2 * DAY)
    rig.market.control("POST", f"orders/{number}/status", {"status": "CANCELLED"})
    rig.pass_time(STEP)
    rig.poll()
    with rig.parts.sessions() as session:
        query = select(Order.remote_status).where(Order.external_id == number)
        status = session.scalars(query).one()
    assert status == "CANCELLED"


@pytest.mark.parametrize(
    "odd",
    [
        {"orderId": LONG},
        {"orderId": "302\x00-1"},
        {"createdTime": "0001-01-01T00:00:00Z"},
        {"createdTime": LAST, "lastUpdatedTime": LAST},
        {"fulfillment": {"fulfillmentStatus": LONG, "fulfilledBy": "MERCHANT"}},
        {"salesChannel": {"marketplaceId": LONG}},
        {"new": Raw("[" * 500 + "]" * 500)},
    ],
    ids=["long number", "NUL", "year 1", "year 9999", "long status", "long marketplace", "deep"],
)
def test_an_order_that_no_table_takes_costs_the_others_nothing(odd: Any, rig: Rig) -> None:
    news = [rig.place() for _ in range(3)]
    rig.market.spoiler.begin(With(order=odd), only=SEARCH)
    rig.poll()
    rig.market.spoiler.begin()
    assert len({one["orderId"] for one in news} & rig.stored()) >= 2
    assert rig.cursor().trouble is None
