"""A Magento stand-in on a real socket for a test, and what a test may do behind its back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from pipeline.magento.client import Magento
from pipeline.settings.model import ShopSettings
from sandbox.core import Store, make
from sandbox.magento.app import create_app
from sandbox.magento.schema import SCHEMA

TOKEN = "sandbox-at"


class StandIn:
    """The shop's control routes, and its own REST routes as another system would call them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = requests.Session()

    def tell(self, what: str, **body: Any) -> Any:
        answer = self._http.post(f"{self.url}/_control/{what}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def ask(self, what: str) -> Any:
        return self._http.get(f"{self.url}/_control/{what}", timeout=10).json()

    def rest(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        """What another system of the merchant's does."""
        answer = self._http.request(
            method,
            f"{self.url}/rest/default/V1{path}",
            json=body,
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=10,
        )
        assert answer.status_code == expect, answer.text
        return answer.json()

    def stock(self, sku: str) -> tuple[Any, Any, Any]:
        """Source, sum of reservations, salable."""
        now = self.ask(f"stock/{sku}")
        return now["source"], now["reservations_sum"], now["salable"]

    def answered(self, *routes: str) -> dict[str, int]:
        """How often each route was called, whatever it answered; all, or these."""
        calls = self.ask("calls")
        return {
            route: sum(by_status.values())
            for route, by_status in sorted(calls.items())
            if not routes or route in routes
        }


@contextmanager
def standing_in(folder: Path) -> Iterator[StandIn]:
    """Serve a shop that takes a bearer token."""
    store = Store(folder / "shop.sqlite", SCHEMA)
    server = make(create_app(store), 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield StandIn(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        store.close()


def client_of(url: str) -> Magento:
    """Our client for that shop. It does not sleep between its tries."""
    settings = ShopSettings.model_validate(
        {"base_url": url, "auth": "bearer", "access_token": TOKEN}
    )
    return Magento("main", settings, now=lambda: datetime.now(UTC), sleep=lambda _: None)
