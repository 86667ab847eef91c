"""Every service of docker-compose.yml as a plain process, beside embedded servers.

Command lines, environments and health checks come out of the compose file. What a container would
have to itself is replaced: host names, ports, the address to listen on, and the folders.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from flower.urls import handlers
from sqlalchemy.engine import URL, make_url

from devstack.broker import Broker
from devstack.paths import kept_port, temporary_home
from devstack.postgres import Postgres
from devstack.stack import QUOTAS, wait_for
from devstack.supervisor import Process, Supervisor
from sandbox.amazon.builders import a_line, an_order
from tests.console.forms import sign_in
from tests.deploy import compose
from tests.devstack.waiting import until
from tests.system.remotes import SKU, Remotes

LASTING = ("worker", "beat", "flower", "console")
REMOTES = ("amazon", "magento")
NUMBER = "305-0000001-0000001"
USER, PASSWORD = "operator", "a-password-of-the-test"
CONFIGURATION = """
[shops.main]
base_url = "{magento}"
request_limit_s = 3
[accounts.eu]
region = "EU"
shop = "main"
start_from = 2020-01-01T00:00:00Z
base_url = "{amazon}"
token_url = "{amazon}"
[timing]
poll_every_s = 2
watch_shipments_every_s = 2
"""
VALUES = {
    **{name: value or f"secret-{name.lower()}" for name, value in compose.example().items()},
    "ORDERBRIDGE_MASTER_KEY": b64encode(bytes(range(32))).decode(),
    "ORDERBRIDGE_WORKERS": "1",
    "ORDERBRIDGE_CONSOLE_USER": USER,
    "ORDERBRIDGE_CONSOLE_PASSWORD": PASSWORD,
    "FLOWER_BASIC_AUTH": f"{USER}:{PASSWORD}",
    # The stand-ins' own.
    "ORDERBRIDGE_SHOP_MAIN_CONSUMER_KEY": "sandbox-ck",
    "ORDERBRIDGE_SHOP_MAIN_CONSUMER_SECRET": "sandbox-cs",
    "ORDERBRIDGE_SHOP_MAIN_ACCESS_TOKEN": "sandbox-at",
    "ORDERBRIDGE_SHOP_MAIN_ACCESS_TOKEN_SECRET": "sandbox-ats",
    "ORDERBRIDGE_ACCOUNT_EU_CLIENT_ID": "sandbox-client",
    "ORDERBRIDGE_ACCOUNT_EU_CLIENT_SECRET": "sandbox-secret",
    "ORDERBRIDGE_ACCOUNT_EU_REFRESH_TOKEN": "Atzr|sandbox-main",
}


@dataclass
class Installation:
    """The running services of the compose file."""

    supervisor: Supervisor
    home: Path
    services: dict[str, Any]
    replaced: dict[str, str]
    ports: dict[str, int]
    superuser: URL

    def localize(self, text: str) -> str:
        for there, here in self.replaced.items():
            text = re.sub(there, here, text)
        return text

    def environment(self, name: str) -> dict[str, str]:
        service = self.services[name]
        # A container sees .env only where its service names it.
        values = {**(VALUES if "env_file" in service else {}), **service["environment"]}
        return {
            **{variable: self.localize(value) for variable, value in values.items()},
            "HOME": str(self.home),
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
            ports = {
                name: kept_port(home / f"{name}.port", lambda _: False)
                for name in ("flower", "console", *REMOTES)
            }
            for name in REMOTES:
                supervisor.start(a_remote(name, ports[name], home))
            (home / "data").mkdir()
            urls = {name: f"http://127.0.0.1:{ports[name]}" for name in REMOTES}
            (home / "orderbridge.toml").write_text(CONFIGURATION.format(**urls))
            superuser = make_url(postgres.url())
            replaced = {
                r"@postgres:5432/": f"@127.0.0.1:{superuser.port}/",
                r"^redis://.*": broker.url(),
                r"^/etc/orderbridge/": f"{home}/",
                r"/data\b": f"{home}/data",
                r"0\.0\.0\.0": "127.0.0.1",
                r"\b5555\b": str(ports["flower"]),
                r"\b8080\b": str(ports["console"]),
            }
            services = compose.read(VALUES)["services"]
            running = Installation(supervisor, home, services, replaced, ports, superuser)
            make_the_roles(Path(postgres.command().argv[0]).with_name("psql"), running)
            migration = subprocess.run(
                running.command("migrate"),
                env=running.environment("migrate"),
                cwd=home,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            assert migration.returncode == 0, migration.stdout
            for url in urls.values():
                wait_for(f"{url}/_control/health")
            for name in LASTING:
                running.start(name)
            yield running
        finally:
            supervisor.stop_all()


def a_remote(name: str, port: int, home: Path) -> Process:
    """A stand-in of Amazon or Magento."""
    options: tuple[str, ...] = ("--port", str(port), "--data", str(home / f"{name}.sqlite"))
    if name == "amazon":
        options = (*options, "--search-delay-s", "0.2", "--quota", *QUOTAS)
    argv = (sys.executable, "-m", "sandbox", name, *options)
    return Process(name, argv, cwd=compose.PROJECT)


def plain(url: URL) -> str:
    """The URL as psycopg and psql take it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def make_the_roles(psql: Path, running: Installation) -> None:
    """Run the folder of the image's first start, with what its service has in the environment."""
    for file in sorted(compose.INITIAL.iterdir()):
        made = subprocess.run(
            [psql, "--no-psqlrc", "--quiet", "--dbname", plain(running.superuser), "--file", file],
            env=running.services["postgres"]["environment"],
            capture_output=True,
            text=True,
        )
        assert (made.returncode, made.stderr) == (0, "")


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
        {**installation.replaced, r"\$\(hostname\)": "nobody", "beat-schedule": "none"}
        | {r"\b5555\b": "1", r"\b8080\b": "1", "--timeout 10": "--timeout 1"},
        installation.ports,
        installation.superuser,
    )
    assert not [name for name in LASTING if elsewhere.is_healthy(name)]


