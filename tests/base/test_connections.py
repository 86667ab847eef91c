"""Connections that broke while idle are replaced, and whole ones are not tested by statements."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from pipeline.base import db
from pipeline.base.at_once import at_once
from pipeline.base.db import Sessions

ONE = "SELECT 1"


@pytest.fixture
def own(database_url: str) -> Iterator[Sessions]:
    """An engine of the test's own, whose pool has a single connection."""
    engine = db.engine_for(database_url, 1)
    yield db.sessions_for(engine)
    engine.dispose()


def backend(sessions: Sessions) -> int:
    [(number,)] = at_once(sessions, "SELECT pg_backend_pid()", {})
    return int(number)


def noted(sessions: Sessions) -> list[str]:
    """Every statement on the connections that are opened from now on."""
    with sessions() as session:
        engine = session.get_bind().engine
    statements: list[str] = []

    class Noting(psycopg.Cursor[Any]):
        def execute(self, query: Any, *more: Any, **options: Any) -> Any:
            statements.append(str(query))
            return super().execute(query, *more, **options)

    def watch(connection: psycopg.Connection[Any], *_: object) -> None:
        connection.cursor_factory = Noting

    engine.dispose()
    event.listen(engine, "checkout", watch)
    return statements


def test_a_connection_that_its_server_ended_is_replaced(own: Sessions, sessions: Sessions) -> None:
    first = backend(own)
    at_once(sessions, "SELECT pg_terminate_backend(%(pid)s, 5000)", {"pid": first})
    assert backend(own) != first
    with own() as session:
        assert session.scalar(text(ONE)) == 1


def test_a_connection_in_use_is_not_tested_by_a_statement(own: Sessions) -> None:
    statements = noted(own)
    assert len({backend(own) for _ in range(5)}) == 1
    assert statements == ["SELECT pg_backend_pid()"] * 5
    with own() as session:
        session.scalar(text(ONE))
    statements.clear()
    with own() as session:
        session.scalar(text(ONE))
    assert statements == [ONE]


def test_a_process_with_many_open_files_uses_its_connections(
    database_url: str, sessions: Sessions
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    files = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while files[-1] < 1100:
            files.append(os.dup(files[0]))
        engine = db.engine_for(database_url, 2)
        several = db.sessions_for(engine)
        assert [at_once(several, ONE, {}) for _ in range(3)] == [[(1,)]] * 3
        engine.dispose()
    finally:
        for file in files:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_error_is_a_sessions_error_and_leaves_the_connection_clean(own: Sessions) -> None:
    first = backend(own)
    with pytest.raises(DBAPIError) as wrong:
        at_once(own, "SELECT nothing_of_that_name", {"secret": "Anna Beispiel"})
    assert "Beispiel" not in str(wrong.value)
    twice = "INSERT INTO database_restores (identity, noticed_at) SELECT %(x)s, NULL RETURNING id"
    with pytest.raises(IntegrityError):
        at_once(own, twice, {"x": "a"})
    assert backend(own) == first
    with own() as session, session.begin():
        assert session.scalar(text("SELECT pg_current_xact_id_if_assigned()")) is None


def test_a_server_that_is_away_is_an_operational_error() -> None:
    engine = db.engine_for("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    with pytest.raises(OperationalError):
        at_once(db.sessions_for(engine), ONE, {})
