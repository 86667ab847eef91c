"""When a feed is worth its delay."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from sqlalchemy import text

from pipeline.amazon.replies import CONFIRM_SHIPMENT
from pipeline.base.db import Sessions
from pipeline.base.quota import Quota
from pipeline.orders.tables import Status
from pipeline.shipping.backlog import Backlog
from tests.builders import ACCOUNT, a_shipment, an_order, stored

# At this rate three packages are 20 minutes of calls.
RATE = 3 / 1200


def backlog(sessions: Sessions, clock: list[float] | None = None) -> Backlog:
    times = clock if clock is not None else [0.0]
    return Backlog(sessions, {ACCOUNT: lambda: RATE, "na": lambda: RATE}, lambda: times[-1])


def packages(sessions: Sessions, count: int, **changes: Any) -> None:
    """One order with so many packages, which may be changed by name."""
    of_order: dict[str, Any] = {
        name: changes.pop(name) for name in ("status", "account") if name in changes
    }
    if of_order.get("status") == Status.HELD:
        of_order["hold_code"] = "carrier_unmapped"
    shipments = [a_shipment(71 + number, items={}, **changes) for number in range(count)]
    stored(sessions, an_order(shipments=shipments, **of_order))


@pytest.mark.parametrize("confirmation", ["queued", "feed", "sent"])
def test_more_packages_than_calls_in_twenty_minutes_are_many(
    sessions: Sessions, confirmation: str
) -> None:
    packages(sessions, 3, confirmation=confirmation)
    assert not backlog(sessions).is_large(ACCOUNT)
    packages(sessions, 1, confirmation=confirmation)
    assert backlog(sessions).is_large(ACCOUNT)
    assert not backlog(sessions).is_large("na")


@pytest.mark.parametrize(
    "changes",
    [
        {"confirmation": "accepted"},
        {"confirmation": "refused"},
        {"confirmation": "sent", "feed_id": 5},
        {"tracking_number": ""},
        {"account": "na"},
        {"status": Status.HELD},
        {"status": Status.DONE},
        {"status": Status.CANCELLED},
    ],
)
def test_what_no_call_is_waiting_for_does_not_count(
    sessions: Sessions, changes: dict[str, Any]
) -> None:
    packages(sessions, 3)
    packages(sessions, 3, **changes)
    assert not backlog(sessions).is_large(ACCOUNT)


def test_it_is_counted_once_in_five_seconds(sessions: Sessions) -> None:
    times = [0.0]
    counted = backlog(sessions, times)
    assert not counted.is_large(ACCOUNT)
    packages(sessions, 4)
    times.append(4.9)
    assert not counted.is_large(ACCOUNT)
    times.append(5.0)
    assert counted.is_large(ACCOUNT)


def test_the_count_goes_by_its_index_alone(sessions: Sessions) -> None:
    """Of a table of confirmed packages it reads none."""
    with sessions() as session, session.begin():
        order_id = stored(sessions, an_order())
        session.execute(
            text(
                "INSERT INTO shipments (order_id, magento_shipment_id, package_reference,"
                " shipped_at, tracking_number, confirmation, confirmed_times)"
                " SELECT :order, n, n::text, now(), 'X', 'accepted', 1"
                " FROM generate_series(1, 5000) n"
            ),
            {"order": order_id},
        )
    with sessions() as session, session.begin():
        session.execute(text("ANALYZE shipments"))
        plan = "\n".join(
            session.scalars(
                text(
                    "EXPLAIN SELECT id FROM shipments WHERE confirmation IN"
                    " ('queued', 'feed', 'sent') AND tracking_number <> ''"
                    " AND feed_id IS NULL LIMIT 2401"
                )
            )
        )
    assert "shipments_to_confirm" in plan


def test_the_rate_is_the_one_that_amazon_told(redis_url: str, away: redis.Redis) -> None:
    with redis.Redis.from_url(redis_url) as client:
        quota = Quota(client, ACCOUNT)
        assert quota.rate(CONFIRM_SHIPMENT.plan) == 2.0
        quota.learn(CONFIRM_SHIPMENT.plan, 5.5)
        assert quota.rate(CONFIRM_SHIPMENT.plan) == 5.5
    assert Quota(away, ACCOUNT).rate(CONFIRM_SHIPMENT.plan) == 2.0
