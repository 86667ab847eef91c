"""Runs that were begun and cannot be recorded: handed back, and never counted as a crash."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import psycopg
import pytest
import redis
from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, OperationalError

from pipeline.base.db import Sessions
from pipeline.base.lease import Leases
from pipeline.clients import Clients
from pipeline.intake.fetch_list import Fetching
from pipeline.orders.machine import MAX_UNFINISHED, Orders
from pipeline.orders.outcome import Done, HoldCode, Outcome
from pipeline.orders.tables import Attempt, Order, Status
from pipeline.settings.model import Timing
from tasks.engine.runner import Runner
from tasks.engine.runs_in_hand import Runs
from tests.builders import NOW, a_vault, an_order, loaded, stored
from tests.conftest import Servers
from tests.tasks.fakes import clients

TIMING = Timing(first_retry_s=10, longest_retry_s=900)
WORKER = "host:1"
AWAY = ("handed back", "Orderbridge's database was unavailable when the step ended")
STOPPED = ("handed back", "its worker was stopped")


@pytest.fixture
def broker(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def a_runner(sessions: Sessions, broker: redis.Redis, worker: str = WORKER) -> Runner:
    orders, leases = Orders(sessions, a_vault(), TIMING), Leases(broker, 30)
    runs = Runs(sessions, worker, lambda: NOW)
    return Runner(orders, leases, clients(), TIMING, worker, Fetching(sessions), runs)


def attempts(sessions: Sessions) -> list[tuple[str | None, str | None]]:
    with sessions() as session:
        attempts_kept = session.scalars(select(Attempt).order_by(Attempt.id))
        return [(one.outcome, one.detail) for one in attempts_kept]


def done(order: Order, clients: Clients) -> Outcome:
    return Done()


class Outage:
    """The test's database lets nobody in, as one that is being restarted."""

    def __init__(self, servers: Servers, database_url: str) -> None:
        url = make_url(servers.database_url).set(drivername="postgresql")
        self._server = url.render_as_string(hide_password=False)
        self._name = make_url(database_url).database

    @contextmanager
    def lasting(self) -> Iterator[None]:
        self.begin()
        try:
            yield
        finally:
            self._let(True)

    def begin(self, order: Order | None = None, clients: Clients | None = None) -> Outcome:
        """Also a step, whose run cannot be recorded then."""
        self._let(False)
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                (self._name,),
            )
        return Done()

    def end(self) -> None:
        self._let(True)

    def _let(self, is_open: bool) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            statement = f'ALTER DATABASE "{self._name}" ALLOW_CONNECTIONS {is_open}'
            connection.execute(statement.encode())


@pytest.fixture
def outage(servers: Servers, database_url: str) -> Iterator[Outage]:
    made = Outage(servers, database_url)
    yield made
    made.end()


def test_outages_between_claim_and_record_hold_no_order(
    sessions: Sessions, broker: redis.Redis, outage: Outage
) -> None:
    order_id = stored(sessions, an_order())
    runner = a_runner(sessions, broker)
    for number in range(MAX_UNFINISHED + 1):
        assert not runner.run("import_order", outage.begin, order_id, f"task-{number}")
        outage.end()
        assert loaded(sessions, order_id).unfinished == 1
    assert runner.run("import_order", done, order_id, "the last one")
    order = loaded(sessions, order_id)
    assert (order.step, order.unfinished, order.tries) == ("verify_order", 0, 0)
    assert attempts(sessions) == [*[AWAY] * (MAX_UNFINISHED + 1), ("done", None)]


def test_the_next_order_of_the_process_hands_back_what_an_outage_broke_off(
    sessions: Sessions, broker: redis.Redis, outage: Outage
) -> None:
    broken_off, other = (stored(sessions, an_order(tries=2)) for _ in range(2))
    runner = a_runner(sessions, broker)
    assert not runner.run("import_order", outage.begin, broken_off, "task-1")
    # As long as it lasts nothing is begun.
    assert not runner.run("import_order", done, other, "task-2")
    outage.end()
    assert runner.run("import_order", done, other, "task-2")
    order = loaded(sessions, broken_off)
    assert (order.status, order.unfinished, order.sent_at) == (Status.READY, 0, None)
    # Longer each time: a database that answers nothing but errors is not asked without end.
    assert order.due_at is not None
    assert timedelta(seconds=20) <= order.due_at - NOW <= timedelta(seconds=40)


