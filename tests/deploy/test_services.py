"""Every service of docker-compose.yml as a plain process, beside embedded servers.

Command lines, environments and health checks come out of the compose file. What a container would
have to itself is replaced: host names, ports, the address to listen on, and the folders.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from devstack.broker import Broker
from devstack.paths import kept_port, temporary_home
from devstack.postgres import Postgres
from devstack.supervisor import Process, Supervisor
from tests.console.forms import sign_in
from tests.deploy import compose
from tests.devstack.waiting import until

LASTING = ("worker", "beat", "flower", "console")
USER, PASSWORD = "operator", "a-password-of-the-test"
CONFIGURATION = """
[shops.main]
base_url = "http://127.0.0.1:1"
[accounts.eu]
region = "EU"
shop = "main"
start_from = 2026-01-01T00:00:00Z
base_url = "http://127.0.0.1:1"
token_url = "http://127.0.0.1:1"
"""
VALUES = {
    **{name: value or "none" for name, value in compose.example().items()},
    "ORDERBRIDGE_MASTER_KEY": b64encode(bytes(range(32))).decode(),
    "ORDERBRIDGE_WORKERS": "1",
    "ORDERBRIDGE_CONSOLE_USER": USER,
    "ORDERBRIDGE_CONSOLE_PASSWORD": PASSWORD,
    "FLOWER_BASIC_AUTH": f"{USER}:{PASSWORD}",
}


@dataclass
class Installation:
    """The running services of the compose file."""

    supervisor: Supervisor
    home: Path
    services: dict[str, Any]
    replaced: dict[str, str]
    ports: dict[str, int]

    def localize(self, text: str) -> str:
        for there, here in self.replaced.items():
            text = re.sub(there, here, text)
        return text

    def environment(self, name: str) -> dict[str, str]:
        values = {**VALUES, **self.services[name].get("environment", {})}
        return {
            **{variable: self.localize(value) for variable, value in values.items()},
            "HOME": str(self.home),
            "HOSTNAME": socket.gethostname(),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
        }

    def command(self, name: str) -> tuple[str, ...]:
        return tuple(self.localize(word) for word in self.services[name]["command"])

    def start(self, name: str) -> None:
        self.supervisor.start(
            Process(name, self.command(name), env=self.environment(name), cwd=self.home)
        )

    def log(self, name: str) -> str:
        return (self.home / "logs" / f"{name}.log").read_text(encoding="utf-8")

    def is_healthy(self, name: str) -> bool:
        """Whether the service's own health check says so."""
        kind, *words = (self.localize(word) for word in self.services[name]["healthcheck"]["test"])
        return (
            subprocess.run(
                ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words,
                env=self.environment(name),
                cwd=self.home,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ).returncode
            == 0
        )

    def wait_healthy(self, name: str) -> None:
        try:
            until(lambda: self.is_healthy(name), f"a healthy {name}")
        except AssertionError as error:
            error.add_note(self.log(name)[-2000:])
            raise

    def url(self, name: str, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.ports[name]}{path}"


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with temporary_home() as home:
        supervisor = Supervisor(home)
        try:
            postgres, broker = Postgres(home), Broker(home)
            for server in (postgres, broker):
                server.prepare()
                supervisor.start(server.command())
            for server in (postgres, broker):
                server.wait_ready()
            postgres.create_database()
            (home / "data").mkdir()
            (home / "orderbridge.toml").write_text(CONFIGURATION)
            ports = {
                name: kept_port(home / f"{name}.port", lambda _: False)
                for name in ("flower", "console")
            }
            replaced = {
                r"^postgresql\+psycopg://.*": postgres.url(),
                r"^redis://.*": broker.url(),
                r"^/etc/orderbridge/": f"{home}/",
                r"/data\b": f"{home}/data",
                r"0\.0\.0\.0": "127.0.0.1",
                r"\b5555\b": str(ports["flower"]),
                r"\b8080\b": str(ports["console"]),
            }
            services = compose.read(VALUES)["services"]
            running = Installation(supervisor, home, services, replaced, ports)
            migration = subprocess.run(
                running.command("migrate"),
                env=running.environment("migrate"),
                cwd=home,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            assert migration.returncode == 0, migration.stdout
            for name in LASTING:
                running.start(name)
            yield running
        finally:
            supervisor.stop_all()


@pytest.mark.parametrize("name", LASTING)
def test_each_service_becomes_healthy_and_tells_no_secret(
    installation: Installation, name: str
) -> None:
    installation.wait_healthy(name)
    assert installation.supervisor.alive(name)
    assert installation.supervisor.restarts(name) == 0
    for secret in (PASSWORD, VALUES["ORDERBRIDGE_MASTER_KEY"]):
        assert secret not in " ".join(installation.command(name))
        assert secret not in installation.log(name)


def test_the_health_check_of_a_service_that_is_not_there_fails(installation: Installation) -> None:
    elsewhere = Installation(
        installation.supervisor,
        installation.home,
        installation.services,
        {**installation.replaced, "HOSTNAME": "NOBODY", "beat-schedule": "none"}
        | {r"\b5555\b": "1", r"\b8080\b": "1", "--timeout 10": "--timeout 1"},
        installation.ports,
    )
    assert not [name for name in LASTING if elsewhere.is_healthy(name)]


def test_beat_wakes_the_workers_and_flower_sees_it(installation: Installation) -> None:
    installation.wait_healthy("flower")
    sweeps = installation.url("flower", "/api/tasks?taskname=orderbridge.resume_due&state=SUCCESS")

    def has_swept() -> bool:
        return bool(requests.get(sweeps, auth=(USER, PASSWORD), timeout=10).json())

    until(has_swept, "a sweep")


def test_flower_asks_for_the_login_and_lets_nothing_be_changed(installation: Installation) -> None:
    installation.wait_healthy("flower")
    assert requests.get(installation.url("flower"), timeout=10).status_code == 401
    login = (USER, PASSWORD)
    assert requests.get(installation.url("flower"), auth=login, timeout=10).status_code == 200
    shutdown = installation.url("flower", "/api/worker/shutdown/any")
    assert requests.post(shutdown, auth=login, timeout=10).status_code == 403


def test_the_console_asks_for_the_login(installation: Installation) -> None:
    installation.wait_healthy("console")
    page = installation.url("console", "")
    with requests.Session() as web:
        assert web.get(page, timeout=10).url == installation.url("console", "/login")
        assert "<h1>Orders</h1>" in sign_in(web, page, USER, PASSWORD).text
