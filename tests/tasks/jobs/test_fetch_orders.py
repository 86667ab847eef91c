"""Orders that were named are read once each, new ones first, and none is forgotten on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import redis
from celery import Celery
from sqlalchemy import select

from pipeline.base.errors import AccountStopped, OverQuota, Rejected, Transient
from pipeline.base.quota import Lane
from pipeline.intake.tables import Backfill, BackfillState, ToFetch
from pipeline.orders.channel import Raw
from pipeline.orders.tables import Order
from tasks.engine.runtime import Runtime, build
from tasks.jobs.notifications import FAILED_OFTEN, fetch_due, fetch_orders
from tests.builders import ACCOUNT, NOW, a_raw_order, settings
from tests.tasks.fakes import FakeChannel

HOUR = timedelta(hours=1)
A, B, C = (f"028-0000000-{number:07}" for number in (9000001, 9000002, 9000003))
UNKNOWN = Rejected("unknown", code="NotFound", status=404)


class Marketplace(FakeChannel):
    """Answers for each order: what is to be raised, or else the order."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: dict[str, Exception] = {}
        self.asked: list[tuple[str, Lane]] = []
        self.meanwhile: Callable[[str], None] = lambda _: None

    def order(self, external_id: str, lane: Lane = Lane.NEW) -> Raw:
        self.asked.append((external_id, lane))
        self.meanwhile(external_id)
        if external_id in self.trouble:
            raise self.trouble[external_id]
        return a_raw_order(external_id)


class World:
    """One account with a marketplace and a clock of its own."""

    def __init__(self, parts: Runtime, app: Celery) -> None:
        self.marketplace = Marketplace()
        self.now = NOW
        self._app = app
        channels = {ACCOUNT: self.marketplace}
        remotes = replace(parts.clients, channels=channels, now=lambda: self.now)
        self.parts = replace(parts, clients=remotes)

    def ask(self, *numbers: str, lane: Lane = Lane.NEW, backfill_id: int | None = None) -> None:
        self.parts.fetching.ask(ACCOUNT, numbers, lane, self.now, backfill_id)

    def fetch(self) -> list[str]:
        """One run of the job, and which orders it asked for."""
        self.marketplace.asked.clear()
        fetch_orders(self._app, self.parts, ACCOUNT)
        return [number for number, _ in self.marketplace.asked]

    def tasks(self, queue: str) -> list[dict[str, Any]]:
        """The messages in a queue."""
        found = self.parts.broker.lrange(f"orderbridge:{queue}", 0, -1)
        return [json.loads(message) for message in found]

    def wanted(self) -> list[tuple[str, int, datetime]]:
        with self.parts.sessions() as session:
            rows = session.scalars(select(ToFetch).order_by(ToFetch.external_id)).all()
            return [(row.external_id, row.tries, row.due_at) for row in rows]

    def stored(self) -> list[tuple[str, str, bool]]:
        """Number and lane of each order, and whether it has been sent on its way."""
        with self.parts.sessions() as session:
            rows = session.scalars(select(Order).order_by(Order.external_id)).all()
            return [(row.external_id, row.lane, row.sent_at is not None) for row in rows]

    def messages(self) -> int:
        return int(self.parts.broker.llen("orderbridge:amazon"))


@pytest.fixture
def world(app: Celery, database_url: str, redis_url: str) -> Iterator[World]:
    parts = build(settings(database_url=database_url, redis_url=redis_url))
    yield World(parts, app)
    parts.broker.close()


def a_backfill(world: World) -> int:
    with world.parts.sessions() as session, session.begin():
        row = Backfill(
            account=ACCOUNT,
            author="x",
            state=BackfillState.RUNNING,
            due_at=NOW,
            created_at=NOW,
        )
        session.add(row)
        session.flush()
        return row.id


def test_a_named_order_is_stored_sent_and_wanted_no_more(world: World) -> None:
    world.ask(A)
    assert world.fetch() == [A]
    assert world.stored() == [(A, "new", True)]
    assert (world.wanted(), world.messages()) == ([], 1)
    assert world.fetch() == []


def test_a_task_is_sent_for_the_configured_accounts_that_have_due_orders(world: World) -> None:
    def sent() -> list[str]:
        fetch_due(world._app, world.parts)
        return [task["headers"]["argsrepr"] for task in world.tasks("jobs")]

    assert sent() == []
    world.parts.fetching.ask("gone", [A], Lane.NEW, NOW)
    world.ask(A, B)
    assert sent() == [f"('{ACCOUNT}',)"]
    assert world.fetch() == [A, B]
    # What is put off is nobody's work until it is due.
    world.marketplace.trouble[C] = Transient("away")
    world.ask(C)
    world.fetch()
    assert len(sent()) == 1
    world.now += HOUR
    assert len(sent()) == 2


def test_an_order_that_is_known_and_unchanged_is_left_alone(world: World) -> None:
    world.ask(A)
    world.fetch()
    world.ask(A)
    assert world.fetch() == [A]
    assert (world.wanted(), world.messages()) == ([], 1)


