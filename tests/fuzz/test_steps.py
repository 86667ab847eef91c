"""Every step, whatever the remotes answer: an outcome and an attempt with an end, no defect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from pipeline.base import clean_json
from pipeline.orders.outcome import HoldCode
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Status
from tasks.jobs.credit_memos import watch_refunds
from tasks.jobs.stock_guard import guard_stock
from tasks.jobs.watch_shop import watch_confirmed, watch_shipments
from tests.builders import SHOP
from tests.fuzz.conftest import Market, Shop
from tests.fuzz.rig import DEFECTS, Rig, rigged
from tests.fuzz.spoiling import EDITS, LONG, PLANS, Spoil, looked_for, written
from tests.tasks.shipping.test_shipped_day import DHL

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


@looked_for(6)
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


@looked_for(5)
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
    rig.parts.shipments.store(
        SHOP, awaited, shop.shipments.of_orders(awaited), shop.orders.by_ids(awaited), rig.at, set()
    )
    rig.make_due(order_id)


@looked_for(6)
@given(every=st.lists(EDITS, min_size=10, max_size=10))
def test_no_order_of_amazons_is_a_defect(every: list[Any], rig: Rig) -> None:
    rig.shop.spoiler.begin()
    good = rig.an_order()
    odd = [Spoil(edits=edits).edited(rig.an_order()) for edits in every]
    came = clean_json.parsed(written({"orders": [*odd, good]}))["orders"]
    order_ids = rig.take_in(*came)
    assert good["orderId"] in rig.stored()
    for order_id in order_ids[:3]:
        rig.work(order_id)
        ended_well(rig, order_id)


@looked_for(4)
@given(plan=PLANS)
def test_no_answer_of_the_shop_stops_what_watches_it(
    plan: tuple[Spoil | None, ...], rig: Rig
) -> None:
    rig.shop.spoiler.begin()
    rig.shop.control.tell("products/MUG-BLUE", qty=1_000_000)
    (order_id,) = rig.take_in(rig.place())
    entity_id = rig.work(order_id).magento_order_id
    rig.shop.control.tell("ship", entity_id=entity_id, tracks=[DHL])
    for watch in (watch_shipments, watch_confirmed):
        rig.shop.spoiler.begin(*plan)
        watch(rig.app, rig.parts, SHOP)
    for look in (watch_refunds, guard_stock):
        rig.shop.spoiler.begin(*plan)
        look(rig.parts, SHOP)
    rig.shop.spoiler.begin()
    watch_shipments(rig.app, rig.parts, SHOP)
    with rig.parts.sessions() as session:
        of_this_order = select(Shipment).where(Shipment.order_id == order_id)
        assert [one.tracking_number for one in session.scalars(of_this_order)] == ["0034"]


@dataclass(frozen=True)
class Says(Spoil):
    """Another body altogether."""

    whole: Any = None

    def edited(self, value: Any) -> Any:
        return self.whole


@pytest.mark.parametrize("message", ["no\x00 \ud800", LONG, "%1 %2 %fieldName {0}"])
def test_a_refusal_is_kept_whatever_it_says(message: str, rig: Rig) -> None:
    (order_id,) = rig.take_in(rig.place())
    refusal = Says(status=400, whole={"message": message, "parameters": ["\x00", {}]})
    rig.shop.spoiler.begin(refusal, only="/orders/create")
    order = rig.work(order_id)
    ended_well(rig, order_id)
    assert (order.step, order.hold_code) == ("create_order", HoldCode.ORDER_REFUSED)


def test_a_quantity_and_a_number_beyond_every_column_stop_no_watch(rig: Rig) -> None:
    (order_id,) = rig.take_in(rig.place())
    entity_id = rig.work(order_id).magento_order_id or 0
    item = rig.shop.client().orders.get(entity_id).items[0]
    shipment = {
        "entity_id": 10**14,
        "order_id": entity_id,
        "created_at": "0001-01-01 00:00:00",
        "items": [{"order_item_id": item.item_id, "qty": 10**14}],
        "tracks": [{"entity_id": 1, "carrier_code": LONG, "track_number": LONG}],
    }
    odd = Says(whole={"items": [shipment], "total_count": 1})
    rig.shop.spoiler.begin(odd, only="/shipments")
    watch_shipments(rig.app, rig.parts, SHOP)
    rig.make_due(order_id)
    rig.work(order_id)
    ended_well(rig, order_id)
