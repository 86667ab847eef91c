"""A Redis Cluster is refused: by a worker and beat at their start, and by `orderbridge doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.paths import temporary_home
from devstack.stack import worker_arguments
from devstack.supervisor import Supervisor
from pipeline.base.broker import NO_CLUSTER
from pipeline.base.db import Sessions
from pipeline.monitoring.doctor import examine_installation
from tests.builders import settings
from tests.servers import celery_runs
from tests.servers.redis_servers import Redis, valkey


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A node of a cluster, under a URL that does not show it."""
    with temporary_home() as home, Supervisor(home) as supervisor:
        node = Redis(supervisor, home, "node", valkey())
        node.start("cluster-enabled yes")
        node.until_ready()
        yield f"redis://127.0.0.1:{node.port}/0"


@pytest.mark.parametrize("service", ["worker", "beat"])
def test_worker_and_beat_do_not_start(url: str, service: str, tmp_path: Path) -> None:
    beat = ("-m", "celery", "-A", "tasks.app", "beat", "--schedule", str(tmp_path / "schedule"))
    words = worker_arguments("worker", 1) if service == "worker" else beat
    done = celery_runs.run(celery_runs.variables(tmp_path, url), *words)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == f"Error: ORDERBRIDGE_REDIS_URL: {NO_CLUSTER}"


def test_doctor_tells_it(url: str, sessions: Sessions) -> None:
    given = settings(redis_url=url)
    with given.broker.client() as client:
        found = {one.check: one for one in examine_installation(given, sessions, client)}
    assert (str(found["broker"].verdict), found["broker"].sentence) == ("failed", NO_CLUSTER)
