"""A broker with TLS: Celery and our own clients verify its certificate in the same way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from devstack.paths import temporary_home
from devstack.supervisor import Supervisor
from pipeline.base.broker import broker_at
from pipeline.base.lease import Leases
from pipeline.base.quota import Lane, Plan, Quota, calls_left
from pipeline.settings.file import ConfigError, load
from tests.servers import celery_runs, certificates
from tests.servers.certificates import Certificates
from tests.servers.programs import debians
from tests.servers.redis_servers import PASSWORD, Redis


@dataclass(frozen=True)
class Broker:
    """Debian's Redis, which answers with TLS only."""

    server: Redis
    files: Certificates

    def url(self, scheme: str = "rediss", host: str = "localhost") -> str:
        return f"{scheme}://:{PASSWORD}@{host}:{self.server.port}/0"

    def queued(self) -> int:
        with self.server.client(**self.options) as client:
            return int(client.llen(celery_runs.QUEUE))

    @property
    def options(self) -> dict[str, object]:
        return {"password": PASSWORD, "ssl": True, "ssl_ca_certs": str(self.files.authority)}


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    program = debians("redis-server", "redis-server")
    with temporary_home() as home, Supervisor(home) as supervisor:
        made = Broker(Redis(supervisor, home, "redis", program), certificates.make(home))
        made.server.start(
            f"tls-cert-file {made.files.certificate}",
            f"tls-key-file {made.files.key}",
            f"tls-ca-cert-file {made.files.authority}",
            "tls-auth-clients no",
            f"requirepass {PASSWORD}",
            tls=True,
        )
        made.server.until_ready(**made.options)
        yield made


@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
def test_lease_and_quota_go_through_it(broker: Broker, scheme: str) -> None:
    with broker_at(broker.url(scheme), str(broker.files.authority)).client() as client:
        with Leases(client, 30).hold("order-1", "task-1") as is_ours:
            assert is_ours
        quota, plan = Quota(client, scheme), Plan("getOrder", 0.001, 2)
        quota.take(plan, Lane.CONFIRM)
        assert calls_left(client, [(scheme, plan)])[0] < 1.1


@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
def test_celery_publishes_through_it(broker: Broker, scheme: str, tmp_path: Path) -> None:
    before = broker.queued()
    environment = celery_runs.variables(tmp_path, broker.url(scheme), broker.files.authority)
    done = celery_runs.publish(environment)
    assert (done.returncode, broker.queued()) == (0, before + 1), done.stderr


@pytest.mark.parametrize("trusted", ["stranger", None])
def test_a_certificate_of_another_authority_is_refused(
    broker: Broker, trusted: str | None, tmp_path: Path
) -> None:
    file = None if trusted is None else getattr(broker.files, trusted)
    refused_by_all(broker, broker.url(), file, "certificate verify failed", tmp_path)


def test_a_certificate_of_another_host_is_refused(broker: Broker, tmp_path: Path) -> None:
    # 127.0.0.2 is this machine too, but the certificate does not name it.
    with broker.server.client(**broker.options) as client:
        client.config_set("bind", "127.0.0.1 127.0.0.2")
    url = broker.url(host="127.0.0.2")
    refused_by_all(broker, url, broker.files.authority, "IP address mismatch", tmp_path)


def refused_by_all(
    broker: Broker, url: str, ca_file: Path | None, reason: str, folder: Path
) -> None:
    """Neither our own client nor Celery sends anything, and both say why."""
    before = broker.queued()
    at = broker_at(url, None if ca_file is None else str(ca_file))
    with at.client() as client, pytest.raises(redis.ConnectionError, match=reason):
        client.ping()
    done = celery_runs.publish(celery_runs.variables(folder, url, ca_file))
    assert done.returncode != 0
    assert reason in done.stderr
    assert broker.queued() == before


def test_a_ca_file_that_is_none_is_told_at_the_start(broker: Broker, tmp_path: Path) -> None:
    for wrong, what in ((tmp_path / "none.pem", "No such file"), (broker.files.key, "PEM")):
        environment = celery_runs.variables(tmp_path, broker.url(), wrong)
        with pytest.raises(ConfigError, match=f"redis.ca_file: .*{wrong} must be .*{what}"):
            load(environment)


def test_a_relative_ca_file_is_beside_the_configuration(broker: Broker, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(broker.files.authority.read_bytes())
    environment = celery_runs.variables(tmp_path, broker.url(), Path("ca.pem"))
    assert load(environment).broker.ca_file == str(tmp_path / "ca.pem")
