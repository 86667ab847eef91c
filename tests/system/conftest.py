"""One rig for all system tests; each begins with it empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstack.paths import temporary_home
from devstack.supervisor import Supervisor
from tests.system.remotes import Remotes
from tests.system.rig import Rig


@pytest.fixture(scope="session")
def running() -> Iterator[Rig]:
    with temporary_home() as home, Supervisor(home) as supervisor:
        rig = Rig(home, supervisor)
        rig.start()
        yield rig
        rig.stop_workers()


@pytest.fixture
def remotes(running: Rig) -> Remotes:
    """The remotes, empty; workers run and know no order."""
    return running.fresh()


@pytest.fixture
def rig(running: Rig, remotes: Remotes) -> Rig:
    """The rig, as `remotes` left it."""
    return running
