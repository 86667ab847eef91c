"""Every step, whatever the remotes answer: an outcome and an attempt with an end, no defect."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import received
from pipeline.models import Status
from tests.fuzz.conftest import Market, Shop
from tests.fuzz.rig import DEFECTS, Rig, rigged
from tests.fuzz.spoiling import EDITS, PLANS, Spoil, looked_for, written
from tests.tasks.test_shipped_day import DHL

HOUR = timedelta(hours=1)


@pytest.fixture
def rig(shop: Shop, market: Market, database_url: str, redis_url: str) -> Iterator[Rig]:
    with rigged(
        shop, market, database_url, redis_url, customers="create", welcome_mail="accept"
    ) as rig:
        yield rig


def ended_well(rig: Rig, order_id: int) -> None:
    order = rig.order(order_id)
    assert rig.unfinished(order_id) == 0
    assert order.status in (Status.READY, Status.WAITING, Status.HELD, Status.DONE)
    assert order.hold_code not in DEFECTS


@looked_for(10)
@given(plan=PLANS)
def test_no_answer_of_the_shop_is_a_defect(plan: tuple[Spoil | None, ...], rig: Rig) -> None:
    (order_id,) = rig.take_in(rig.place())
    rig.shop.spoiler.begin(*plan)
    rig.work(order_id)
    ended_well(rig, order_id)
    rig.shop.spoiler.begin()
    rig.pass_time(HOUR)
    rig.make_due(order_id)
    rig.work(order_id)
    ended_well(rig, order_id)


@looked_for(8)
@given(plan=PLANS)
def test_no_answer_of_amazon_is_a_defect(plan: tuple[Spoil | None, ...], rig: Rig) -> None:
    rig.shop.spoiler.begin()
    rig.shop.control.tell("products/MUG-BLUE", qty=1_000_000)
    (order_id,) = rig.take_in(rig.place())
    order = rig.work(order_id)
    assert (order.step, order.status) == ("ship_order", Status.WAITING)
    shipped(rig, order_id)
    rig.market.spoiler.begin(*plan)
    rig.work(order_id)
    ended_well(rig, order_id)
    rig.market.spoiler.begin()


def shipped(rig: Rig, order_id: int) -> None:
    entity_id = rig.order(order_id).magento_order_id
    assert entity_id is not None
    rig.shop.control.tell("ship", entity_id=entity_id, tracks=[DHL])
    shop = rig.shop.client()
    awaited = {entity_id: order_id}
    rig.parts.shipments.store(awaited, shop.shipments(awaited), shop.orders(awaited), rig.at, set())
    rig.make_due(order_id)


@looked_for(10)
@given(every=st.lists(EDITS, min_size=10, max_size=10))
def test_no_order_of_amazons_is_a_defect(every: list[Any], rig: Rig) -> None:
    rig.shop.spoiler.begin()
    good = rig.an_order()
    odd = [Spoil(edits=edits).edited(rig.an_order()) for edits in every]
    came = received.parsed(written({"orders": [*odd, good]}))["orders"]
    order_ids = rig.take_in(*came)
    assert good["orderId"] in rig.stored()
    for order_id in order_ids[:3]:
        rig.work(order_id)
        ended_well(rig, order_id)
