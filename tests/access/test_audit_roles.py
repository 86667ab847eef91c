"""The security log under the roles of deploy/postgres/roles.sql, in a database of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.engine import make_url

from devstack.place import find_place
from pipeline.access.audit import verify
from pipeline.access.people import People
from pipeline.base import db
from pipeline.settings.roles import Role
from tests.builders import signed
from tests.cli.conftest import environment, runner
from tests.conftest import Servers

ROLES = Path(__file__).parents[2] / "deploy" / "postgres" / "roles.sql"
PASSWORDS = {"POSTGRES_OWNER_PASSWORD": "ownersword", "POSTGRES_APP_PASSWORD": "appsword"}


def plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def make_the_roles(url: str, folder: Path) -> None:
    psql = find_place(folder).binaries / "psql"
    subprocess.run(
        [psql, "--no-psqlrc", "--quiet", "--dbname", plain(url), "--file", ROLES],
        env={**os.environ, **PASSWORDS},
        check=True,
    )


@pytest.fixture(params=["roles first", "tables first", "roles again"])
def urls(
    servers: Servers, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """The URLs of both roles, whichever came first: the roles or the tables."""
    name = f"orderbridge_roles_{os.getpid()}"
    server = make_url(servers.database_url)
    with psycopg.connect(plain(servers.database_url), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        own = server.set(database=name).render_as_string(hide_password=False)
        by_role = {
            role: server.set(
                database=name, username=f"orderbridge_{role}", password=f"{role}sword"
            ).render_as_string(hide_password=False)
            for role in ("owner", "app")
        }
        if request.param == "tables first":
            db.migrate(own)
        make_the_roles(own, tmp_path)
        if request.param != "tables first":
            db.migrate(by_role["owner"])
        if request.param == "roles again":
            make_the_roles(own, tmp_path)
        yield by_role
        for url in by_role.values():
            db.engine_for(url).dispose()
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE security_log SET person = 'eve'",
        "DELETE FROM security_log",
        "TRUNCATE security_log",
        "ALTER TABLE security_log DISABLE TRIGGER security_log_is_append_only",
        "DROP TRIGGER security_log_is_append_only ON security_log",
        "SET session_replication_role = replica",
    ],
)
def test_the_application_adds_rows_and_changes_none(urls: dict[str, str], statement: str) -> None:
    sessions = db.sessions_for(db.engine_for(urls["app"]))
    People(sessions).add("bert", Role.VIEWER, "four words of mine", signed())
    with psycopg.connect(plain(urls["app"])) as connection:
        assert connection.execute("SELECT action FROM security_log").fetchall() == [
            ("person added",)
        ]
        with pytest.raises(errors.InsufficientPrivilege) as refused:
            connection.execute(statement.encode())
        # The rights refuse it, before the trigger would.
        assert "never changed" not in str(refused.value)


def test_only_the_owner_prunes(urls: dict[str, str], tmp_path: Path) -> None:
    prune = ("audit", "prune")
    app = runner(environment(tmp_path, urls["app"]))(*prune)
    assert (app.exit_code, app.stdout) == (2, "")
    assert "only the owner of the tables may prune" in app.stderr
    owner = runner(environment(tmp_path, urls["owner"]))(*prune)
    assert (owner.exit_code, owner.stdout) == (1, "0 rows older than 400 days deleted.\n")


@pytest.mark.parametrize("urls", ["roles first"], indirect=True)
def test_a_restored_log_is_whole_and_still_not_changed(
    urls: dict[str, str], servers: Servers, tmp_path: Path
) -> None:
    sessions = db.sessions_for(db.engine_for(urls["app"]))
    People(sessions).add("bert", Role.VIEWER, "four words of mine", signed())
    head = verify(sessions).head
    owner, dump = plain(urls["owner"]), tmp_path / "dump"
    tools = find_place(tmp_path).binaries
    for command in (
        ("pg_dump", "--format=custom", "--file", dump, owner),
        ("pg_restore", "--clean", "--if-exists", "--no-owner", "--dbname", owner, dump),
    ):
        db.engine_for(urls["app"]).dispose()
        subprocess.run([tools / command[0], *command[1:]], check=True)
    assert verify(sessions, [head]).broken == ""
    change = b"UPDATE security_log SET person = 'eve'"
    app = plain(urls["app"])
    with psycopg.connect(app) as session, pytest.raises(errors.InsufficientPrivilege):
        session.execute(change)
    database = make_url(urls["app"]).database
    own = make_url(servers.database_url).set(database=database)
    make_the_roles(own.render_as_string(hide_password=False), tmp_path)
    with psycopg.connect(app) as session, pytest.raises(errors.InsufficientPrivilege) as refused:
        session.execute(change)
    assert "permission denied" in str(refused.value)
