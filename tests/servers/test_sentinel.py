"""A server with a replica and a Sentinel: everything finds the new server after a failover."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from devstack.paths import PROJECT, temporary_home
from devstack.stack import worker_arguments
from devstack.supervisor import Process, Supervisor
from pipeline.base.broker import Broker, broker_at
from pipeline.base.lease import Leases
from pipeline.base.quota import Lane, Plan, Quota, calls_left
from tests.devstack.waiting import until
from tests.servers import celery_runs
from tests.servers.redis_servers import PASSWORD, Redis, valkey

NAME, SENTINEL_PASSWORD = "orders", "password-of-the-sentinel"


@dataclass(frozen=True)
class Watched:
    """The servers, and the URL by which Orderbridge knows them."""

    supervisor: Supervisor
    first: Redis
    second: Redis
    sentinel: Redis

    @property
    def url(self) -> str:
        """The first Sentinel it names is away, as one of several may be."""
        hosts = f"127.0.0.1:1,127.0.0.1:{self.sentinel.port}"
        return f"sentinel://:{PASSWORD}@{hosts}/{NAME}/0"

    @property
    def broker(self) -> Broker:
        return broker_at(self.url, None, SENTINEL_PASSWORD)

    def master_port(self) -> int:
        with self.sentinel.client(password=SENTINEL_PASSWORD) as client:
            found = client.sentinel_get_master_addr_by_name(NAME)
            assert isinstance(found, tuple)
            return int(found[1])

    def fail_over(self) -> None:
        """End the first server for good."""
        self.supervisor.stop(self.first.name)
        until(lambda: self.master_port() == self.second.port, "the replica is promoted")


@pytest.fixture
def watched() -> Iterator[Watched]:
    with temporary_home() as home, Supervisor(home) as supervisor:
        first, second, sentinel = (
            Redis(supervisor, home, name, valkey()) for name in ("first", "second", "sentinel")
        )
        login = (f"requirepass {PASSWORD}", f"primaryauth {PASSWORD}")
        first.start(*login)
        second.start(*login, f"replicaof 127.0.0.1 {first.port}", "repl-diskless-sync-delay 0")
        for server in (first, second):
            server.until_ready(password=PASSWORD)
        with second.client(password=PASSWORD) as client:
            until(lambda: client.info("replication")["master_link_status"] == "up", "a replica")
        sentinel.start(
            f"requirepass {SENTINEL_PASSWORD}",
            f"sentinel monitor {NAME} 127.0.0.1 {first.port} 1",
            f"sentinel auth-pass {NAME} {PASSWORD}",
            f"sentinel down-after-milliseconds {NAME} 500",
            f"sentinel failover-timeout {NAME} 2000",
            is_sentinel=True,
        )
        sentinel.until_ready(password=SENTINEL_PASSWORD)
        with sentinel.client(password=SENTINEL_PASSWORD) as client:
            until(lambda: len(client.sentinel_slaves(NAME)) == 1, "the Sentinel knows the replica")
        yield Watched(supervisor, first, second, sentinel)


def answers(client: redis.Redis) -> bool:
    """Whether it does; for a moment after a promotion the Sentinel still names no server."""
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def test_lease_and_quota_go_on_after_a_failover(watched: Watched) -> None:
    plan = Plan("getOrder", 0.001, 2)
    with watched.broker.client() as client:
        leases, quota = Leases(client, 30), Quota(client, "eu")
        for _ in range(2):
            with leases.hold("order-1", "task-1") as is_ours:
                assert is_ours
            quota.take(plan, Lane.CONFIRM)
            port = client.connection_pool.get_master_address()[1]
            assert port == watched.master_port()
            if port == watched.first.port:
                watched.fail_over()
                until(lambda: answers(client), "the client follows")
        assert calls_left(client, [("eu", plan)])[0] < 2
        assert port == watched.second.port


def test_a_worker_goes_on_after_a_failover(watched: Watched, tmp_path: Path) -> None:
    environment = celery_runs.variables(
        tmp_path, watched.url, ORDERBRIDGE_REDIS_SENTINEL_PASSWORD=SENTINEL_PASSWORD
    )
    worker = Process(
        "worker", (sys.executable, *worker_arguments("worker", 2)), environment, PROJECT
    )
    watched.supervisor.start(worker)
    log = watched.sentinel.home / "logs" / "worker.log"
    for number, server in enumerate((watched.first, watched.second), 1):
        done = celery_runs.publish(environment)
        assert done.returncode == 0, done.stderr
        # The worker says so of each message whose task it does not know.
        until(lambda: log.read_text().count("message.rejected") == number, "a message arrives")  # noqa: B023
        with server.client(password=PASSWORD) as client:
            until(lambda: client.zcard("orderbridge:unacked_index") == 0, "it is acknowledged")
            assert client.llen(celery_runs.QUEUE) == 0
        if server is watched.first:
            watched.fail_over()
    assert watched.supervisor.restarts("worker") == 0
    assert PASSWORD not in log.read_text()


def test_a_wrong_name_and_a_wrong_password_are_told(watched: Watched) -> None:
    for url, password in (
        (watched.url.replace(f"/{NAME}/", "/nobody/"), SENTINEL_PASSWORD),
        (watched.url, "wrong"),
    ):
        with broker_at(url, None, password).client() as client, pytest.raises(redis.RedisError):
            client.ping()
