"""Days without a connection, refusals that are Amazon's own fault, and one account of two revoked.

Against Amazon's stand-in with Amazon's own usage plan; an hour passes by moving its clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from sqlalchemy import func, select

from pipeline.amazon.access import Access
from pipeline.amazon.client import Amazon
from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.base.quota import Quota
from pipeline.clients import Clients
from pipeline.monitoring.account_checks import cursor_of
from pipeline.orders.outcome import Done, Outcome
from pipeline.orders.tables import Order, Status
from pipeline.settings.model import Settings
from sandbox.amazon.builders import a_line, an_order, stamped
from sandbox.amazon.state import open_store, save_order
from tasks.engine.runtime import Runtime, build
from tasks.jobs.search_and_sweep import poll_amazon
from tests import builders
from tests.builders import NOW, SHOP, loaded, settings, stored
from tests.sandbox.conftest import Caller, running_amazon

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ORDERS = 2_500
OUR_FAULT_OR_THEIRS = {
    "errors": [{"code": "InvalidInput", "message": "The request has invalid parameters."}]
}


class Clock:
    """Our time."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


class World:
    """The stand-in, a worker's parts and both their clocks."""

    def __init__(self, amazon: Caller, data: Path, parts: Runtime, clock: Clock) -> None:
        self.amazon, self._data, self.parts, self.clock = amazon, data, parts, clock

    def place(self, count: int, begun: datetime, lasting: timedelta, first: int = 1) -> list[str]:
        """So many orders, placed evenly over a while, in one go."""
        numbers = [f"305-{number:07}-{number:07}" for number in range(first, first + count)]
        store = open_store(self._data)
        with store.transaction() as db:
            for place, number in enumerate(numbers):
                order = an_order(number, lines=[a_line("MUG-BLUE")])
                save_order(db, "main", stamped(order, begun + lasting * (place / count)))
        store.close()
        return numbers

    def pass_time(self, time: timedelta) -> None:
        """Let time pass on both sides; the buckets here refill like those there."""
        self.clock.at += time
        offset_s = (self.clock.at - NOW).total_seconds()
        self.amazon.control("POST", "clock", {"offset_s": offset_s})
        for key in self.parts.broker.scan_iter("orderbridge:quota:*"):
            self.parts.broker.delete(key)

    def fail(self, times: int, **fault: Any) -> None:
        self.amazon.control("POST", "faults", {"route": "search_orders", "times": times, **fault})

    def searches(self) -> dict[str, int]:
        answered: dict[str, int] = self.amazon.control("GET", "calls")["search_orders"]
        return answered


def two_accounts(database_url: str, redis_url: str, url: str) -> Settings:
    def account(name: str) -> dict[str, Any]:
        return {
            "region": "EU",
            "shop": SHOP,
            "start_from": NOW - DAY,
            "base_url": url,
            "token_url": url,
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            "refresh_token": f"Atzr|sandbox-{name}",
        }

    plain = settings(database_url=database_url, redis_url=redis_url)
    given = {"main": account("main"), "second": account("second")}
    return Settings.model_validate({**plain.model_dump(), "accounts": given})


