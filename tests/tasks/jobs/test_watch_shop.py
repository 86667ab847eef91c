"""The watch of the shops: what it asks, whom it wakes, and that no cut answer deletes anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
from celery import Celery

from pipeline.base.db import Sessions
from pipeline.base.errors import Transient
from pipeline.magento.records import MagentoItem, MagentoShipment, Track
from pipeline.orders.tables import Status
from tasks.engine.runtime import Runtime, build
from tasks.jobs.watch_shop import watch_confirmed, watch_shipments
from tests.builders import NOW, SHOP, a_shipment, an_item, an_order, loaded, settings, stored
from tests.tasks.conftest import close
from tests.tasks.fakes import FakeShop, InTurn, a_magento_order

UPS = Track(5, "ups", "UPS", "1Z001")
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def parts(database_url: str, redis_url: str) -> Iterator[Runtime]:
    """A worker process's parts, of which a test replaces the shop."""
    built = build(settings(database_url=database_url, redis_url=redis_url))
    yield built
    close(built)


@pytest.fixture
def broker(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def with_shop(parts: Runtime, shop: FakeShop) -> Runtime:
    own = replace(parts.clients, shops={SHOP: shop}, now=lambda: NOW)
    return replace(parts, clients=own)


def waiting(broker: redis.Redis, queue: str) -> int:
    return int(broker.llen(f"orderbridge:{queue}"))


def awaiting(sessions: Sessions, entity_id: int, **changes: Any) -> int:
    facts: dict[str, Any] = {
        "items": [an_item(magento_item_id=501)],
        "step": "ship_order",
        "status": Status.WAITING,
        "due_at": LATER,
    }
    return stored(sessions, an_order(magento_order_id=entity_id, **{**facts, **changes}))


def shipped(entity_id: int = 71, order_id: int = 900, **changes: Any) -> MagentoShipment:
    return MagentoShipment(
        **{
            "entity_id": entity_id,
            "order_id": order_id,
            "created_at": NOW,
            "items": {501: Decimal(2)},
            "tracks": (UPS,),
            **changes,
        }
    )


def numbers(sessions: Sessions, order_id: int) -> list[str]:
    return [shipment.tracking_number for shipment in loaded(sessions, order_id).shipments]


def test_the_watch_brings_shipments_and_wakes_whom_they_concern(
    app: Celery, parts: Runtime, sessions: Sessions, broker: redis.Redis
) -> None:
    first, second = awaiting(sessions, 900), awaiting(sessions, 901)
    states = {
        900: a_magento_order(900, status="complete", state="complete"),
        901: a_magento_order(901),
    }
    shop = FakeShop(shipments=[shipped()], orders=states)
    watch_shipments(app, with_shop(parts, shop), SHOP)
    assert shop.calls == [("shipments", [900, 901]), ("orders", [900, 901])]
    order, other = loaded(sessions, first), loaded(sessions, second)
    assert numbers(sessions, first) == ["1Z001"]
    assert (order.due_at, order.magento_status) == (NOW, "complete")
    assert (other.due_at, other.shipments) == (LATER, [])
    assert waiting(broker, "magento") == 1
    watch_shipments(app, with_shop(parts, shop), SHOP)
    assert waiting(broker, "magento") == 1  # nothing new


def test_the_watch_asks_nothing_when_nobody_waits(app: Celery, parts: Runtime) -> None:
    watch_shipments(app, with_shop(parts, FakeShop()), SHOP)
    watch_confirmed(app, with_shop(parts, FakeShop()), SHOP)


def test_the_watch_leaves_all_as_it_was_when_the_shop_is_in_trouble(
    app: Celery, parts: Runtime, sessions: Sessions, broker: redis.Redis
) -> None:
    order_id = awaiting(sessions, 900, shipments=[a_shipment()])
    for shop in (
        FakeShop(shipments=Transient("cut")),
        FakeShop(shipments=InTurn([], Transient("cut"))),
        FakeShop(shipments=InTurn([], []), orders=Transient("in trouble")),
    ):
        watch_shipments(app, with_shop(parts, shop), SHOP)
    order = loaded(sessions, order_id)
    assert (order.due_at, len(order.shipments)) == (LATER, 1)
    assert waiting(broker, "magento") == 0


@pytest.mark.parametrize(
    ("second", "states", "left"),
    [
        ([], {900: a_magento_order(900)}, 0),
        ([shipped()], {900: a_magento_order(900)}, 1),
        ([], {}, 1),
    ],
    ids=["deleted", "a page had shifted", "the order is not in the answer either"],
)
def test_a_shipment_is_deleted_only_when_two_answers_say_so(
    second: list[MagentoShipment],
    states: dict[int, Any],
    left: int,
    app: Celery,
    parts: Runtime,
    sessions: Sessions,
) -> None:
    order_id = awaiting(sessions, 900, shipments=[a_shipment()])
    other = awaiting(sessions, 901)
    shop = FakeShop(shipments=InTurn([], second), orders={**states, 901: a_magento_order(901)})
    watch_shipments(app, with_shop(parts, shop), SHOP)
    # Only of the order in question is asked again.
    assert shop.calls[:2] == [("shipments", [900, 901]), ("shipments", [900])]
    assert len(loaded(sessions, order_id).shipments) == left
    assert loaded(sessions, other).due_at == LATER


def through(sessions: Sessions, entity_id: int, **changes: Any) -> int:
    """An order that has ended, with its invoice seen."""
    facts = {"status": Status.DONE, "step": "sync_tracking", "due_at": None}
    return awaiting(sessions, entity_id, **{**facts, "magento_invoiced": Decimal(20), **changes})


def told(**changes: Any) -> Any:
    return a_shipment(
        confirmation="accepted", confirmed_at=NOW, confirmed_as="dhl/DHL/1", **changes
    )


def test_what_is_through_is_read_once_more_for_a_number_that_was_mended(
    app: Celery, parts: Runtime, sessions: Sessions, broker: redis.Redis
) -> None:
    mended = through(sessions, 900, shipments=[told()])
    long_ago = told()
    long_ago.confirmed_at = NOW - timedelta(days=8)
    through(sessions, 901, shipments=[long_ago])
    awaiting(sessions, 902)
    shop = FakeShop(shipments=[shipped()], orders={900: a_magento_order(900)})
    watch_confirmed(app, with_shop(parts, shop), SHOP)
    assert shop.calls == [("shipments", [900]), ("orders", [900])]
    order = loaded(sessions, mended)
    assert (order.status, order.step, order.due_at) == (Status.WAITING, "sync_tracking", NOW)
    assert numbers(sessions, mended) == ["1Z001"]
    assert waiting(broker, "amazon") == 1


def test_an_invoice_of_another_sum_is_seen_after_the_end(
    app: Celery, parts: Runtime, sessions: Sessions, broker: redis.Redis
) -> None:
    """An order that Amazon fulfilled is placed as complete and through at once."""
    facts = {"fulfilled_by": "FBA", "magento_invoiced": None, "grand_total": Decimal("20.00")}
    right, wrong = through(sessions, 900, **facts), through(sessions, 901, **facts)
    line = MagentoItem(501, quantity_ordered=Decimal(2), quantity_invoiced=Decimal(2))
    states = {
        entity_id: a_magento_order(entity_id, items=(line,), total_invoiced=Decimal(total))
        for entity_id, total in ((900, "20.00"), (901, "25.00"))
    }
    shop = FakeShop(shipments=[], orders=states)
    watch_confirmed(app, with_shop(parts, shop), SHOP)
    assert [loaded(sessions, one).status for one in (right, wrong)] == ["done", "waiting"]
    assert loaded(sessions, wrong).magento_invoiced == Decimal("25.00")
    assert waiting(broker, "amazon") == 1
