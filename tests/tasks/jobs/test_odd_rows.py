"""Rows of a shop that cannot be read are set aside and told; the others go on. A watch that fails
for good is told as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery

from pipeline.base.db import Sessions
from pipeline.base.errors import RemoteError, Transient
from pipeline.base.incidents import Incidents
from pipeline.base.retry import TRIES
from pipeline.intake.tables import Watermark
from pipeline.magento.client import Magento
from pipeline.monitoring.installation_checks import reasons
from pipeline.orders.tables import Status
from pipeline.shipping.shop_shipments import Shipments
from tasks.engine.runtime import Runtime, build
from tasks.jobs.credit_memos import watch_refunds
from tasks.jobs.watch_shop import watch_shipments
from tests.builders import (
    NOW,
    SHOP,
    a_shipment,
    a_vault,
    an_item,
    an_order,
    loaded,
    settings,
    stored,
)
from tests.magento.conftest import Clock, Shop, clock, magento, shop, slept
from tests.tasks.conftest import close
from tests.tasks.fakes import FakeShop

__all__ = ["clock", "magento", "shop", "slept"]

GOOD = {
    "entity_id": "72",
    "order_id": "901",
    "created_at": "2026-11-22 11:00:00",
    "items": [{"order_item_id": "501", "qty": "2.0000"}],
    "tracks": [{"entity_id": "6", "carrier_code": "ups", "title": "UPS", "track_number": "1Z2"}],
}
ODD: dict[str, dict[str, Any] | None] = {
    "an item without order_item_id": {"items": [{"qty": 2}]},
    "an item without a quantity": {"items": [{"order_item_id": 501}]},
    "a quantity that is no number": {"items": [{"order_item_id": 501, "qty": "two"}]},
    "an item that is null": {"items": [None]},
    "items as a text": {"items": "none"},
    "items as one object": {"items": {"order_item_id": 501, "qty": 2}},
    "a track without entity_id": {"tracks": [{"track_number": "1Z1"}]},
    "a track that is a text": {"tracks": ["1Z1"]},
    "no order_id": {"order_id": None},
}


@pytest.fixture
def parts(magento: Magento, clock: Clock, database_url: str, redis_url: str) -> Iterator[Runtime]:
    built = build(settings(database_url=database_url, redis_url=redis_url))
    clients = replace(built.clients, shops={SHOP: magento}, now=clock)
    clock.at = NOW
    yield replace(built, clients=clients)
    close(built)


def awaiting(sessions: Sessions, entity_id: int, **changes: Any) -> int:
    facts: dict[str, Any] = {"step": "ship_order", "status": Status.WAITING, "due_at": NOW}
    items = [an_item(magento_item_id=501)]
    return stored(sessions, an_order(magento_order_id=entity_id, items=items, **facts, **changes))


def page(*rows: Any) -> dict[str, Any]:
    return {"items": list(rows), "total_count": len(rows)}


ORDERS = page(*({"entity_id": one, "state": "processing"} for one in (900, 901)))


def told(parts: Runtime) -> dict[str, str]:
    return {incident.key: incident.text for incident in Incidents(parts.sessions).all_open()}


def numbers(sessions: Sessions, order_id: int) -> list[str]:
    return [shipment.tracking_number for shipment in loaded(sessions, order_id).shipments]


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD)
def test_an_odd_shipment_is_set_aside_and_the_others_are_brought(
    changes: dict[str, Any], app: Celery, parts: Runtime, shop: Shop, sessions: Sessions
) -> None:
    known = a_shipment(71, tracking_number="1Z0")
    first, second = awaiting(sessions, 900, shipments=[known]), awaiting(sessions, 901)
    odd = {**GOOD, "entity_id": 71, "order_id": 900, **changes}
    shop.answers(page(odd, GOOD), page(odd), ORDERS)
    watch_shipments(app, parts, SHOP)
    assert numbers(sessions, second) == ["1Z2"]
    assert numbers(sessions, first) == ["1Z0"]  # it is there, and cannot be read
    assert list(told(parts)) == ["set_aside:main:watch"]
    assert "shipment 71" in told(parts)["set_aside:main:watch"]
    whole = {**GOOD, "entity_id": 71, "order_id": 900, "tracks": []}
    shop.answers(page(whole, GOOD), ORDERS)
    watch_shipments(app, parts, SHOP)
    assert told(parts) == {}


@pytest.mark.parametrize(
    "items", [{"0": GOOD, "2": GOOD | {"entity_id": 73}}, [GOOD, None], [GOOD, "x"]]
)
def test_a_page_whose_list_has_holes_is_read(
    items: Any, app: Celery, parts: Runtime, shop: Shop, sessions: Sessions
) -> None:
    order_id = awaiting(sessions, 901)
    shop.answers({"items": items, "total_count": "2"}, ORDERS)
    watch_shipments(app, parts, SHOP)
    assert numbers(sessions, order_id)[0] == "1Z2"


def test_who_looks_for_what_was_made_reads_past_no_row(magento: Magento, shop: Shop) -> None:
    odd = {**GOOD, "items": [{"qty": 2}]}
    shop.answers(*[page(odd)] * TRIES)
    with pytest.raises(RemoteError):
        magento.shipments.of_orders([901])


def test_an_odd_credit_memo_is_told_and_asked_for_again(
    parts: Runtime, shop: Shop, sessions: Sessions
) -> None:
    awaiting(sessions, 901)
    memo = {"order_id": 901, "grand_total": "5.00", "order_currency_code": "EUR"}
    odd = {**memo, "entity_id": 1, "created_at": "2026-11-22 10:00:00", "items": [{"qty": 1}]}
    good = {**memo, "entity_id": 2, "created_at": "2026-11-22 11:00:00", "items": None}
    shop.answers(page(odd, good))
    watch_refunds(parts, SHOP)
    assert "creditmemo 1 of order 901" in told(parts)["set_aside:main:refunds"]
    with sessions() as session:
        assert session.get_one(Watermark, "refunds:main").position == NOW - timedelta(hours=2)
    whole = odd | {"items": [{"qty": 1, "order_item_id": 501, "row_total": "5.00"}]}
    shop.answers(page(whole, good))
    watch_refunds(parts, SHOP)
    assert told(parts) == {}
    with sessions() as session:
        assert session.get_one(Watermark, "refunds:main").position == NOW - timedelta(hours=1)


def seen_by_health(parts: Runtime) -> list[str]:
    said = reasons(parts.settings, parts.sessions, parts.writes, parts.clients.now())
    return [key for key, text in said.items() if text]


def test_a_watch_that_is_refused_is_told_at_once_and_over_with_the_first_that_works(
    app: Celery, parts: Runtime, shop: Shop, sessions: Sessions
) -> None:
    awaiting(sessions, 901)
    shop.answers_with(401, {"message": "The consumer isn't authorized"})
    watch_shipments(app, parts, SHOP)
    assert list(told(parts)) == seen_by_health(parts) == ["watch:main"]
    assert "401" in told(parts)["watch:main"]
    shop.answers(page(GOOD), ORDERS)
    watch_shipments(app, parts, SHOP)
    assert (told(parts), seen_by_health(parts)) == ({}, [])


def test_a_watch_that_fails_three_times_is_told(
    app: Celery, parts: Runtime, sessions: Sessions
) -> None:
    awaiting(sessions, 901)
    away = FakeShop(shipments=Transient("cut", code="cut"))
    parts = replace(parts, clients=replace(parts.clients, shops={SHOP: away}))
    for expected in ([], [], ["watch:main"]):
        watch_shipments(app, parts, SHOP)
        assert list(told(parts)) == seen_by_health(parts) == expected


def test_a_watch_that_never_comes_to_its_end_is_told(
    app: Celery, parts: Runtime, sessions: Sessions, clock: Clock
) -> None:
    awaiting(sessions, 901)

    class Killed(Exception):
        """What no job catches."""

    broken = FakeShop(shipments=Killed())
    parts = replace(parts, clients=replace(parts.clients, shops={SHOP: broken}))
    with pytest.raises(Killed):
        watch_shipments(app, parts, SHOP)
    assert seen_by_health(parts) == []
    clock.at += timedelta(minutes=30)
    assert "watch:main" in seen_by_health(parts)


def test_a_shipment_of_an_order_that_nobody_asked_for_is_left_alone(sessions: Sessions) -> None:
    assert Shipments(sessions, a_vault()).store(SHOP, {}, [], {}, NOW) == []