@pytest.fixture
def world(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    data, clock = tmp_path / "amazon.sqlite", Clock()
    with running_amazon(data) as amazon:
        amazon.control("POST", "accounts", {"account": "second"})
        given = two_accounts(database_url, redis_url, amazon.url)
        parts = build(given)
        channels = {
            name: Amazon(
                name,
                account,
                quota=Quota(parts.broker, name),
                access=Access(parts.sessions, name, clock),
                now=clock,
                sleep=lambda _: None,
            )
            for name, account in given.accounts.items()
        }
        remotes = replace(parts.clients, channels=channels, now=clock)
        runner = replace(parts.runner, clients=remotes)
        yield World(amazon, data, replace(parts, clients=remotes, runner=runner), clock)
        parts.broker.close()


def count(sessions: Sessions) -> int:
    with sessions() as session:
        return session.scalars(select(func.count()).select_from(Order)).one()


def told(sessions: Sessions) -> list[str]:
    return [incident.key for incident in Incidents(sessions).all_open()]


def test_three_days_are_caught_up_without_loss_or_double(
    app: Celery, world: World, sessions: Sessions, redis_url: str
) -> None:
    poll_amazon(app, world.parts, "main")
    world.place(ORDERS, NOW, 3 * DAY)
    world.pass_time(3 * DAY + HOUR)

    poll_amazon(app, world.parts, "main")
    # Two of the twenty calls are kept for confirmations; the token of before was dead.
    assert world.searches() == {"200": 1 + 17, "403": 1}
    assert count(sessions) == 1_700
    cursor = cursor_of(sessions, "main")
    assert cursor is not None
    assert (cursor.position, cursor.trouble) == (NOW - timedelta(minutes=2), None)

    world.pass_time(HOUR)  # the access token dies in the middle of the search
    late = world.place(50, world.clock.at - timedelta(minutes=10), timedelta(0), ORDERS + 1)
    poll_amazon(app, world.parts, "main")
    assert world.searches() == {"200": 1 + 25, "403": 2}
    assert count(sessions) == ORDERS

    poll_amazon(app, world.parts, "main")
    assert count(sessions) == ORDERS + len(late)
    with redis.Redis.from_url(redis_url) as broker:
        assert broker.llen("orderbridge:amazon") == ORDERS + len(late)
    assert told(sessions) == []


def test_a_search_whose_page_token_died_begins_anew(
    app: Celery, world: World, sessions: Sessions
) -> None:
    world.place(150, NOW - HOUR, timedelta(0))
    world.fail(1, kind="delay", seconds=0)
    world.fail(8, kind="status", status=503)
    poll_amazon(app, world.parts, "main")
    assert count(sessions) == 100
    world.amazon.control("DELETE", "faults")

    world.pass_time(25 * HOUR)
    poll_amazon(app, world.parts, "main")
    assert count(sessions) == 100
    poll_amazon(app, world.parts, "main")
    assert count(sessions) == 150
    cursor = cursor_of(sessions, "main")
    assert cursor is not None
    assert cursor.position == world.clock.at - timedelta(minutes=2)
    assert told(sessions) == []


def test_a_refusal_that_is_amazons_own_fault_keeps_the_place_and_is_told_after_an_hour(
    app: Celery, world: World, sessions: Sessions
) -> None:
    poll_amazon(app, world.parts, "main")
    before = cursor_of(sessions, "main")
    assert before is not None
    world.place(3, NOW + HOUR, timedelta(0))
    world.fail(100, kind="status", status=400, body=OUR_FAULT_OR_THEIRS)
    for passed, incidents in ((HOUR, []), (2 * HOUR, ["search:main"]), (9 * HOUR, ["search:main"])):
        world.pass_time(NOW + passed - world.clock.at)
        poll_amazon(app, world.parts, "main")
        cursor = cursor_of(sessions, "main")
        assert cursor is not None
        assert (cursor.position, cursor.read_at) == (before.position, before.read_at)
        assert told(sessions) == incidents
    world.amazon.control("DELETE", "faults")
    poll_amazon(app, world.parts, "main")
    assert count(sessions) == 3
    assert told(sessions) == []


def fetching(order: Order, clients: Clients) -> Outcome:
    """A step that reads the order from Amazon, as the last one does."""
    clients.channel(order).order(order.external_id)
    return Done()


def test_a_revoked_account_rests_alone_and_its_orders_wait(
    app: Celery, world: World, sessions: Sessions
) -> None:
    mine = an_order("305-0000001-0000001", lines=[a_line("MUG-BLUE")], created_at=NOW - HOUR)
    world.amazon.place(mine)
    theirs = an_order("305-0000002-0000002", lines=[a_line("MUG-BLUE")], created_at=NOW - HOUR)
    world.amazon.place(theirs, "second")
    order_id = stored(
        sessions,
        builders.an_order(
            account="second", external_id="305-0000002-0000002", step="sync_tracking"
        ),
    )
    world.amazon.control("POST", "accounts", {"account": "second", "revoked": True})

    for name in ("main", "second"):
        poll_amazon(app, world.parts, name)
    assert world.parts.runner.run("sync_tracking", fetching, order_id, "task-1") is False
    order = loaded(sessions, order_id)
    assert (order.status, order.hold_code) == (Status.WAITING, None)
    assert order.last_note.startswith("account second is stopped: Amazon refuses it.")
    assert told(sessions) == ["account:second"]
    assert count(sessions) == 2, "the other account's order was imported"
    assert world.amazon.control("GET", "calls").get("get_order") is None

    world.amazon.control("POST", "accounts", {"account": "second", "revoked": False})
    world.pass_time(timedelta(minutes=16))
    poll_amazon(app, world.parts, "second")
    assert told(sessions) == []
    assert world.parts.runner.run("sync_tracking", fetching, order_id, "task-2") is True
    assert loaded(sessions, order_id).status == Status.DONE