def test_new_ones_are_read_before_a_backfills(world: World) -> None:
    world.ask(A, lane=Lane.BACKFILL)
    world.now += HOUR
    world.ask(C, B)
    world.fetch()
    assert world.marketplace.asked == [(B, Lane.NEW), (C, Lane.NEW), (A, Lane.BACKFILL)]


def test_a_backfills_order_is_left_for_the_sweep_and_counted(world: World) -> None:
    backfill_id = a_backfill(world)
    world.ask(A, B, lane=Lane.BACKFILL, backfill_id=backfill_id)
    world.ask(B)  # a notification made it urgent: it is read sooner, and stays a backfill's
    world.fetch()
    assert world.marketplace.asked == [(B, Lane.NEW), (A, Lane.BACKFILL)]
    assert world.stored() == [(A, "backfill", False), (B, "backfill", False)]
    assert world.messages() == 0
    with world.parts.sessions() as session:
        row = session.get_one(Backfill, backfill_id)
        assert (row.calls, row.orders_seen, row.orders_new) == (2, 2, 2)


def test_an_order_named_again_while_it_is_read_is_read_again(world: World) -> None:
    def changes_meanwhile(number: str) -> None:
        if len(world.marketplace.asked) == 1:
            world.now += timedelta(seconds=1)
            world.ask(number)

    world.marketplace.meanwhile = changes_meanwhile
    world.ask(A)
    assert world.fetch() == [A, A]
    assert world.wanted() == []


def test_an_order_amazon_does_not_know_is_dropped_after_three_tries(world: World) -> None:
    world.marketplace.trouble[A] = UNKNOWN
    world.ask(A, B)
    assert world.fetch() == [A, B]  # it holds up no other
    for tries in (1, 2):
        [(number, tried, due_at)] = world.wanted()
        assert (number, tried, due_at > world.now) == (A, tries, True)
        assert world.fetch() == []
        world.now += HOUR
        assert world.fetch() == [A]
    assert (world.wanted(), world.stored()) == ([], [(B, "new", True)])


def test_trouble_ends_the_run_and_the_order_is_tried_again(world: World) -> None:
    world.marketplace.trouble[A] = Transient("away", code="x", status=503)
    world.ask(A, B)
    assert world.fetch() == [A]
    assert world.fetch() == [B]
    world.now += HOUR
    world.marketplace.trouble.clear()
    assert world.fetch() == [A]
    assert [number for number, *_ in world.stored()] == [A, B]


def test_trouble_with_one_order_has_an_end(world: World) -> None:
    world.marketplace.trouble[A] = Transient("away", code="Unauthorized", status=403)
    world.ask(A)
    runs = 0
    while world.wanted():
        assert world.fetch() == [A]
        world.now += HOUR
        runs += 1
    assert runs == FAILED_OFTEN


def test_a_throttled_order_comes_back_when_amazon_said(world: World) -> None:
    world.marketplace.trouble[A] = Transient("throttled", status=429, retry_after_s=5000)
    world.ask(A)
    world.fetch()
    [(_, tries, due_at)] = world.wanted()
    assert (tries, due_at) == (1, NOW + timedelta(seconds=5000))


def test_without_quota_the_order_waits_and_nothing_counts(world: World) -> None:
    world.marketplace.trouble[A] = OverQuota("used up", code="quota", retry_after_s=7)
    world.ask(A, B)
    assert world.fetch() == [A]
    waits = NOW + timedelta(seconds=7)
    assert world.wanted() == [(A, 0, waits), (B, 0, NOW)]


def test_a_stopped_account_loses_no_order(world: World) -> None:
    stopped = AccountStopped("revoked", code="invalid_grant", status=400)
    world.marketplace.trouble = {A: stopped, B: stopped}
    world.ask(A, B)
    for _ in range(10):
        assert len(world.fetch()) == 1
        world.now += HOUR
    assert [number for number, *_ in world.wanted()] == [A, B]
    world.marketplace.trouble.clear()
    assert sorted(world.fetch()) == [A, B]


def test_a_worker_that_dies_between_storing_and_forgetting_does_no_harm(world: World) -> None:
    world.ask(A)
    [wanted] = world.parts.fetching.take(ACCOUNT, NOW, 1)
    account = world.parts.settings.accounts[ACCOUNT]
    raw = world.marketplace.order(A)
    world.parts.intake.store(ACCOUNT, account, world.marketplace, [raw], NOW)
    assert wanted.external_id == A
    world.now += HOUR
    assert world.fetch() == [A]
    assert (len(world.stored()), world.wanted(), world.messages()) == (1, [], 0)


def test_of_two_runs_at_once_one_does_the_work(world: World) -> None:
    world.ask(A)
    with world.parts.leases.hold(f"fetch:{ACCOUNT}", "another run"):
        assert world.fetch() == []
    assert world.fetch() == [A]


def test_a_broker_without_memory_of_the_message_leaves_it_to_the_sweep(
    world: World, redis_url: str
) -> None:
    world.ask(A)
    world.fetch()
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    later = NOW + timedelta(seconds=world.parts.settings.timing.resend_s)
    assert len(world.parts.orders.due(later, 10)) == 1