def test_what_another_worker_took_up_meanwhile_stays_its_own(
    sessions: Sessions, broker: redis.Redis, outage: Outage
) -> None:
    order_id = stored(sessions, an_order())
    first, second = a_runner(sessions, broker), a_runner(sessions, broker, "host:2")
    assert not first.run("import_order", outage.begin, order_id, "task-1")
    outage.end()

    def while_the_first_settles(order: Order, clients: Clients) -> Outcome:
        first.runs.settle(lambda tries: timedelta())
        assert loaded(sessions, order_id).unfinished == 1
        return Done()

    assert second.run("import_order", while_the_first_settles, order_id, "task-2")
    assert attempts(sessions) == [AWAY, ("done", None)]
    assert loaded(sessions, order_id).step == "verify_order"


def test_a_message_that_came_twice_is_not_handed_back_while_it_is_in_hand(
    sessions: Sessions, broker: redis.Redis
) -> None:
    order_id = stored(sessions, an_order())
    runner = a_runner(sessions, broker)

    def beside_one_that_breaks_off(order: Order, clients: Clients) -> Outcome:
        away = OperationalError("COMMIT", None, Exception())
        with suppress(OperationalError), runner.runs.in_hand(order_id, "task-1"):
            raise away
        runner.runs.settle(lambda tries: timedelta())
        return Done()

    assert runner.run("import_order", beside_one_that_breaks_off, order_id, "task-1")
    assert attempts(sessions) == [("done", None)]


def test_a_process_that_ends_leaves_a_crash_behind(
    sessions: Sessions, broker: redis.Redis, outage: Outage
) -> None:
    order_id = stored(sessions, an_order())
    for number in range(MAX_UNFINISHED):
        # A process of its own each time, which remembers nothing.
        a_runner(sessions, broker).run("import_order", outage.begin, order_id, f"task-{number}")
        outage.end()
    assert loaded(sessions, order_id).unfinished == MAX_UNFINISHED
    a_runner(sessions, broker).run("import_order", done, order_id, "the last one")
    assert loaded(sessions, order_id).hold_code == HoldCode.KEEPS_CRASHING


def test_what_the_database_refuses_is_a_defect_and_counts(
    sessions: Sessions, broker: redis.Redis
) -> None:
    order_id, other = (stored(sessions, an_order()) for _ in range(2))
    number = loaded(sessions, other).external_id

    def takes_a_number_twice(order: Order, clients: Clients) -> Outcome:
        order.external_id = number
        return Done()

    runner = a_runner(sessions, broker)
    with pytest.raises(IntegrityError):
        runner.run("import_order", takes_a_number_twice, order_id, "task-1")
    assert runner.run("import_order", done, other, "task-2")
    assert loaded(sessions, order_id).unfinished == 1


def test_a_worker_that_is_stopped_hands_back_what_it_has_in_hand(
    sessions: Sessions, broker: redis.Redis
) -> None:
    order_id = stored(sessions, an_order())
    runner = a_runner(sessions, broker)

    def stopped(order: Order, clients: Clients) -> Outcome:
        runner.runs.stop()
        runner.leases.give_back()
        row = loaded(sessions, order_id)
        assert (row.status, row.due_at, row.unfinished) == (Status.READY, NOW, 0)
        # Another worker goes on while the old thread is still at it.
        assert a_runner(sessions, broker, "host:2").run("import_order", done, order_id, "task-2")
        return Done()

    assert not runner.run("import_order", stopped, order_id, "task-1")
    assert attempts(sessions) == [STOPPED, ("done", None)]
    assert loaded(sessions, order_id).step == "verify_order"


def test_what_was_recorded_is_not_handed_back(sessions: Sessions, broker: redis.Redis) -> None:
    order_id = stored(sessions, an_order())
    runner = a_runner(sessions, broker)
    assert runner.run("import_order", done, order_id, "task-1")
    with runner.runs.in_hand(order_id, "task-1"):
        runner.runs.stop()
    assert attempts(sessions) == [("done", None)]
    assert loaded(sessions, order_id).status == Status.READY


def test_an_order_that_is_gone_is_nobodys(sessions: Sessions, broker: redis.Redis) -> None:
    order_id = stored(sessions, an_order())
    runner = a_runner(sessions, broker)

    def deleted(order: Order, clients: Clients) -> Outcome:
        with sessions() as session, session.begin():
            session.execute(text("DELETE FROM orders"))
        runner.runs.stop()
        return Done()

    assert not runner.run("import_order", deleted, order_id, "task-1")
