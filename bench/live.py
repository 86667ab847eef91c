"""The whole stack with its default settings, against the stand-ins with Amazon's own delays.

Two accounts sell into one shop: one is searched alone, the other has a notification queue.
"""

from __future__ import annotations

import json
import subprocess
import urllib.request
from typing import Any

import boto3.session
import psycopg

from bench.rig import Rig, begin_life
from devstack.paths import PROJECT, kept_port
from devstack.stack import COMMAND, CONCURRENCY, WORKERS, wait_for, worker_arguments
from sandbox.amazon.builders import a_line, an_order

SEARCHED, NOTIFIED = "main", "notified"
ACCOUNTS = (SEARCHED, NOTIFIED)
SKU = "BENCH-1"
_REGION, _OWNER, _QUEUE = "eu-west-1", "123456789012", "orders"
_ACCOUNT = """
[accounts.{name}]
region = "EU"
shop = "main"
start_from = 2020-01-01T00:00:00Z
base_url = "{amazon}"
token_url = "{amazon}"
"""
_SETTINGS = (
    '[shops.main]\nbase_url = "{magento}"\n'
    + _ACCOUNT.replace("{name}", SEARCHED)
    + _ACCOUNT.replace("{name}", NOTIFIED)
    + f"""
[accounts.{NOTIFIED}.notifications]
queue_url = "{{sqs}}/{_OWNER}/{_QUEUE}"
aws_region = "{_REGION}"
endpoint_url = "{{sqs}}"
"""
)


class LiveStack:
    """Stand-ins, workers and beat in a database of their own. `start` it, and `stop` it."""

    def __init__(self, rig: Rig) -> None:
        self._rig, self._urls = rig, dict[str, str]()
        self._names: list[str] = []
        self._database_url = rig.postgres.url("live")

    def start(self) -> None:
        """Start everything, and subscribe the one account to its queue."""
        rig, urls = self._rig, self._urls
        rig.postgres.create_database("live")
        begin_life(self._database_url)
        for name in ("sqs", "amazon", "magento"):
            port = kept_port(rig.home / f"live-{name}.port", lambda _: False)
            urls[name] = f"http://127.0.0.1:{port}"
            data = ("--port", str(port), "--data", str(rig.home / f"live-{name}.sqlite"))
            told = {
                "sqs": ("-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)),
                "amazon": ("-m", "sandbox", "amazon", *data, "--sqs-endpoint", urls["sqs"]),
                "magento": ("-m", "sandbox", "magento", *data),
            }
            self._run(name, *told[name])
        wait_for(f"{urls['sqs']}/moto-api/")
        for name in ("amazon", "magento"):
            wait_for(f"{urls[name]}/_control/health")
        self._queue().create_queue(QueueName=_QUEUE)
        self.tell("amazon", "accounts", account=NOTIFIED)
        self.tell("magento", "products", sku=SKU, qty=100_000)
        environment = self._environment()
        subprocess.run(  # noqa: S603 - our own program
            [COMMAND, "notifications", "setup", "--account", NOTIFIED, "--json"],
            env=environment,
            cwd=PROJECT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for name in WORKERS:
            self._run(name, *worker_arguments(f"live-{name}", CONCURRENCY), environment=environment)
        schedule = str(rig.home / "live-beat-schedule")
        beat = ("-m", "celery", "-A", "tasks.app", "beat", "--schedule", schedule)
        self._run("beat", *beat, environment=environment)

    def stop(self) -> None:
        """Stop what was started, beat first."""
        while self._names:
            self._rig.supervisor.stop(self._names.pop())

    def place(self, account: str, number: str) -> None:
        """A buyer orders from the account."""
        order = an_order(number, lines=[a_line(SKU)])
        self.tell("amazon", "orders", account=account, order=order)

    def ship(self, entity_id: int) -> None:
        """The warehouse ships a Magento order, with its number."""
        track = {"carrier_code": "ups", "title": "UPS", "track_number": f"1Z{entity_id:07}"}
        self.tell("magento", "ship", entity_id=entity_id, tracks=[track])

    def tell(self, stand_in: str, what: str, **body: Any) -> Any:
        """Use a stand-in's control route."""
        request = urllib.request.Request(  # noqa: S310 - loopback, our own
            f"{self._urls[stand_in]}/_control/{what}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)

    def database(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the bench's own."""
        return psycopg.connect(self._database_url.replace("+psycopg", ""), autocommit=True)

    def _run(self, name: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self._rig.run(f"live-{name}", *arguments, environment=environment)
        self._names.append(f"live-{name}")

    def _environment(self) -> dict[str, str]:
        config = self._rig.home / "live.toml"
        config.write_text(_SETTINGS.format(**self._urls), encoding="utf-8")
        named = {
            "CONFIG": str(config),
            "DATABASE_URL": self._database_url,
            "REDIS_URL": self._rig.broker.url(1),
            "SHOP_MAIN_CONSUMER_KEY": "sandbox-ck",
            "SHOP_MAIN_CONSUMER_SECRET": "sandbox-cs",
            "SHOP_MAIN_ACCESS_TOKEN": "sandbox-at",
            "SHOP_MAIN_ACCESS_TOKEN_SECRET": "sandbox-ats",
            f"ACCOUNT_{NOTIFIED.upper()}_AWS_ACCESS_KEY_ID": "bench",
            f"ACCOUNT_{NOTIFIED.upper()}_AWS_SECRET_ACCESS_KEY": "bench",
        }
        for name in ACCOUNTS:
            own = f"ACCOUNT_{name.upper()}"
            named[f"{own}_CLIENT_ID"] = "sandbox-client"
            named[f"{own}_CLIENT_SECRET"] = "sandbox-secret"
            named[f"{own}_REFRESH_TOKEN"] = f"Atzr|sandbox-{name}"
        return self._rig.environment | {f"ORDERBRIDGE_{key}": text for key, text in named.items()}

    def _queue(self) -> Any:
        return boto3.session.Session().client(
            "sqs",
            region_name=_REGION,
            endpoint_url=self._urls["sqs"],
            aws_access_key_id="bench",
            aws_secret_access_key="bench",  # noqa: S106 - what it is sent to asks for any
        )
