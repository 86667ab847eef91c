from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.broker import Broker
from devstack.paths import temporary_home
from devstack.postgres import Postgres
from devstack.supervisor import Supervisor


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    running = Supervisor(tmp_path / "home")
    yield running
    running.stop_all()


@pytest.fixture(scope="session")
def stack() -> Iterator[tuple[Supervisor, Postgres, Broker]]:
    """Both servers, started once; the tests may kill them."""
    with temporary_home() as home:
        supervisor = Supervisor(home)
        postgres, broker = Postgres(home), Broker(home)
        try:
            for server in (postgres, broker):
                server.prepare()
                supervisor.start(server.command())
            for server in (postgres, broker):
                server.wait_ready()
            yield supervisor, postgres, broker
        finally:
            supervisor.stop_all()
