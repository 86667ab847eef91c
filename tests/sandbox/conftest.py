"""The Amazon stand-in on a real socket, and a caller that speaks to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.amazon.app import create_app
from sandbox.amazon.state import Options, open_store
from sandbox.core import make

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
USER_AGENT = "Tester/1.0 (Language=Python/3.11)"
ALL_DATA = (
    "BUYER,RECIPIENT,PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT,"
    "FULFILLMENT_ORDERS"
)


class Caller:
    """One seller's application, plus the control routes."""

    def __init__(self, url: str, account: str = "main") -> None:
        self.url = url
        self.account = account
        self.headers = {"user-agent": USER_AGENT}

    def token(self, **form: str) -> requests.Response:
        """Ask Login with Amazon; without a form, the good request of this account."""
        good = {
            "grant_type": "refresh_token",
            "refresh_token": f"Atzr|sandbox-{self.account}",
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
        }
        return requests.post(f"{self.url}/auth/o2/token", data=form or good, timeout=10)

    def log_in(self) -> Caller:
        self.headers["x-amz-access-token"] = self.token().json()["access_token"]
        return self

    def search(self, **parameters: str) -> requests.Response:
        url = f"{self.url}/orders/2026-01-01/orders"
        return requests.get(url, params=parameters, headers=self.headers, timeout=10)

    def get(self, order_id: str, included: str = ALL_DATA) -> requests.Response:
        url = f"{self.url}/orders/2026-01-01/orders/{order_id}"
        parameters = {"includedData": included} if included else {}
        return requests.get(url, params=parameters, headers=self.headers, timeout=10)

    def confirm(self, order_id: str, body: Any) -> requests.Response:
        url = f"{self.url}/orders/v0/orders/{order_id}/shipmentConfirmation"
        return requests.post(url, json=body, headers=self.headers, timeout=10)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call a control route and return its answer's JSON; anything but 200 fails the test."""
        answer = requests.request(method, f"{self.url}/_control/{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def place(self, order: dict[str, Any], account: str = "main") -> None:
        self.control("POST", "orders", {"account": account, "order": order})

    def truth(self, order_id: str) -> Any:
        return self.control("GET", f"orders/{order_id}")


@contextmanager
def running_amazon(data: Path, options: Options | None = None) -> Iterator[Caller]:
    """Serve the stand-in at a standing clock (`NOW`) and log in to its main account."""
    store = open_store(data)
    server = make(create_app(store, options, clock=lambda: NOW), 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Caller(f"http://127.0.0.1:{server.server_port}").log_in()
    finally:
        server.shutdown()
        thread.join()
        store.close()


@pytest.fixture(scope="session")
def one_amazon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with running_amazon(tmp_path_factory.mktemp("amazon") / "amazon.sqlite") as caller:
        yield caller


@pytest.fixture
def amazon(one_amazon: Caller) -> Caller:
    """The process's stand-in as on its first start; all that it knows is in its store."""
    one_amazon.control("POST", "reset")
    return Caller(one_amazon.url).log_in()


def refusal(answer: requests.Response) -> tuple[int, str, str]:
    """Status, code and message of an error in SP-API's shape."""
    (error,) = answer.json()["errors"]
    assert set(error) == {"code", "message", "details"}
    return answer.status_code, error["code"], error["message"]