def test_beat_wakes_the_workers_and_flower_sees_it(installation: Installation) -> None:
    installation.wait_healthy("flower")
    sweeps = installation.url("flower", "/api/tasks?taskname=orderbridge.resume_due&state=SUCCESS")

    def has_swept() -> bool:
        return bool(requests.get(sweeps, auth=(USER, PASSWORD), timeout=10).json())

    until(has_swept, "a sweep")


@pytest.mark.parametrize("login", [None, (USER, "wrong")])
def test_flower_shows_nobody_a_page_without_the_login(
    installation: Installation, login: tuple[str, str] | None
) -> None:
    """Its static files are everybody's; of a page that there is not it says no more than that."""
    installation.wait_healthy("flower")
    patterns = {one[0] if isinstance(one, tuple) else one.regex.pattern for one in handlers}
    paths = {re.sub(r"\(\.[+*]\)", "any", pattern).removesuffix("$") for pattern in patterns}
    paths -= {"/static/any", ".*", "/login/?", "/logout"}
    answers = {
        path: requests.get(installation.url("flower", path), auth=login, timeout=10).status_code
        for path in paths
    }
    only_posted_to = {path for path, answer in answers.items() if answer == 405}
    assert all(re.match(r"/api/(worker|task)/", path) for path in only_posted_to)
    shown = paths - only_posted_to
    assert {"/", "/tasks", "/metrics", "/healthcheck"} <= shown
    assert {path: answers[path] for path in shown} == dict.fromkeys(shown, 401)


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthcheck"])
def test_flower_answers_who_has_the_login(installation: Installation, path: str) -> None:
    installation.wait_healthy("flower")
    page = installation.url("flower", path)
    assert requests.get(page, auth=(USER, PASSWORD), timeout=10).status_code == 200


def test_flower_lets_nothing_be_changed(installation: Installation) -> None:
    installation.wait_healthy("flower")
    login = (USER, PASSWORD)
    shutdown = installation.url("flower", "/api/worker/shutdown/any")
    assert requests.post(shutdown, auth=login, timeout=10).status_code == 403


def test_the_console_asks_for_the_login(installation: Installation) -> None:
    installation.wait_healthy("console")
    page = installation.url("console", "")
    with requests.Session() as web:
        assert web.get(page, timeout=10).url == installation.url("console", "/login")
        first = sign_in(web, page, USER, PASSWORD)
        assert "<h1>Set up a second factor</h1>" in first.text


def test_an_order_goes_its_way_with_a_role_that_only_reads_and_writes_rows(
    installation: Installation,
) -> None:
    remotes = Remotes(*(installation.url(name, "") for name in REMOTES))
    remotes.reset()
    remotes.place(an_order(NUMBER, lines=[a_line(SKU, tax="1.90")]))
    query = b"SELECT status FROM orders WHERE step = 'ship_order'"
    with psycopg.connect(plain(installation.superuser), autocommit=True) as connection:
        until(lambda: connection.execute(query).fetchall() == [("waiting",)], "the Magento order")
    remotes.ship(NUMBER, "1Z001")
    until(lambda: bool(remotes.amazon(NUMBER).get("packages")), "the confirmation")
    assert remotes.wrong([NUMBER]) == {}


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE another (id int)",
        "CREATE TEMPORARY TABLE another (id int)",
        "CREATE SCHEMA another",
        "CREATE ROLE another",
        "ALTER TABLE orders ADD COLUMN another int",
        "DROP TABLE orders",
        "TRUNCATE orders CASCADE",
        "SET ROLE orderbridge_owner",
        "SELECT * FROM pg_authid",
        "COPY orders TO PROGRAM 'true'",
        "COPY orders FROM PROGRAM 'true'",
        "GRANT pg_execute_server_program TO CURRENT_USER",
    ],
)
def test_the_application_may_do_nothing_else(installation: Installation, statement: str) -> None:
    url = make_url(installation.environment("worker")["ORDERBRIDGE_DATABASE_URL"])
    with psycopg.connect(plain(url)) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
        connection.rollback()


def test_only_the_superuser_is_one_and_the_tables_have_their_own_owner(
    installation: Installation,
) -> None:
    with psycopg.connect(plain(installation.superuser)) as connection:
        roles = connection.execute(
            "SELECT rolname, rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication"
            " OR rolbypassrls FROM pg_roles WHERE rolcanlogin"
        ).fetchall()
        owners = connection.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
    assert dict(roles) == {
        installation.superuser.username: True,
        "orderbridge_owner": False,
        "orderbridge_app": False,
    }
    assert owners == [("orderbridge_owner",)]
