"""The whole stack on this machine: servers, stand-ins, workers, beat, Flower and the console."""

from __future__ import annotations

import base64
import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import redis
from sqlalchemy import text

from devstack import broker as embedded_broker
from devstack import postgres as embedded_postgres
from devstack.broker import Broker
from devstack.paths import PROJECT, kept_port, kept_secret, write_private
from devstack.postgres import MOVED_CLOCK, Postgres
from devstack.supervisor import Process, Supervisor
from pipeline.base import db

COMMAND = str(Path(sys.executable).with_name("orderbridge"))
WORKERS = ("worker-1", "worker-2")
CONCURRENCY = 8
OPERATOR = "demo"
# A day in a minute needs Amazon's rates of a day. With two confirmations a second, its plan, a
# thousand orders would take eight minutes whatever happened to them.
QUOTAS = ("searchOrders=20:40", "getOrder=20:40", "confirmShipment=20:40")

# A day in a minute: the same settings as a shop's, only quicker.
_CONFIGURATION = """\
# Written anew by the local stack at each start.
[shops.main]
base_url = "{magento}"
auth = "oauth"
request_limit_s = 3

[accounts.main]
region = "EU"
shop = "main"
start_from = 2020-01-01T00:00:00Z
base_url = "{amazon}"
token_url = "{amazon}"
{account}
[accounts.main.settings]
# Orders of a marketplace that is not named below.
{orders}
[accounts.main.marketplaces.A13V1IB3VIYZZH]
# amazon.fr: buyers get an account in Magento, and with it Magento's welcome mail.
customers = "create"
welcome_mail = "accept"
{orders}
[accounts.main.marketplaces.APJ6JRA9NG5V4]
# amazon.it: Magento orders carry Amazon's number.
order_number = "amazon"
order_number_prefix = "AMZ-"

[console]
# The stack is for trying out, on this machine alone.
second_factor = "optional"

[timing]
poll_every_s = 1.5
watch_shipments_every_s = 1
sweep_every_s = 0.5
poll_overlap_s = 10
first_retry_s = 0.5
longest_retry_s = 4
recheck_held_s = 3
recheck_waiting_s = 20
resend_s = 5
lease_s = 6
"""


@dataclass(frozen=True)
class More:
    """What a stack has beside the settings above: lines of the account and of its orders, and
    Amazon's rates."""

    account: str = ""
    orders: str = ""
    quotas: Sequence[str] = ()


def configuration(urls: Mapping[str, str], more: More = More()) -> str:
    """The file of a stack whose stand-ins have these URLs, "amazon" and "magento"."""
    return _CONFIGURATION.format(
        amazon=urls["amazon"], magento=urls["magento"], account=more.account, orders=more.orders
    )


