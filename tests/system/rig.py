"""The real thing on one machine: servers, both stand-ins, two worker processes and beat."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg import sql

from devstack.broker import Broker
from devstack.paths import PROJECT, kept_port
from devstack.postgres import Postgres
from devstack.stack import wait_for, worker_arguments
from devstack.supervisor import Process, Supervisor
from pipeline.base import db
from tests.database_restores import remembers_everything
from tests.system.remotes import Remotes
from tests.tables import METADATA

WORKERS = ("worker-1", "worker-2")
THREADS = 8
# Half a minute each on two idle cores. What hangs is ended by these, and a slow machine is not.
PATIENCE_S, TIME_LIMIT_S = 400, 900
FRANCE = "A13V1IB3VIYZZH"

CONFIGURATION = f"""\
[shops.main]
base_url = "{{magento}}"
request_limit_s = 3

[accounts.main]
region = "EU"
shop = "main"
start_from = 2020-01-01T00:00:00Z
base_url = "{{amazon}}"
token_url = "{{amazon}}"

[accounts.main.marketplaces.{FRANCE}]
customers = "create"
welcome_mail = "accept"

[timing]
poll_every_s = 2
watch_shipments_every_s = 1
sweep_every_s = 0.5
run_backfills_every_s = 0.5
poll_overlap_s = 10
first_retry_s = 0.3
longest_retry_s = 2
recheck_held_s = 1
recheck_waiting_s = 20
resend_s = 10
lease_s = 2
"""


class Rig:
    """One home with everything in it. `start` it, `start_beat`, then `fresh` before each test."""

    def __init__(self, home: Path, supervisor: Supervisor) -> None:
        self.home = home
        self.supervisor = supervisor
        self.postgres, self._broker = Postgres(home), Broker(home)
        self.environment: dict[str, str] = {}
        self.urls: dict[str, str] = {}
        self._working: tuple[str, ...] = ()
        self._asking: psycopg.Connection[tuple[Any, ...]] | None = None

    def start(self, between: Callable[[Rig], dict[str, str]] = lambda _: {}) -> None:
        """Start the servers and both stand-ins.

        `between` starts what is to be between the processes and their servers; its variables win.
        """
        for server in (self.postgres, self._broker):
            server.prepare()
            self.supervisor.start(server.command())
        for name, options in (
            ("amazon", ("--search-delay-s", "0.2", "--quota", *_quotas())),
            ("magento", ()),
        ):
            port = self.port(name)
            self.urls[name] = f"http://127.0.0.1:{port}"
            data = str(self.home / f"{name}.sqlite")
            self.run(name, "-m", "sandbox", name, "--port", str(port), "--data", data, *options)
        config = self.home / "orderbridge.toml"
        config.write_text(CONFIGURATION.format(**self.urls), encoding="utf-8")
        self.postgres.wait_ready()
        self.postgres.create_database()
        self._broker.wait_ready()
        self.environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "ORDERBRIDGE_CONFIG": str(config),
            "ORDERBRIDGE_DATABASE_URL": self.postgres.url(),
            "ORDERBRIDGE_REDIS_URL": self._broker.url(),
            "ORDERBRIDGE_MASTER_KEY": base64.b64encode(bytes(range(32))).decode(),
            "ORDERBRIDGE_SHOP_MAIN_CONSUMER_KEY": "sandbox-ck",
            "ORDERBRIDGE_SHOP_MAIN_CONSUMER_SECRET": "sandbox-cs",
            "ORDERBRIDGE_SHOP_MAIN_ACCESS_TOKEN": "sandbox-at",
            "ORDERBRIDGE_SHOP_MAIN_ACCESS_TOKEN_SECRET": "sandbox-ats",
            "ORDERBRIDGE_ACCOUNT_MAIN_CLIENT_ID": "sandbox-client",
            "ORDERBRIDGE_ACCOUNT_MAIN_CLIENT_SECRET": "sandbox-secret",
            "ORDERBRIDGE_ACCOUNT_MAIN_REFRESH_TOKEN": "Atzr|sandbox-main",
        }
        self.environment |= between(self)
        db.migrate(self.postgres.url())
        remembers_everything(self.postgres.url())
        for url in self.urls.values():
            wait_for(f"{url}/_control/health")

    def start_beat(self) -> None:
        schedule = str(self.home / "beat-schedule")
        self.run("beat", "-m", "celery", "-A", "tasks.app", "beat", "--schedule", schedule)

    def fresh(self) -> Remotes:
        """Forget every order, here and at the remotes, and have both workers run."""
        self.stop_workers()
        with self.database() as connection:
            for table in reversed(METADATA.sorted_tables):
                if table.name in ("database_restores", "security_log"):
                    continue
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
        with self.broker() as broker:
            broker.flushall()
        remotes = Remotes(self.urls["amazon"], self.urls["magento"])
        remotes.reset()
        self.start_workers()
        return remotes

    def start_workers(self) -> None:
        for name in WORKERS:
            self.run(name, *worker_arguments(name, THREADS))
        self._working = WORKERS

    def stop_workers(self) -> None:
        """End both at once, without grace: what they had in hand is what the tests are about."""
        for name in self._working:
            self.supervisor.kill(name)
            self.supervisor.stop(name)
        self._working = ()

    def rest(self) -> None:
        """End beat and the workers: what is left of the stack costs next to nothing."""
        self.stop_workers()
        self.supervisor.stop("beat")

    def close(self) -> None:
        """Ask the database no more."""
        if self._asking is not None:
            self._asking.close()

    def run(self, name: str, *arguments: str) -> None:
        """Have a Python program supervised."""
        self.supervisor.start(
            Process(
                name=name,
                argv=(sys.executable, *arguments),
                env=self.environment or None,
                cwd=PROJECT,
                grace_s=3.0,
            )
        )

    def deliver(self, *arguments: str) -> None:
        """Run `tests.system.deliver` in a process of its own."""
        subprocess.run(
            [sys.executable, "-m", "tests.system.deliver", *arguments],
            env=self.environment,
            cwd=PROJECT,
            check=True,
            timeout=PATIENCE_S,
        )

    def port(self, name: str) -> int:
        return kept_port(self.home / f"{name}.port", lambda _: False)

    def database(self) -> psycopg.Connection[tuple[Any, ...]]:
        url = self.postgres.url().replace("+psycopg", "")
        return psycopg.connect(url, autocommit=True, connect_timeout=3)

    def broker(self) -> redis.Redis:
        return redis.Redis.from_url(self._broker.url(), socket_timeout=5)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database answers, over a connection that lasts; nothing while it is away."""
        try:
            if self._asking is None or self._asking.closed:
                self._asking = self.database()
            return self._asking.execute(query.encode(), values).fetchall()
        except psycopg.OperationalError:
            return []

    def standing(self, step: str, status: str) -> int:
        """How many orders stand at a step with a status."""
        query = "SELECT count(*) FROM orders WHERE step = %s AND status = %s"
        return sum(row[0] for row in self.rows(query, step, status))

    def until(self, happened: Callable[[], bool], what: str) -> None:
        """Return as soon as it happened; fail, with where the orders stand, when it does not."""
        deadline = time.monotonic() + PATIENCE_S
        while not happened():
            if time.monotonic() > deadline:
                raise AssertionError(f"never happened: {what}\n{self._situation()}")
            time.sleep(0.1)

    def _situation(self) -> str:
        """Where the orders stand, and the end of each log."""
        orders = self.rows(
            "SELECT step, status, hold_code, last_note, tries, unfinished, count(*),"
            " min(due_at - now()) FROM orders GROUP BY 1, 2, 3, 4, 5, 6"
        )
        lines = [str(row) for row in [*orders, *self.rows("SELECT * FROM cursors")]]
        for name in ("beat", "postgres", *WORKERS):
            log = (self.home / "logs" / f"{name}.log").read_text(encoding="utf-8")
            lines += [f"{name}: {line}" for line in log.splitlines()[-8:]]
        return "\n".join(lines)


def _quotas() -> Sequence[str]:
    return [f"{name}=100:200" for name in ("searchOrders", "getOrder", "confirmShipment")]
