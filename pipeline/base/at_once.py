"""Statements that commit by themselves, for what every step of every order asks of the database.

Between these and the driver lies nothing: a session would add two round trips and four times the
driver's CPU. Their connections belong to no pool, whose bookkeeping would cost as much as the
statement: each thread takes the one that was used last, and a process has at most as many as it
has threads, beside those of its pool.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import sessionmaker

from pipeline.base import transaction_pooling
from pipeline.base.clock import elapsed
from pipeline.base.db import Sessions, may_be_lost

Row = tuple[Any, ...]

SOON_ON_DISK = "set_config('synchronous_commit', 'off', true)"
"""A column with which a statement does not wait for the disk, as all others do.

If the server crashes, it loses such a statement together with all that was committed since, and
nothing that was committed before a statement that waited. So it is for what a later run does again.
"""


def at_once(sessions: Sessions, statement: str, values: Mapping[str, Any]) -> list[Row]:
    """Run a statement that commits by itself, and return its rows; it must return rows.

    Behind pgbouncer it is a transaction of a session, which sets what a connection does not keep
    there. Raises the errors of a session.
    """
    engine = _engine_of(sessions)
    if transaction_pooling.is_installed(engine):
        with engine.begin() as transaction:
            return [tuple(row) for row in transaction.exec_driver_sql(statement, values)]
    idle = _idle_of(engine)
    try:
        connection = _taken(engine, idle)
    except psycopg.Error as error:
        raise _as_of_a_session(error, engine, statement, is_lost=True) from error
    is_whole = False
    try:
        rows: list[Row] = connection.execute(statement, values).fetchall()
        is_whole = True
    except psycopg.Error as error:
        is_whole = not (connection.closed or connection.broken)
        raise _as_of_a_session(error, engine, statement, is_lost=not is_whole) from error
    finally:
        # A statement that a signal interrupted may still be running: its connection goes.
        if is_whole:
            idle.append((connection, elapsed()))
        else:
            connection.close()
    return rows


_Idle = deque[tuple[Any, float]]
"""Connections that commit each statement, and when each was used last; the latest at the end."""
_idle: WeakKeyDictionary[Engine, _Idle] = WeakKeyDictionary()


def _idle_of(engine: Engine) -> _Idle:
    idle = _idle.get(engine)
    if idle is None:
        idle = _idle.setdefault(engine, deque())
        event.listen(engine, "engine_disposed", lambda _: _close(idle))
    return idle


def _close(idle: _Idle) -> None:
    while idle:
        connection, _ = idle.pop()
        connection.close()


def _taken(engine: Engine, idle: _Idle) -> Any:
    while True:
        try:
            connection, used_at = idle.pop()
        except IndexError:
            return _opened(engine)
        if not may_be_lost(connection, used_at):
            return connection
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error:
            connection.close()
        else:
            return connection


def _opened(engine: Engine) -> Any:
    pooled = engine.raw_connection()
    connection: Any = pooled.driver_connection
    pooled.detach()
    connection.autocommit = True
    return connection


def _engine_of(sessions: Sessions) -> Engine:
    if isinstance(sessions, sessionmaker) and isinstance(engine := sessions.kw["bind"], Engine):
        return engine
    with sessions() as session:
        return session.get_bind().engine


def _as_of_a_session(
    error: psycopg.Error, engine: Engine, statement: str, *, is_lost: bool
) -> BaseException:
    return DBAPIError.instance(
        statement,
        None,
        error,
        psycopg.Error,
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=engine.dialect,
    )
