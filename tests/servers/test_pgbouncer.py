"""pgbouncer in transaction mode: each transaction may run on another connection to PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import redis
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError

from devstack.paths import temporary_home
from devstack.supervisor import Supervisor
from pipeline.base import db
from pipeline.base.tables import DatabaseRestore
from pipeline.monitoring.doctor import examine_installation
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.orders import Listing
from tests.builders import an_order, settings, stored
from tests.servers.postgres_servers import pgbouncer

POOLED = "?pgbouncer=true"


@pytest.fixture
def url(own_database_url: str) -> Iterator[str]:
    """The test's own database behind pgbouncer."""
    with temporary_home() as home, Supervisor(home) as supervisor:
        yield pgbouncer(supervisor, home, own_database_url)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = db.engine_for(url + POOLED)
    yield made
    made.dispose()


def test_each_transaction_has_our_settings_whatever_connection_it_gets(engine: Engine) -> None:
    together = Barrier(2, timeout=30)

    def asks(number: int) -> set[tuple[str, ...]]:
        found = set()
        for _ in range(20):
            together.wait()
            with engine.begin() as connection:
                rows = connection.execute(
                    text(
                        "SELECT current_setting('timezone'), current_setting('statement_timeout'),"
                        " current_setting('lock_timeout'),"
                        " current_setting('idle_in_transaction_session_timeout'),"
                        " pg_backend_pid()::text, CAST(:number AS text)"
                    ),
                    {"number": str(number)},
                )
                found.add(tuple(rows.one()))
                together.wait()  # both transactions are open at once
        return found

    with ThreadPoolExecutor(2) as pool:
        found = set().union(*pool.map(asks, range(2)))
    assert {one[:4] for one in found} == {("UTC", "30s", "10s", "1min")}
    assert len({one[4] for one in found}) == 2


def test_statements_are_repeated_on_connections_of_others(engine: Engine) -> None:
    """More clients than connections: a statement prepared on one of these is unknown on another."""
    connections = [engine.connect() for _ in range(6)]
    for _ in range(8):
        for number, connection in enumerate(connections):
            assert connection.scalar(text("SELECT CAST(:n AS int)"), {"n": number}) == number
            connection.commit()
    for connection in connections:
        connection.close()


def test_migrations_at_once_leave_no_lock_behind(
    url: str, engine: Engine, own_database_url: str
) -> None:
    program = "import sys; from pipeline.base.db import migrate; migrate(sys.argv[1])"
    processes = [subprocess.Popen([sys.executable, "-c", program, url + POOLED]) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    direct = db.engine_for(own_database_url)
    with direct.connect() as connection:
        locks = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert connection.scalar(locks) == 0
    direct.dispose()


def test_a_restore_is_noticed_on_a_connection_that_pgbouncer_kept(engine: Engine) -> None:
    sessions = db.sessions_for(engine)
    with sessions() as session:
        [before] = session.scalars(select(DatabaseRestore.identity))
    with sessions() as session, session.begin():
        # What pg_restore does to a table: it is made anew, with what was in it.
        session.execute(text("CREATE TABLE copied (LIKE effects INCLUDING ALL)"))
        session.execute(text("DROP TABLE effects"))
        session.execute(text("ALTER TABLE copied RENAME TO effects"))
    assert engine.pool.checkedin() == 1  # type: ignore[attr-defined]
    for _ in range(2):
        with sessions() as session:
            lives = list(
                session.scalars(select(DatabaseRestore.identity).order_by(DatabaseRestore.id))
            )
        assert lives[0] == before
        assert len(set(lives)) == len(lives) == 2


def test_the_export_is_read_through_it(engine: Engine) -> None:
    sessions = db.sessions_for(engine)
    listing = Listing(sessions)
    numbers = [f"000-0000000-{number:07}" for number in range(3)]
    for number in numbers:
        stored(sessions, an_order(raw=None, external_id=number))
    exported = [
        one.external_id
        for some in listing.read(listing.matching(Filters(everything=True)))
        for one in some
    ]
    assert sorted(exported) == numbers


def test_a_url_that_does_not_say_so_is_told(url: str) -> None:
    engine = db.engine_for(url)
    with pytest.raises(OperationalError) as refusal:
        engine.connect()
    assert db.reason(refusal.value).endswith(
        "unsupported startup parameter: options. For pgbouncer add ?pgbouncer=true to "
        "ORDERBRIDGE_DATABASE_URL"
    )


def test_doctor_tells_a_pgbouncer_that_drops_our_settings(own_database_url: str) -> None:
    """As many set it up, so that clients which send options can connect at all."""
    with temporary_home() as home, Supervisor(home) as supervisor:
        dropping = "ignore_startup_parameters = options"
        url = pgbouncer(supervisor, home, own_database_url, dropping)
        verdicts = []
        for one in (url, url + POOLED):
            engine = db.engine_for(one)
            with redis.Redis(port=1) as broker:
                found = list(examine_installation(settings(), db.sessions_for(engine), broker))
            engine.dispose()
            verdicts += [
                (str(one.verdict), one.remedy)
                for one in found
                if one.check == "connection to the database"
            ]
    assert verdicts == [("failed", "add ?pgbouncer=true to ORDERBRIDGE_DATABASE_URL"), ("ok", "")]
