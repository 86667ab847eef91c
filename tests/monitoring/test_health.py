"""The figures of an installation, and when it is called well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis

from pipeline.amazon.tables import AccountAccess
from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.intake.tables import ToFetch, Watermark
from pipeline.monitoring.account_checks import cursor_name
from pipeline.monitoring.health import (
    BEAT_MISSED_AFTER,
    REJECTED_MESSAGES,
    Health,
    health,
    note_beat,
)
from pipeline.orders.tables import Status
from tests.builders import ACCOUNT, NOW, SHOP, a_shipment, an_order, settings, stored

MINUTE = timedelta(minutes=1)


@pytest.fixture
def broker(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def look(sessions: Sessions, broker: redis.Redis, **parts: Any) -> Health:
    return health(settings(**parts), sessions, broker, NOW)


def test_an_empty_installation_that_runs_is_well(sessions: Sessions, broker: redis.Redis) -> None:
    note_beat(broker, NOW - BEAT_MISSED_AFTER)
    health = look(sessions, broker)
    assert (health.is_well, health.queues) == (True, {"amazon": 0, "magento": 0, "jobs": 0})
    [account] = health.accounts
    assert (account.state, account.last_import_at, account.orders) == ("works", None, {})
    assert account.quota_left == {"searchOrders": 20, "getOrder": 30, "confirmShipment": 10}


@pytest.mark.parametrize("late", [True, False])
def test_without_a_beat_it_is_not_well(late: bool, sessions: Sessions, broker: redis.Redis) -> None:
    if late:
        note_beat(broker, NOW - BEAT_MISSED_AFTER - MINUTE)
    assert list(look(sessions, broker).problems) == ["beat"]


def test_without_the_broker_the_rest_is_still_told(sessions: Sessions, away: redis.Redis) -> None:
    health = look(sessions, away)
    assert (list(health.problems), health.queues) == (["broker"], None)
    assert set(health.accounts[0].quota_left.values()) == {None}


def test_each_figure_of_an_account_and_its_shop(sessions: Sessions, broker: redis.Redis) -> None:
    parked: dict[str, Any] = {"status": Status.HELD, "hold_code": "sku_not_found"}
    stored(sessions, an_order(due_at=NOW - 2 * MINUTE))
    stored(sessions, an_order(due_at=NOW + MINUTE, status=Status.WAITING))
    stored(sessions, an_order(due_at=None, status=Status.DONE))
    refused = [a_shipment(71, items={}, confirmation="refused")]
    queued = [a_shipment(number, items={}) for number in (72, 73)]
    stored(sessions, an_order(due_at=NOW - MINUTE, shipments=refused, **parked))
    stored(sessions, an_order(due_at=NOW + MINUTE, shipments=queued, **parked))
    with sessions() as session, session.begin():
        session.add(
            Watermark(name=cursor_name(ACCOUNT), position=NOW, read_at=NOW - MINUTE, trouble="x: y")
        )
        session.add(
            AccountAccess(
                account=ACCOUNT,
                refused_since=NOW - MINUTE,
                stopped_at=NOW,
                probe_at=NOW,
                reason="refused",
            )
        )
        session.add(ToFetch(account=ACCOUNT, external_id="1", lane="new", asked_at=NOW, due_at=NOW))
    broker.rpush("orderbridge:magento", "a message")
    broker.set(REJECTED_MESSAGES, 3)
    note_beat(broker, NOW)
    health = look(sessions, broker)
    [account], [shop] = health.accounts, health.shops
    assert account.orders == {"ready": 1, "waiting": 1, "held": 2}
    assert (account.due, account.oldest_due_at) == (2, NOW - 2 * MINUTE)
    assert (account.state, account.trouble, account.lag) == ("stopped", "x: y", MINUTE)
    assert (account.to_fetch, account.unconfirmed, account.refused) == (1, 2, 1)
    assert (shop.name, shop.orders, shop.due) == (SHOP, account.orders, 2)
    assert health.queues == {"amazon": 0, "magento": 1, "jobs": 0}
    assert health.rejected_messages == 3
    assert list(health.problems) == ["confirmations:eu"]


def test_an_incident_is_a_problem_and_one_whose_reason_is_gone_is_none(
    sessions: Sessions, broker: redis.Redis
) -> None:
    note_beat(broker, NOW)
    incidents = Incidents(sessions)
    incidents.open("stock:main:mug", "more is sold than there is", NOW)
    incidents.open("orders:overdue", "as of yesterday", NOW)
    assert look(sessions, broker).problems == {"stock:main:mug": "more is sold than there is"}
