"""Servers, the stubbed remotes and groups of workers that run only while they are measured."""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg

from devstack.broker import Broker
from devstack.paths import PROJECT, kept_port
from devstack.postgres import Postgres
from devstack.stack import wait_for, worker_arguments
from devstack.supervisor import Process, Supervisor
from pipeline.base import db
from tasks.engine.runtime import Runtime, build

ACCOUNT = SHOP = "main"
PATIENCE_S = 90.0
_CONFIGURATION = """\
[shops.main]
base_url = "{url}"

[accounts.main]
region = "EU"
shop = "main"
start_from = 2020-01-01T00:00:00Z
base_url = "{url}"
token_url = "{url}"
"""


class Rig:
    """One home with everything in it. `start` it once; scenarios add their workers."""

    def __init__(self, home: Path, supervisor: Supervisor) -> None:
        self.home, self.supervisor = home, supervisor
        self.postgres, self.broker = Postgres(home), Broker(home)
        self.environment: dict[str, str] = {}
        self.url = ""

    def start(self) -> None:
        """Start PostgreSQL, Valkey and the stub, and make this process's environment theirs."""
        for server in (self.postgres, self.broker):
            server.prepare()
            self.supervisor.start(server.command())
            server.wait_ready()
        self.postgres.create_database()
        begin_life(self.postgres.url())
        port = kept_port(self.home / "remotes.port", lambda _: False)
        self.url = f"http://127.0.0.1:{port}"
        self.run("remotes", "-m", "bench.stub", str(port))
        wait_for(f"{self.url}/_control/health")
        config = self.home / "orderbridge.toml"
        config.write_text(_CONFIGURATION.format(url=self.url), encoding="utf-8")
        named = {
            "CONFIG": str(config),
            "DATABASE_URL": self.postgres.url(),
            "REDIS_URL": self.broker.url(),
            "MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "SHOP_MAIN_CONSUMER_KEY": "ck",
            "SHOP_MAIN_CONSUMER_SECRET": "cs",
            "SHOP_MAIN_ACCESS_TOKEN": "at",
            "SHOP_MAIN_ACCESS_TOKEN_SECRET": "ats",
            "ACCOUNT_MAIN_CLIENT_ID": "client",
            "ACCOUNT_MAIN_CLIENT_SECRET": "secret",
            "ACCOUNT_MAIN_REFRESH_TOKEN": "Atzr|bench",
        }
        os.environ.update({f"ORDERBRIDGE_{name}": value for name, value in named.items()})
        self.environment = dict(os.environ)

    @cached_property
    def parts(self) -> Runtime:
        """The product's parts in this process: it polls, the workers do the rest."""
        from pipeline.settings.file import load

        return build(load())

    @contextmanager
    def workers(
        self,
        name: str,
        processes: int,
        threads: int,
        app: str = "tasks.app",
        more: Mapping[str, str] | None = None,
        events: bool = True,
    ) -> Iterator[Workers]:
        """A group of worker processes, stopped until they are to run."""
        group = Workers(self, name, [f"{name}-{one}" for one in range(1, processes + 1)])
        for one in group.names:
            arguments = [app if text == "tasks.app" else text for text in _of(one, threads)]
            if not events:
                arguments = [one for one in arguments if one not in _ONLY_OURS]
            self.run(one, *arguments, environment={**self.environment, **(more or {})})
        try:
            yield group
        finally:
            group.resume()
            for one in group.names:
                self.supervisor.stop(one)

    def run(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """Have a Python program supervised."""
        self.supervisor.start(
            Process(
                name=name,
                argv=(sys.executable, *arguments),
                env=environment,
                cwd=PROJECT,
                grace_s=3.0,
            )
        )

    def tell(self, what: str, **body: Any) -> Any:
        """Play buyer or warehouse at the stub."""
        request = urllib.request.Request(  # noqa: S310 - loopback, our own
            f"{self.url}/_control/{what}", data=json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)

    def database(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the bench's own."""
        url = self.postgres.url().replace("+psycopg", "")
        return psycopg.connect(url, autocommit=True, connect_timeout=5)


def begin_life(database_url: str) -> None:
    """Make the tables. The first connection begins the database's life: orders come after it."""
    db.migrate(database_url)
    engine = db.engine_for(database_url)
    engine.connect().close()
    engine.dispose()


_ONLY_OURS = ("--queues", "amazon,magento,jobs", "--task-events")


def _of(name: str, threads: int) -> tuple[str, ...]:
    return worker_arguments(name, threads)


class Workers:
    """Worker processes of one kind."""

    def __init__(self, rig: Rig, name: str, names: list[str]) -> None:
        self._rig, self.name, self.names = rig, name, names

    def pause(self) -> None:
        """Stop them where they are, so that they take no time of another measurement."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them run."""
        self._signal(signal.SIGCONT)

    def kinds(self) -> dict[str, list[str]]:
        """The processes that take part when this group works, by kind."""
        return {
            "worker": self.names,
            "database": ["postgres"],
            "broker": ["broker"],
            "remotes": ["remotes"],
        }

    def check(self) -> None:
        """Raise RuntimeError when one of them died meanwhile: its figures would be wrong."""
        for name in self.names:
            if self._rig.supervisor.restarts(name):
                log = self._rig.home / "logs" / f"{name}.log.1"
                raise RuntimeError(f"{name} died: {log.read_text(encoding='utf-8')[-3000:]}")

    def _signal(self, number: signal.Signals) -> None:
        for name in self.names:
            self._rig.supervisor.kill(name, number)
