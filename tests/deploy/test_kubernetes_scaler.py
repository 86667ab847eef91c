"""What KEDA asks the database, in the role that it asks as."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from devstack.paths import temporary_home
from devstack.postgres import Postgres
from devstack.supervisor import Supervisor
from pipeline.base import db
from tests.deploy import kustomize
from tests.deploy.test_kubernetes import EXAMPLE, FOLDER, of_kind

_PLAIN = {
    **dict.fromkeys(("text", "varchar"), "''"),
    **dict.fromkeys(("int2", "int4", "int8", "numeric"), "0"),
    **{
        "bool": "false",
        "jsonb": "'{}'",
        "timestamptz": "now()",
        "_text": "'{}'",
        "_varchar": "'{}'",
    },
}
PASSWORD = secrets.token_hex(12)


def queries() -> dict[str, str]:
    """The query of each worker that has one."""
    return {
        document["metadata"]["name"].removeprefix("orderbridge-worker-"): trigger["metadata"][
            "query"
        ]
        for document in of_kind(kustomize.build(EXAMPLE), "ScaledObject")
        for trigger in document["spec"]["triggers"]
        if trigger["type"] == "postgresql"
    }


@pytest.fixture(scope="module")
def urls() -> Iterator[tuple[str, str]]:
    """A migrated database: its owner's address and the scaler's."""
    with temporary_home() as home, Supervisor(home) as supervisor:
        postgres = Postgres(home)
        postgres.prepare()
        supervisor.start(postgres.command())
        postgres.wait_ready()
        postgres.create_database()
        db.migrate(postgres.url())
        owner = postgres.url().replace("+psycopg", "")
        psql = Path(postgres.command().argv[0]).with_name("psql")
        for _ in range(2):  # it may be repeated
            subprocess.run(
                [
                    psql,
                    "--no-psqlrc",
                    "--quiet",
                    "--dbname",
                    owner,
                    "--file",
                    FOLDER / "keda/scaler.sql",
                ],
                env={**os.environ, "POSTGRES_SCALER_PASSWORD": PASSWORD},
                check=True,
            )
        yield (
            owner,
            psycopg.conninfo.make_conninfo(owner, user="orderbridge_scaler", password=PASSWORD),
        )


@pytest.fixture
def scaler(urls: tuple[str, str]) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(urls[1], autocommit=True) as connection:
        yield connection


def test_it_may_read_what_it_asks_for_and_nothing_else(scaler: psycopg.Connection[Any]) -> None:
    for query in queries().values():
        assert scaler.execute(query.encode()).fetchone() == (0,)
    for refused in (
        b"SELECT external_id FROM orders",
        b"SELECT count(*) FROM order_private",
        b"UPDATE orders SET due_at = NULL",
        b"CREATE TABLE mine (id int)",
    ):
        with pytest.raises(
            (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
        ):
            scaler.execute(refused)


def test_it_tells_how_long_the_oldest_order_of_the_queue_is_due(
    urls: tuple[str, str], scaler: psycopg.Connection[Any]
) -> None:
    now = datetime.now(UTC)
    rows = [
        ("ready", "import_order", 300, "new"),
        ("running", "create_order", 90, "new"),
        ("waiting", "verify_order", -600, "new"),
        ("ready", "import_order", 5_000, "backfill"),
        ("done", "sync_tracking", 9_000, "new"),
    ]
    with psycopg.connect(urls[0], autocommit=True) as owner:
        fill(owner, now, rows)
        asked = {
            name: scaler.execute(query.encode()).fetchone() for name, query in queries().items()
        }
        owner.execute("TRUNCATE orders CASCADE")
    assert {
        name: row and 0 <= row[0] - due < 60
        for (name, row), due in zip(sorted(asked.items()), (300, 90), strict=True)
    } == {"amazon": True, "magento": True}


def test_it_uses_the_index_of_due_orders(urls: tuple[str, str]) -> None:
    with psycopg.connect(urls[0], autocommit=True) as owner:
        rows = [("ready", "import_order", -600, "new")] * 50
        fill(owner, datetime.now(UTC), rows + [("done", "sync_tracking", 60, "new")] * 2_000)
        owner.execute("ANALYZE orders")
        for query in queries().values():
            plan = "\n".join(row[0] for row in owner.execute(f"EXPLAIN {query}".encode()))
            assert "orders_due" in plan
            assert "Seq Scan" not in plan
        owner.execute("TRUNCATE orders CASCADE")


def fill(
    owner: psycopg.Connection[Any], now: datetime, rows: list[tuple[str, str, int, str]]
) -> None:
    """Put orders in: status, step, the seconds for which they are due, and lane."""
    required = {
        name: _PLAIN[kind]
        for name, kind in owner.execute(
            "SELECT column_name, udt_name FROM information_schema.columns"
            " WHERE table_name = 'orders' AND is_nullable = 'NO' AND column_default IS NULL"
            " AND is_identity = 'NO'"
        )
    }
    given = ("account", "external_id", "status", "step", "due_at", "lane")
    others = [name for name in required if name not in given]
    names = ", ".join((*given, *others))
    values = ", ".join(required[name] for name in others)
    with owner.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO orders ({names}) VALUES ('eu', %s, %s, %s, %s, %s, {values})".encode(),  # noqa: S608
            [
                (f"302-{number:07}-0000000", status, step, now - timedelta(seconds=due_s), lane)
                for number, (status, step, due_s, lane) in enumerate(rows)
            ],
        )
