"""A shop on a real socket that answers what a test tells it, and the client that asks it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from pipeline.magento.client import Magento
from pipeline.settings.model import ShopSettings
from tests.magento.builders import NOW


class Asked:
    """A request as it arrived."""

    def __init__(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> None:
        parts = urlsplit(target)
        self.method = method
        self.path = parts.path
        self.query = dict(parse_qsl(parts.query))
        self.headers = headers
        self.body: Any = json.loads(raw, parse_float=Decimal) if raw else None


class Shop:
    """Answers in the order they were told, and what was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: list[tuple[int, bytes, dict[str, str]]] = []
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                shop.asked.append(Asked(self.command, self.path, dict(self.headers), raw))
                status, content, headers = shop._answers.pop(0)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_PUT = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answers(self, *bodies: Any) -> None:
        """200 with each of these as JSON, one a request."""
        for body in bodies:
            self.answers_with(200, body)

    def answers_with(self, status: int, body: Any, **headers: str) -> None:
        """One answer: text goes out as it is, anything else as JSON."""
        content = body if isinstance(body, str) else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._answers.append((status, content.encode(), named))

    @property
    def unused(self) -> int:
        return len(self._answers)


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    thread = threading.Thread(target=shop.server.serve_forever, args=(0.01,))
    thread.start()
    yield shop
    shop.server.shutdown()
    shop.server.server_close()
    thread.join()
    assert shop.unused == 0


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slept() -> list[float]:
    """The seconds that the client would have slept."""
    return []


@pytest.fixture
def magento(shop: Shop, clock: Clock, slept: list[float]) -> Magento:
    settings = ShopSettings.model_validate(
        {"base_url": shop.url, "auth": "bearer", "access_token": "the-token"}
    )
    return Magento("main", settings, now=clock, sleep=slept.append)
