"""`orderbridge migrate`: what it needs, and its check of the tables' version."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import create_engine, inspect, pool, text
from sqlalchemy.engine import make_url

from pipeline.base import db
from tests.cli.conftest import Run, environment, runner
from tests.conftest import Servers


@pytest.fixture
def fresh_url(servers: Servers) -> Iterator[str]:
    """The address of a database that is not there yet."""
    name = f"orderbridge_cli_{uuid4().hex[:12]}"
    url = make_url(servers.database_url).set(database=name)
    yield url.render_as_string(hide_password=False)
    _execute(servers.database_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _create(url: str) -> None:
    target = make_url(url)
    _execute(
        target.set(database="postgres").render_as_string(hide_password=False),
        f'CREATE DATABASE "{target.database}"',
    )


def _execute(url: str, statement: str) -> None:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(statement.encode())


def _tables(url: str) -> set[str]:
    engine = create_engine(url, poolclass=pool.NullPool)
    return set(inspect(engine).get_table_names())


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "these environment variables have to be set: ORDERBRIDGE_DATABASE_URL"),
        ("hidden", "ORDERBRIDGE_DATABASE_URL must look like"),
        ("mysql://hidden@x/y", "ORDERBRIDGE_DATABASE_URL must look like"),
    ],
)
def test_a_migration_without_a_database_is_one_sentence(
    without_database: Run, url: str, sentence: str
) -> None:
    result = without_database("migrate", ORDERBRIDGE_DATABASE_URL=url)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: {sentence}")
    assert result.stderr.count("\n") == 1
    assert "hidden" not in result.stderr


def test_a_migration_needs_the_database_and_no_other_setting(fresh_url: str) -> None:
    _create(fresh_url)
    result = runner({"ORDERBRIDGE_DATABASE_URL": fresh_url})("migrate")
    assert (result.exit_code, result.stdout) == (0, "The database is up to date.\n")


def test_a_check_waits_for_the_tables_and_changes_nothing(fresh_url: str) -> None:
    _create(fresh_url)
    orderbridge = runner({"ORDERBRIDGE_DATABASE_URL": fresh_url})
    result = orderbridge("migrate", "--check", "--wait", "0")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith("run orderbridge migrate\n")
    assert _tables(fresh_url) == set()
    late = threading.Timer(1, db.migrate, [fresh_url])
    late.start()
    result = orderbridge("migrate", "--check")
    late.join()
    assert (result.exit_code, result.stdout) == (0, "The database is up to date.\n")


@pytest.mark.parametrize(("revision", "status"), [("0015", 1), ("9999_of_the_next_version", 0)])
def test_a_check_takes_newer_tables_and_refuses_older_ones(
    fresh_url: str, revision: str, status: int
) -> None:
    """A worker of the last version that starts again after the next one's migration goes on."""
    _create(fresh_url)
    db.migrate(fresh_url)
    engine = create_engine(fresh_url, poolclass=pool.NullPool)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
    result = runner({"ORDERBRIDGE_DATABASE_URL": fresh_url})("migrate", "--check", "--wait", "0")
    assert result.exit_code == status


def test_migrate_makes_the_tables_and_may_be_repeated(tmp_path: Path, fresh_url: str) -> None:
    _create(fresh_url)
    orderbridge = runner(environment(tmp_path, fresh_url))
    for _ in range(2):
        result = orderbridge("migrate")
        assert (result.exit_code, result.stdout) == (0, "The database is up to date.\n")
    assert {"orders", "attempts", "alembic_version"} <= _tables(fresh_url)


def test_migrate_waits_for_the_database(tmp_path: Path, fresh_url: str) -> None:
    late = threading.Timer(1, _create, [fresh_url])
    late.start()
    result = runner(environment(tmp_path, fresh_url))("migrate")
    late.join()
    assert (result.exit_code, result.stderr) == (0, "")
    assert "orders" in _tables(fresh_url)
