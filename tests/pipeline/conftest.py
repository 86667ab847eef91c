"""One database for all tests of the core, emptied before each: a copy for each takes far longer."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import delete
from sqlalchemy.engine import make_url

from pipeline import db
from pipeline.models import Base
from tests.conftest import Servers
from tests.lives import remembers_everything


@pytest.fixture(scope="session")
def _core_database(servers: Servers) -> Iterator[str]:
    name = f"orderbridge_core_{os.getpid()}"
    url = make_url(servers.database_url)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    own = url.set(database=name).render_as_string(hide_password=False)
    db.migrate(own)
    remembers_everything(own)
    yield own
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture(scope="session")
def _core_sessions(_core_database: str) -> Iterator[db.Sessions]:
    engine = db.engine_for(_core_database)
    yield db.sessions_for(engine)
    engine.dispose()


@pytest.fixture
def sessions(_core_sessions: db.Sessions) -> db.Sessions:
    """Sessions on an empty database."""
    empty(_core_sessions)
    return _core_sessions


def empty(sessions: db.Sessions) -> None:
    """Take every row out of every table, but for the database's memory of its own past: without it
    the next connection would take the database for one that was restored just now.
    """
    with sessions() as session, session.begin():
        for table in reversed(Base.metadata.sorted_tables):
            if table.name != "database_lives":
                session.execute(delete(table))
