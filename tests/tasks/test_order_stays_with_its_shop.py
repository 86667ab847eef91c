"""Two real shops whose orders have the same numbers, and an account that is pointed from one at the
other: what is of one shop never happens in the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from pydantic import SecretStr

from pipeline.base.errors import CannotMap
from pipeline.base.incidents import Incidents
from pipeline.clients import Clients
from pipeline.intake.credit_memos import Refunds
from pipeline.magento.records import CreditMemo
from pipeline.monitoring.account_checks import close_unknown
from pipeline.monitoring.reconcile.read import Batch, read
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Effect, EffectState, Order
from pipeline.products.stock_guard import StockGuard
from pipeline.settings.model import Settings
from tasks.engine.runtime import Runtime, build
from tasks.jobs.watch_shop import watch_shipments
from tests.builders import ACCOUNT, NOW, SHOP, a_raw_order, an_item, an_order, loaded, stored
from tests.colliding import OTHER_ACCOUNT, OTHER_SHOP, Twins, twins, two_of_each
from tests.magento.selling import sold
from tests.magento.standing_in import TOKEN, StandIn, standing_in
from tests.tasks.conftest import close

TRACK = {"carrier_code": "dhl", "title": "DHL", "track_number": "0034"}


@dataclass
class Both:
    parts: Runtime
    settings: Settings
    shops: dict[str, StandIn]
    made: Twins

    def pointed(self, shop: str = OTHER_SHOP, *, without: str = "") -> Settings:
        """The same file, in which the first account sells into this shop."""
        account = self.settings.accounts[ACCOUNT].model_copy(update={"shop": shop})
        shops = {name: shop for name, shop in self.settings.shops.items() if name != without}
        accounts = {**self.settings.accounts, ACCOUNT: account}
        return self.settings.model_copy(update={"accounts": accounts, "shops": shops})

    def order(self, order_id: int) -> Order:
        return loaded(self.parts.sessions, order_id)

    def ship(self, shop: str) -> None:
        items = [{"sku": "MUG-BLUE", "qty": 1}]
        number = self.shops[shop].ask("orders")[0]["increment_id"]
        self.shops[shop].tell("ship", increment_id=number, items=items, tracks=[TRACK])


@pytest.fixture
def both(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Both]:
    with ExitStack() as stack:
        shops = {}
        for name in (SHOP, OTHER_SHOP):
            (tmp_path / name).mkdir()
            shops[name] = stack.enter_context(standing_in(tmp_path / name))
        entity_ids = {sold(shop, "MUG-BLUE", 3) for shop in shops.values()}
        (entity_id,) = entity_ids  # the same in both
        made = two_of_each(database_url=database_url, redis_url=redis_url)
        addressed = {
            name: made.shops[name].model_copy(
                update={"base_url": shop.url, "access_token": SecretStr(TOKEN)}
            )
            for name, shop in shops.items()
        }
        settings = made.model_copy(update={"shops": addressed})
        parts = build(settings, lambda: NOW)
        pair = twins(parts.sessions, magento_order_id=entity_id)
        yield Both(parts, settings, shops, pair)
        close(parts)


def compared(parts: Runtime, reports: list[dict[str, Any]]) -> Batch:
    """The three sides of what Amazon tells of these orders."""
    readable = parts.intake.readable(ACCOUNT, parts.clients.channels[ACCOUNT], reports, NOW)
    return read(parts.sessions, parts.clients, ACCOUNT, readable)


def numbers(order: Order) -> list[str]:
    return [shipment.tracking_number for shipment in order.shipments]


def test_the_watch_of_one_shop_leaves_the_others_order_alone(app: Celery, both: Both) -> None:
    both.ship(SHOP)
    watch_shipments(app, both.parts, SHOP)
    assert numbers(both.order(both.made.ours)) == ["0034"]
    watch_shipments(app, both.parts, OTHER_SHOP)
    assert numbers(both.order(both.made.others)) == []
    assert both.order(both.made.ours).shop == SHOP
    assert both.order(both.made.others).shop == OTHER_SHOP


def test_an_account_that_is_pointed_elsewhere_leaves_its_orders_where_they_are(
    app: Celery, both: Both
) -> None:
    watch_shipments(app, both.parts, SHOP)
    moved = build(both.pointed(), lambda: NOW)
    both.ship(OTHER_SHOP)
    watch_shipments(app, moved, OTHER_SHOP)
    assert numbers(both.order(both.made.ours)) == []
    both.ship(SHOP)
    watch_shipments(app, moved, SHOP)
    assert numbers(both.order(both.made.ours)) == ["0034"]
    ours = both.order(both.made.ours)
    assert moved.clients.shop(ours) is moved.clients.shops[SHOP]
    memo = CreditMemo(12, ours.magento_order_id or 0, "12", NOW, "EUR", Decimal(5), Decimal(0), ())
    refunds = Refunds(moved.sessions)
    assert refunds.store([ACCOUNT, OTHER_ACCOUNT], OTHER_SHOP, [memo]) == 1
    assert refunds.store([], SHOP, [memo]) == 1
    close(moved)


def test_the_comparison_and_the_guard_ask_each_orders_own_shop(app: Celery, both: Both) -> None:
    watch_shipments(app, both.parts, SHOP)
    moved = build(both.pointed(), lambda: NOW)
    raw = a_raw_order(both.made.number)
    side = compared(moved, [raw]).sides[both.made.number]
    assert [one.entity_id for one in side.in_shop] == [both.order(both.made.ours).magento_order_id]
    asked = [shop.answered("orders") for shop in both.shops.values()]
    compared(moved, [raw])
    then = [shop.answered("orders") for shop in both.shops.values()]
    assert then[0] != asked[0]
    assert then[1] == asked[1]
    guard = StockGuard(moved.settings, moved.sessions, Incidents(moved.sessions))
    assert guard.run(SHOP, moved.clients.shops[SHOP], NOW).compared == 1
    close(moved)


def test_without_its_shop_it_is_held_and_left_out_of_the_comparison(
    app: Celery, both: Both
) -> None:
    watch_shipments(app, both.parts, SHOP)
    gone = build(both.pointed(without=SHOP), lambda: NOW)
    ours = both.order(both.made.ours)
    with pytest.raises(CannotMap) as held:
        gone.clients.shop(ours)
    assert held.value.code == HoldCode.SHOP_UNKNOWN
    assert held.value.facts == {"account": ACCOUNT, "shop": SHOP}
    assert f"Put [shops.{SHOP}] back" in held.value.reason
    batch = compared(gone, [a_raw_order(both.made.number)])
    assert batch.unclear == {both.made.number}
    close(gone)


@pytest.mark.parametrize(
    ("changes", "has_written", "shop"),
    [
        ({}, False, OTHER_SHOP),
        ({"step": "enrich_order"}, False, OTHER_SHOP),
        ({}, True, SHOP),
        ({"step": "create_order"}, False, SHOP),
        ({"shop": None, "step": "ship_order"}, True, OTHER_SHOP),
    ],
    ids=["new", "not found yet", "written for", "products read", "of before"],
)
def test_an_order_follows_its_account_until_something_is_of_a_shop(
    both: Both, changes: dict[str, Any], has_written: bool, shop: str
) -> None:
    parts = build(both.pointed(), lambda: NOW)
    order_id = stored(parts.sessions, an_order(**{"shop": SHOP, "items": [an_item()], **changes}))
    if has_written:
        with parts.sessions() as session, session.begin():
            session.add(
                Effect(
                    order_id=order_id, key=f"order:{order_id}", kind="order",
                    state=EffectState.INTENDED, intended_at=NOW,
                )
            )  # fmt: skip
    step = both.order(order_id).step
    claim = parts.orders.claim(
        order_id, step, task_id="a-task", worker="w", now=NOW + timedelta(minutes=1)
    )
    assert claim is not None
    assert claim.order.shop == shop
    assert _name(parts.clients, claim.order) == shop
    close(parts)


def _name(clients: Clients, order: Order) -> str:
    return clients.shop_name(order)


def test_a_read_only_shop_counts_for_the_orders_in_it(both: Both) -> None:
    shops = {**both.settings.shops}
    shops[SHOP] = shops[SHOP].model_copy(update={"read_only": True})
    parts = build(both.pointed().model_copy(update={"shops": shops}), lambda: NOW)
    assert parts.writes.why_not(ACCOUNT) == ""
    assert f"shops.{SHOP}.read_only" in parts.writes.why_not(ACCOUNT, SHOP)
    close(parts)


def test_incidents_of_a_shop_that_is_gone_are_closed(both: Both) -> None:
    incidents = Incidents(both.parts.sessions)
    kinds = ("watch", "watch_confirmed", "refunds", "guard", "stock")
    for key in (*(f"{kind}:gone" for kind in kinds), "set_aside:gone:watch", f"watch:{SHOP}"):
        incidents.open(key, "a sentence", NOW)
    incidents.open(f"set_aside:{SHOP}:invoices:gone", "a sentence", NOW, account="gone")
    close_unknown(both.parts.sessions, both.settings, NOW)
    assert [incident.key for incident in incidents.all_open()] == [f"watch:{SHOP}"]