@dataclass
class Stack:
    """One stack in one home. `start` it under a supervisor; `environment` is what its parts see."""

    home: Path
    supervisor: Supervisor
    environment: dict[str, str] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    more: More = More()
    postgres: Postgres | None = None
    _owner_url: str = ""

    def start(self, *, forget: bool = False, with_pages: bool = True) -> None:
        """Start every part, or all but Flower and the console, and return once they answer.

        `forget` begins with no orders: the embedded database, the broker and the stand-ins are
        emptied. Raises RuntimeError rather than empty a database that was named by its URL.
        """
        self._start_servers(forget=forget)
        if forget:
            self._forget()
        for name, options in (
            (
                "amazon",
                ("--search-delay-s", "1", "--quota", *QUOTAS, *self.more.quotas),
            ),
            ("magento", ()),
        ):
            port = self._port(name)
            self.urls[name] = f"http://127.0.0.1:{port}"
            data = self.home / f"{name}.sqlite"
            self._run(
                name, "-m", "sandbox", name, "--port", str(port), "--data", str(data), *options
            )
        self._configure()
        db.migrate(self._owner_url or self.environment["ORDERBRIDGE_DATABASE_URL"])
        self.names += WORKERS
        self.start_workers()
        schedule = str(self.home / "beat-schedule")
        self._run("beat", "-m", "celery", "-A", "tasks.app", "beat", "--schedule", schedule)
        for name in ("amazon", "magento"):
            wait_for(self.urls[name] + "/_control/health")
        if with_pages:
            self._start_pages()

    def start_workers(self) -> None:
        """Start the workers, for the first time or after they were stopped."""
        for name in WORKERS:
            process = self._process(name, sys.executable, *worker_arguments(name, CONCURRENCY))
            self.supervisor.start(process)

    def _start_pages(self) -> None:
        flower, console = self._port("flower"), self._port("console")
        self.urls["flower"] = f"http://127.0.0.1:{flower}"
        self.urls["console"] = f"http://127.0.0.1:{console}"
        self.environment["ORDERBRIDGE_FLOWER_URL"] = self.urls["flower"]
        self._run(
            *("flower", "-m", "celery", "-A", "tasks.app", "flower"),
            *("--address=127.0.0.1", f"--port={flower}"),
        )
        self._keep(self._process("console", COMMAND, "console", "--port", str(console)))
        for name, path in (
            ("console", "/healthz"),
            ("flower", "/static/favicon.ico"),
        ):
            wait_for(self.urls[name] + path)

    def _start_servers(self, *, forget: bool) -> None:
        database_url, redis_url = embedded_postgres.external(), embedded_broker.external()
        if database_url is None:
            postgres = self.postgres = Postgres(self.home)
            postgres.prepare()
            self._keep(postgres.command())
            postgres.wait_ready()
            postgres.create_database()
            if forget:
                _empty(postgres.url())
            postgres.make_roles()
            database_url, self._owner_url = (postgres.url_of(role) for role in ("app", "owner"))
        elif forget:
            _refuse_unless_empty(database_url)
        if redis_url is None:
            broker = Broker(self.home)
            broker.prepare()
            self._keep(broker.command())
            broker.wait_ready()
            redis_url = broker.url()
        self.environment = {
            **os.environ,
            "ORDERBRIDGE_DATABASE_URL": database_url,
            "ORDERBRIDGE_REDIS_URL": redis_url,
            "PYTHONUNBUFFERED": "1",
        }

    def _forget(self) -> None:
        if embedded_broker.external() is None:
            with redis.Redis.from_url(self.environment["ORDERBRIDGE_REDIS_URL"]) as client:
                client.flushdb()
        for file in (*self.home.glob("*.sqlite*"), *self.home.glob("beat-schedule*")):
            file.unlink(missing_ok=True)

    def _configure(self) -> None:
        config = self.home / "orderbridge.toml"
        config.write_text(configuration(self.urls, self.more), encoding="utf-8")
        password = kept_secret(self.home / "console.password")
        self.environment |= {
            "ORDERBRIDGE_CONFIG": str(config),
            "ORDERBRIDGE_MASTER_KEY": self._master_key(),
            "ORDERBRIDGE_CONSOLE_USER": OPERATOR,
            "ORDERBRIDGE_CONSOLE_PASSWORD": password,
            "FLOWER_BASIC_AUTH": f"{OPERATOR}:{password}",
            # The stand-ins' seeded credentials.
            "ORDERBRIDGE_SHOP_MAIN_CONSUMER_KEY": "sandbox-ck",
            "ORDERBRIDGE_SHOP_MAIN_CONSUMER_SECRET": "sandbox-cs",
            "ORDERBRIDGE_SHOP_MAIN_ACCESS_TOKEN": "sandbox-at",
            "ORDERBRIDGE_SHOP_MAIN_ACCESS_TOKEN_SECRET": "sandbox-ats",
            "ORDERBRIDGE_ACCOUNT_MAIN_CLIENT_ID": "sandbox-client",
            "ORDERBRIDGE_ACCOUNT_MAIN_CLIENT_SECRET": "sandbox-secret",
            "ORDERBRIDGE_ACCOUNT_MAIN_REFRESH_TOKEN": "Atzr|sandbox-main",
        }

    @property
    def login(self) -> str:
        """The login of the console and Flower, for the person at the terminal."""
        return f"{OPERATOR} / {self.environment['ORDERBRIDGE_CONSOLE_PASSWORD']}"

    def _master_key(self) -> str:
        file = self.home / "master.key"
        if not file.exists():
            write_private(file, base64.b64encode(secrets.token_bytes(32)).decode())
        return file.read_text(encoding="utf-8")

    def _port(self, name: str) -> int:
        """A port of our own, kept across restarts; the home's lock keeps other stacks off it."""
        return kept_port(self.home / f"{name}.port", lambda _: False)

    def _run(self, name: str, *arguments: str) -> None:
        self._keep(self._process(name, sys.executable, *arguments))

    def _process(self, name: str, *argv: str) -> Process:
        return Process(name, argv, env=self.environment, cwd=PROJECT, grace_s=15.0)

    def _keep(self, process: Process) -> None:
        self.names.append(process.name)
        self.supervisor.start(process)


def _empty(superuser_url: str) -> None:
    """Begin anew: the roles' file makes the schema's owner and rights again."""
    engine = db.engine_for(superuser_url)
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA IF EXISTS {MOVED_CLOCK} CASCADE"))
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


def _refuse_unless_empty(url: str) -> None:
    engine = db.engine_for(url)
    with engine.begin() as connection:
        if connection.execute(text("SELECT to_regclass('orders')")).scalar() is not None:
            raise RuntimeError(
                "the database named by ORDERBRIDGE_DATABASE_URL is not empty, and the demo "
                "needs an empty one: unset the variable, or name another database"
            )
    engine.dispose()


def worker_arguments(name: str, concurrency: int) -> tuple[str, ...]:
    """The worker's command line, the same as in docker-compose.yml but for its name and size."""
    return (
        *("-m", "celery", "-A", "tasks.app", "worker", "--hostname", f"{name}@%h"),
        *("--queues", "amazon,magento,jobs", "--pool", "threads"),
        *("--concurrency", str(concurrency)),
        *("--without-mingle", "--without-gossip", "--task-events"),
    )


def wait_for(url: str, timeout_s: float = 60.0) -> None:
    """Return once the URL answers with a 2xx. Raises TimeoutError naming it."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - loopback, our own
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{url} does not answer: {error}") from error
            time.sleep(0.1)
