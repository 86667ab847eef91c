"""The watch of the shops: what it asks, whom it wakes, and that no cut answer deletes anything."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
from celery import Celery

from pipeline.base.db import Sessions
from pipeline.base.errors import Rejected, Transient
from pipeline.magento.records import MagentoItem, MagentoOrder, MagentoShipment, Track
from pipeline.orders.tables import Status
from tasks.engine.runtime import Runtime, build
from tasks.jobs.watch_shop import watch_confirmed, watch_new_shipments, watch_shipments
from tests.builders import NOW, SHOP, a_shipment, an_item, an_order, loaded, settings, stored
from tests.tasks.conftest import close
from tests.tasks.fakes import FakeOrders, FakeShop, InTurn, a_magento_order

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


def with_shop(parts: Runtime, shop: FakeShop, now: datetime = NOW) -> Runtime:
    own = replace(parts.clients, shops={SHOP: shop}, now=lambda: now)
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
    facts: dict[str, Any] = {
        "confirmation": "accepted",
        "confirmed_at": NOW,
        "confirmed_as": "dhl/DHL/1",
    }
    return a_shipment(shop=SHOP, **facts, **changes)


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
    facts["shop"] = SHOP
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


def test_a_round_reads_each_finished_order_once_and_the_next_begins_when_it_is_due(
    app: Celery, parts: Runtime, sessions: Sessions
) -> None:
    through(sessions, 900, fulfilled_by="FBA", magento_invoiced=None, shop=SHOP)
    shop = FakeShop(shipments=[], orders={900: a_magento_order(900)})
    for minutes, rounds in ((0, 1), (1, 1), (59, 1), (60, 2), (61, 2)):
        watch_confirmed(app, with_shop(parts, shop, NOW + timedelta(minutes=minutes)), SHOP)
        assert len(shop.calls) == 2 * rounds


def test_a_share_that_cannot_be_read_is_left_to_the_next_round(
    app: Celery, parts: Runtime, sessions: Sessions
) -> None:
    through(sessions, 900, shipments=[told()])
    shop = FakeShop(shipments=Rejected("no", code="x", status=400))
    watch_confirmed(app, with_shop(parts, shop), SHOP)
    watch_confirmed(app, with_shop(parts, shop), SHOP)
    assert shop.calls == [("shipments", [900])]
    # A run in which no round is due says nothing of the shop.
    assert [one.key for one in parts.incidents.all_open()] == [f"watch_confirmed:{SHOP}"]


def test_a_new_shipment_is_brought_without_reading_all_open_orders(
    app: Celery, parts: Runtime, sessions: Sessions, broker: redis.Redis
) -> None:
    order_id = awaiting(sessions, 900)
    awaiting(sessions, 901)
    # The shop's own customers' orders have shipments too.
    made = InTurn({71: 900, 72: 55}, {})
    shop = FakeShop(made_after=made, shipments=[shipped()], orders={900: a_magento_order(900)})
    watch_new_shipments(app, with_shop(parts, shop), SHOP)
    assert shop.calls == [("made_after", 0), ("shipments", [900]), ("orders", [900])]
    assert numbers(sessions, order_id) == ["1Z001"]
    assert loaded(sessions, order_id).shipments[0].shop == SHOP
    assert waiting(broker, "magento") == 1
    watch_new_shipments(app, with_shop(parts, shop), SHOP)
    assert shop.calls[3:] == [("made_after", 72)]


def test_new_shipments_that_cannot_be_read_are_searched_again(
    app: Celery, parts: Runtime, sessions: Sessions
) -> None:
    order_id = awaiting(sessions, 900)
    first, second = InTurn({71: 900}, {71: 900}), InTurn(Transient("cut"), [shipped()])
    shop = FakeShop(made_after=first, shipments=second, orders={900: a_magento_order(900)})
    for wanted in ([], ["1Z001"]):
        watch_new_shipments(app, with_shop(parts, shop), SHOP)
        assert numbers(sessions, order_id) == wanted
    assert [call for call in shop.calls if call[0] == "made_after"] == [("made_after", 0)] * 2
    assert parts.incidents.all_open() == []


def test_an_answer_does_not_undo_a_later_one_that_another_watch_has_stored(
    app: Celery, parts: Runtime, sessions: Sessions
) -> None:
    order_id = awaiting(sessions, 900)

    class Slow(FakeOrders):
        """Before its answer a clerk adds the track, and the other watch reads it."""

        def by_ids(self, entity_ids: Collection[int]) -> dict[int, MagentoOrder]:
            orders = {900: a_magento_order(900)}
            shop = FakeShop(made_after={71: 900}, shipments=[shipped()], orders=orders)
            watch_new_shipments(app, with_shop(parts, shop), SHOP)
            return super().by_ids(entity_ids)

    slow = FakeShop(shipments=[shipped(tracks=())], orders={900: a_magento_order(900)})
    slow.orders = Slow(slow)
    watch_shipments(app, with_shop(parts, slow), SHOP)
    assert numbers(sessions, order_id) == ["1Z001"]
