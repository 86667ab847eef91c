"""Real servers for every test that needs one: PostgreSQL and Valkey, started once a run."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy.engine import make_url

from devstack import broker as embedded_broker
from devstack import postgres as embedded_postgres
from devstack.broker import Broker
from devstack.paths import temporary_home
from devstack.postgres import Postgres
from devstack.supervisor import Supervisor
from pipeline.base import db
from tests.database_restores import remembers_everything
from tests.emptied import Emptied
from tests.queues import TestQueue, a_queue, serving_sqs

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Servers:
    """Where the run's PostgreSQL and Valkey answer, and the supervisor that keeps them."""

    database_url: str
    redis_url: str


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL and Valkey of this run; `ORDERBRIDGE_DATABASE_URL`/`_REDIS_URL` win."""
    database_url, redis_url = embedded_postgres.external(), embedded_broker.external()
    with temporary_home() as home, Supervisor(home) as supervisor:
        if database_url is None:
            postgres = Postgres(home)
            postgres.prepare()
            supervisor.start(postgres.command())
            postgres.wait_ready()
            database_url = postgres.url("postgres")
        if redis_url is None:
            broker = Broker(home)
            broker.prepare()
            supervisor.start(broker.command())
            broker.wait_ready()
            redis_url = broker.url()
        yield Servers(database_url, redis_url)


@pytest.fixture(scope="session")
def template(servers: Servers) -> str:
    """A migrated database that tests' own databases are copied from."""
    name = f"orderbridge_template_{os.getpid()}"
    _execute(servers.database_url, f'DROP DATABASE IF EXISTS "{name}"')
    _execute(servers.database_url, f'CREATE DATABASE "{name}"')
    db.migrate(_database(servers.database_url, name))
    remembers_everything(_database(servers.database_url, name))
    return name


@pytest.fixture(scope="session")
def shared_database(servers: Servers, template: str) -> Iterator[Emptied]:
    """The database of all tests of this process: emptying it is far quicker than making one."""
    name = f"orderbridge_tests_{os.getpid()}"
    _execute(servers.database_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    with Emptied(_database(servers.database_url, name)) as database:
        yield database
        db.engine_for(database.url).dispose()
    _execute(servers.database_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database_url(shared_database: Emptied) -> str:
    """A migrated, empty database."""
    shared_database.empty()
    return shared_database.url


@pytest.fixture
def own_database_url(servers: Servers, template: str) -> Iterator[str]:
    """A migrated, empty database that a test may take apart."""
    name = f"orderbridge_test_{os.getpid()}_{next(_numbers)}"
    _execute(servers.database_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    url = _database(servers.database_url, name)
    yield url
    db.engine_for(url).dispose()
    _execute(servers.database_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def sessions(database_url: str) -> db.Sessions:
    """Sessions on an empty database, by the process's engine for it: its connections and compiled
    statements last from test to test."""
    return db.sessions_for(db.engine_for(database_url))


@pytest.fixture(scope="session")
def _broker(servers: Servers) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(servers.redis_url) as client:
        yield client


@pytest.fixture
def redis_url(servers: Servers, _broker: redis.Redis) -> str:
    """The run's broker, emptied. Tests do not run side by side."""
    _broker.flushdb()
    return servers.redis_url


@pytest.fixture
def away() -> Iterator[redis.Redis]:
    """A client of a broker that is away; it tries once, where redis-py's own would wait seconds."""
    with redis.Redis(port=1, retry=Retry(NoBackoff(), 0)) as client:
        yield client


@pytest.fixture(scope="session")
def sqs_url() -> Iterator[str]:
    """The run's SQS."""
    with serving_sqs() as url:
        yield url


@pytest.fixture
def queue(sqs_url: str) -> TestQueue:
    """A queue of the test's own."""
    return a_queue(sqs_url)


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Keeps a sentence with a measured figure, to be shown at the end of the run."""
    return lambda sentence: record_property("figure", sentence)


def pytest_collection_finish() -> None:
    """Modules and tests live as long as the run: no later collection has to go through them."""
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the tests measured, whichever process ran them."""
    reports = [
        one for outcome in ("passed", "failed") for one in terminalreporter.getreports(outcome)
    ]
    figures = [
        text for report in reports for name, text in report.user_properties if name == "figure"
    ]
    if figures:
        terminalreporter.section("figures")
        for text in figures:
            terminalreporter.write_line(str(text))


def _database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _execute(url: str, statement: str) -> None:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(statement.encode())
