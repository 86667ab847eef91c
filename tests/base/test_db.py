"""The schema: models and migrations say the same, both ways, however often they are run at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError

from pipeline.base import db
from pipeline.orders.tables import Order
from tests.builders import NOW, a_shipment, an_item, an_order, stored
from tests.conftest import Servers
from tests.tables import METADATA


@pytest.fixture
def bare_url(servers: Servers, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with nothing in it."""
    name = f"orderbridge_bare_{abs(hash(request.node.nodeid))}"
    url = make_url(servers.database_url)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    yield url.set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def bare(bare_url: str) -> Iterator[Engine]:
    engine = create_engine(bare_url)
    yield engine
    engine.dispose()


def differences(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, METADATA))


def conditions(engine: Engine) -> set[str]:
    """What an index or a check asks for, which the comparison does not look at."""
    with engine.connect() as connection:
        definitions = connection.execute(
            text(
                "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' UNION"
                " SELECT conrelid::regclass || conname || pg_get_constraintdef(oid)"
                " FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
            )
        )
        return {row[0] for row in definitions if "alembic_version" not in row[0]}


def test_models_and_migrations_say_the_same(bare_url: str, bare: Engine) -> None:
    db.migrate(bare_url)
    assert differences(bare) == []
    migrated = conditions(bare)
    command.downgrade(db.alembic_config(bare_url), "base")
    METADATA.create_all(bare)
    assert conditions(bare) == migrated


def test_down_to_nothing_and_up_again(bare_url: str, bare: Engine) -> None:
    db.migrate(bare_url)
    command.downgrade(db.alembic_config(bare_url), "base")
    assert inspect(bare).get_table_names() == ["alembic_version"]
    db.migrate(bare_url)
    assert differences(bare) == []


def test_migrating_again_changes_nothing(bare_url: str, bare: Engine) -> None:
    for _ in range(2):
        db.migrate(bare_url)
    assert differences(bare) == []


def test_two_migrations_at_once_both_end_well(bare_url: str, bare: Engine) -> None:
    program = "import sys; from pipeline.base.db import migrate; migrate(sys.stdin.read())"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    # Both wait here, whoever starts first, until the way is free.
    with bare.connect() as gate:
        gate.execute(text("SELECT pg_advisory_lock(7204251906)"))
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(bare_url)
            process.stdin.close()
        waiting = text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        while gate.scalar(waiting) != 2:
            assert [process.poll() for process in processes] == [None, None]
        gate.execute(text("SELECT pg_advisory_unlock_all()"))
        gate.commit()
    for process in processes:
        assert process.stderr is not None
        errors = process.stderr.read()
        process.stderr.close()
        assert (process.wait(), errors) == (0, "")
    assert differences(bare) == []


def test_nothing_of_an_order_is_left_when_it_goes(sessions: db.Sessions) -> None:
    order_id = stored(sessions, an_order(raw=None, items=[an_item()], shipments=[a_shipment()]))
    with sessions() as session, session.begin():
        session.execute(text("DELETE FROM orders WHERE id = :id"), {"id": order_id})
        for table in ("order_items", "shipments", "shipment_items"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0  # noqa: S608


def test_an_order_is_kept_once(sessions: db.Sessions) -> None:
    stored(sessions, an_order(external_id="028-1"))
    with pytest.raises(IntegrityError):
        stored(sessions, an_order(external_id="028-1"))


def test_a_held_order_needs_a_code(sessions: db.Sessions) -> None:
    with pytest.raises(IntegrityError, match="held_has_a_code"):
        stored(sessions, an_order(status="held"))


def test_times_come_back_in_utc(sessions: db.Sessions) -> None:
    order_id = stored(sessions, an_order(due_at=NOW))
    with sessions() as session:
        due_at = session.scalars(select(Order.due_at).where(Order.id == order_id)).one()
    assert due_at == NOW
    assert due_at is not None
    assert due_at.tzname() == "UTC"


def test_an_errors_text_does_not_quote_the_row(sessions: db.Sessions) -> None:
    canary = "berta@marketplace.example"
    with sessions() as session, pytest.raises(DBAPIError) as caught:
        session.execute(text("SELECT 1 / 0 WHERE :given <> ''"), {"given": canary})
    assert canary not in str(caught.value)


def test_a_statement_does_not_block_for_ever(sessions: db.Sessions) -> None:
    with sessions() as session:
        shown = [
            session.scalar(text(f"SHOW {name}"))
            for name in ("statement_timeout", "lock_timeout", "TimeZone", "application_name")
        ]
    assert shown == ["30s", "10s", "UTC", "orderbridge"]
