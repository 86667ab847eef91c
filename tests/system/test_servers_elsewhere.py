"""The whole stack as on several machines: pgbouncer before PostgreSQL, and Redis with TLS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstack.paths import temporary_home
from devstack.supervisor import Supervisor
from tests.servers import certificates
from tests.servers.postgres_servers import pgbouncer
from tests.servers.programs import debians
from tests.servers.redis_servers import PASSWORD, Redis
from tests.system.rig import TIME_LIMIT_S, Rig

pytestmark = pytest.mark.timeout(TIME_LIMIT_S)

ORDERS = 12
POOL_SIZE = 2  # for 16 threads: a transaction that needed a second one would wait for ever


@pytest.fixture(scope="module")
def running() -> Iterator[Rig]:
    """A whole stack with servers of Debian's between and beside it."""
    program = debians("redis-server", "redis-server")
    with temporary_home() as home, Supervisor(home) as supervisor:

        def between(rig: Rig) -> dict[str, str]:
            files = certificates.make(home)
            server = Redis(supervisor, home, "redis", program)
            server.start(
                f"tls-cert-file {files.certificate}",
                f"tls-key-file {files.key}",
                "tls-auth-clients no",
                f"requirepass {PASSWORD}",
                tls=True,
            )
            server.until_ready(password=PASSWORD, ssl=True, ssl_ca_certs=str(files.authority))
            with (home / "orderbridge.toml").open("a", encoding="utf-8") as file:
                file.write(f'\n[redis]\nca_file = "{files.authority}"\n')
            pooled = pgbouncer(supervisor, home, rig.postgres.url(), pool_size=POOL_SIZE)
            return {
                "ORDERBRIDGE_DATABASE_URL": f"{pooled}?pgbouncer=true",
                "ORDERBRIDGE_REDIS_URL": f"rediss://:{PASSWORD}@localhost:{server.port}/0",
            }

        rig = Rig(home, supervisor)
        rig.start(between)
        rig.start_beat()
        yield rig
        rig.stop_workers()
        rig.close()


def test_orders_go_to_the_end_through_them(running: Rig) -> None:
    remotes = running.fresh()
    placed = remotes.place_many(ORDERS)
    running.until(lambda: running.standing("ship_order", "waiting") == ORDERS, "orders placed")
    assert remotes.wrong(placed) == {}
    for number in placed:
        remotes.ship(number, f"1Z{number}")
    confirmed = "SELECT count(*) FROM shipments WHERE confirmation = 'accepted'"
    running.until(lambda: running.rows(confirmed) == [(ORDERS,)], "shipments confirmed")
    assert running.rows("SELECT count(*) FROM effects WHERE state <> 'done'") == [(0,)]
