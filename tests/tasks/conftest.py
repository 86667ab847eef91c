"""The environment of a worker, and the Celery app itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from celery import Celery

from tasks.engine.runtime import Runtime, _runtime, runtime
from tests.builders import MASTER_KEY
from tests.conftest import Servers
from tests.emptied import Emptied
from tests.magento.standing_in import StandIn, standing_in

CONFIGURATION = """\
[shops.main]
base_url = "http://127.0.0.1:1"
auth = "bearer"

[accounts.eu]
region = "EU"
shop = "main"
start_from = 2026-01-01T00:00:00Z
base_url = "http://127.0.0.1:1"
token_url = "http://127.0.0.1:1"
"""
SECRETS = {
    "SHOP_MAIN_ACCESS_TOKEN": "shop-token",
    "ACCOUNT_EU_CLIENT_ID": "client-id",
    "ACCOUNT_EU_CLIENT_SECRET": "client-secret",
    "ACCOUNT_EU_REFRESH_TOKEN": "refresh-token",
}


def variables(folder: Path, database_url: str, redis_url: str) -> dict[str, str]:
    """What a worker's environment has: one shop, one account, this run's servers."""
    config = folder / "orderbridge.toml"
    config.write_text(CONFIGURATION, encoding="utf-8")
    named = {
        **SECRETS,
        "CONFIG": str(config),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
    }
    return {f"ORDERBRIDGE_{name}": value for name, value in named.items()}


@pytest.fixture
def environment(
    redis_url: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This process's environment is a worker's."""
    for name, value in variables(tmp_path, database_url, redis_url).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def fresh_runtime(environment: None) -> Iterator[None]:
    """`runtime()` is built anew in this test."""
    _runtime.cache_clear()
    yield
    close(runtime())
    _runtime.cache_clear()


def close(parts: Runtime) -> None:
    """Close what a worker process keeps open until its end, but for the process's engine."""
    parts.broker.close()


@pytest.fixture(scope="session")
def app(
    shared_database: Emptied, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Celery]:
    """The app of `tasks.app`. It reads its settings once a process, so the tests share it."""
    folder = tmp_path_factory.mktemp("app")
    with pytest.MonkeyPatch.context() as patched:
        for name, value in variables(folder, shared_database.url, servers.redis_url).items():
            patched.setenv(name, value)
        made: Celery = import_module("tasks.app").app
        made.finalize()
        assert made.conf.broker_url == servers.redis_url
    yield made
    made.close()


@pytest.fixture(scope="session")
def one_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """The Magento stand-in of this process; whoever uses it resets it first."""
    with standing_in(tmp_path_factory.mktemp("shop")) as shop:
        yield shop
