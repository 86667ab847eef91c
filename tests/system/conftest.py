"""One rig for the system tests of a process; each begins with it empty."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy.engine import make_url

from devstack.paths import temporary_home
from devstack.supervisor import Supervisor
from pipeline.base import db
from tests.conftest import Servers
from tests.system.matrix_world import World, a_world
from tests.system.remotes import Remotes
from tests.system.rig import Rig


@pytest.fixture(scope="session")
def stack() -> Iterator[Rig]:
    """The servers and both stand-ins, started once a process."""
    with temporary_home() as home, Supervisor(home) as supervisor:
        rig = Rig(home, supervisor)
        rig.start()
        yield rig
        rig.close()


@pytest.fixture(scope="module")
def running(stack: Rig) -> Iterator[Rig]:
    """The whole stack. Beat and workers go with the module, to take no time from other tests."""
    stack.start_beat()
    yield stack
    stack.rest()


@pytest.fixture
def remotes(running: Rig) -> Remotes:
    """The remotes, empty; workers run and know no order."""
    return running.fresh()


@pytest.fixture
def rig(running: Rig, remotes: Remotes) -> Rig:
    """The rig, as `remotes` left it."""
    return running


@pytest.fixture(scope="module")
def world(
    servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Both remotes and a database of the module's own, for workers that are run by hand."""
    name = f"orderbridge_world_{os.getpid()}"
    url = make_url(servers.database_url)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
    own = url.set(database=name).render_as_string(hide_password=False)
    engine = db.engine_for(own)
    folder = tmp_path_factory.mktemp("world")
    with a_world(folder, db.sessions_for(engine), own, servers.redis_url) as made:
        yield made
    engine.dispose()
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
