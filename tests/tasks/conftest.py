"""A database for all tests here, emptied before each, and Celery as the settings make it."""

from __future__ import annotations

import base64
import os
import runpy
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from celery import Celery
from sqlalchemy.engine import make_url

from pipeline import db
from tasks import jobs, workflow
from tasks.runtime import runtime
from tests.builders import MASTER_KEY
from tests.conftest import Servers
from tests.pipeline.conftest import empty

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


@pytest.fixture(scope="session")
def tasks_database(servers: Servers, template: str) -> Iterator[str]:
    name = f"orderbridge_tasks_{os.getpid()}"
    url = make_url(servers.database_url)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
    yield url.set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def database_url(tasks_database: str) -> str:
    """An empty database."""
    engine = db.engine_for(tasks_database)
    empty(db.sessions_for(engine))
    engine.dispose()
    return tasks_database


@pytest.fixture
def environment(
    redis_url: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This process has one shop, one account, the database and the broker of this run."""
    config = tmp_path / "orderbridge.toml"
    config.write_text(CONFIGURATION, encoding="utf-8")
    variables = {
        **SECRETS,
        "CONFIG": str(config),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"ORDERBRIDGE_{name}", value)


@pytest.fixture
def fresh_runtime(environment: None) -> Iterator[None]:
    """`runtime()` is built anew in this test."""
    runtime.cache_clear()
    yield
    runtime.cache_clear()


@pytest.fixture
def app(environment: None) -> Iterator[Celery]:
    """A Celery app of its own, set up as `tasks.app` is."""
    made = celery_app()
    yield made
    made.close()


def celery_app(**changes: object) -> Celery:
    """An app with the settings of `tasks.celery_config`, read anew."""
    read = runpy.run_module("tasks.celery_config")
    settings = {name: value for name, value in read.items() if name.islower() and name[0] != "_"}
    app = Celery("orderbridge", set_as_current=False)
    app.conf.update({**settings, **changes})
    workflow.register(app)
    jobs.register(app)
    app.finalize()
    return app
