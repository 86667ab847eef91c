"""Both stand-ins on real sockets, each with a `Spoiler` in front of it, for the whole run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from flask import Flask

from pipeline.amazon.client import Amazon
from pipeline.base.http import Http
from pipeline.magento.client import Magento
from pipeline.settings.model import AccountSettings, ShopSettings
from sandbox.amazon.app import create_app as create_amazon
from sandbox.amazon.quota import USAGE_PLAN, Quota
from sandbox.amazon.state import Options, open_store
from sandbox.core import Store, make
from sandbox.magento.app import create_app as create_shop
from sandbox.magento.schema import SCHEMA
from tests.amazon.scripted import an_account
from tests.builders import NOW
from tests.fuzz.spoiling import Spoiler
from tests.magento.standing_in import TOKEN, StandIn

CREDENTIALS = {
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": "Atzr|sandbox-main",
}
LIMITS: dict[str, Any] = {"connect_timeout_s": 2.0, "read_timeout_s": 5.0, "total_timeout_s": 10.0}
"""For a loopback: long enough for a slow machine, and no test ever waits for them."""


@contextmanager
def spoilt(app: Flask) -> Iterator[tuple[str, Spoiler]]:
    """Serve an application behind a spoiler; its URL and the spoiler."""
    spoiler = Spoiler(app.wsgi_app)
    app.wsgi_app = spoiler  # type: ignore[method-assign,assignment]
    server = make(app, 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", spoiler
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class Shop:
    """A Magento stand-in whose answers can be spoilt."""

    url: str
    spoiler: Spoiler

    @property
    def control(self) -> StandIn:
        return StandIn(self.url)

    def settings(self) -> ShopSettings:
        return ShopSettings.model_validate(
            {"base_url": self.url, "auth": "bearer", "access_token": TOKEN}
        )

    def client(self, http: Http | None = None) -> Magento:
        """A new client, which has nothing in its memory."""
        return Magento(
            "main",
            self.settings(),
            http=http or Http(self.url, **LIMITS),
            now=lambda: datetime.now(UTC),
            sleep=lambda _: None,
        )


@dataclass(frozen=True)
class Market:
    """An Amazon stand-in whose answers can be spoilt."""

    url: str
    spoiler: Spoiler

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_control/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def place(self, order: dict[str, Any]) -> None:
        self.control("POST", "orders", {"order": order})

    def account(self, **changes: Any) -> AccountSettings:
        return an_account(self.url, **CREDENTIALS, **changes)

    def client(self, http: Http | None = None) -> Amazon:
        """A new client, which has yet to sign in."""
        return Amazon(
            "main",
            self.account(),
            http=http or Http(self.url, **LIMITS),
            now=lambda: NOW,
            sleep=lambda _: None,
        )


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    store = Store(tmp_path_factory.mktemp("shop") / "shop.sqlite", SCHEMA)
    with spoilt(create_shop(store)) as (url, spoiler):
        yield Shop(url, spoiler)
    store.close()


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    quotas = {operation: Quota(1e6, 1_000_000) for operation in USAGE_PLAN}
    store = open_store(tmp_path_factory.mktemp("market") / "amazon.sqlite")
    options = Options(quotas=quotas, search_delay_s=0)
    with spoilt(create_amazon(store, options, clock=lambda: NOW)) as (url, spoiler):
        yield Market(url, spoiler)
    store.close()
