"""The Magento stand-in lets in whom a shop lets in: a bearer, or OAuth 1.0a as Magento reads it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
import requests

from sandbox.core import Store, make
from sandbox.magento.app import create_app
from sandbox.magento.schema import SCHEMA

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BEARER = {"Authorization": "Bearer sandbox-at"}
_nonces = itertools.count(1)


class Caller:
    """An integration that calls the stand-in, and the control routes beside it."""

    def __init__(self, url: str, store: Store, clock: list[datetime]) -> None:
        self.url = url
        self.store = store
        self.clock = clock

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> requests.Response:
        """Send a request below /rest/default/V1, or to a path that starts with /rest."""
        whole = path if path.startswith(("/rest", "/_control")) else f"/rest/default/V1/{path}"
        known = BEARER if headers is None else headers
        return requests.request(method, self.url + whole, json=body, headers=known, timeout=10)

    def send(
        self, method: str, url: str, raw: str | None, headers: dict[str, str]
    ) -> requests.Response:
        """Send a body and headers as they are."""
        data = raw.encode() if raw is not None else None
        return requests.request(method, url, data=data, headers=headers, timeout=10)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer that must be 200."""
        answer = self.call(method, path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        return self.ok(method, f"/_control/{path}", body)

    def later(self, seconds: int) -> None:
        self.clock[0] += timedelta(seconds=seconds)


@contextmanager
def running_magento(data: Path, *, bearer: bool = True) -> Iterator[Caller]:
    """Serve the stand-in with a clock that stands still until a test moves it."""
    store, clock = Store(data, SCHEMA), [NOW]
    server = make(create_app(store, bearer=bearer, now=lambda: clock[0]), 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Caller(f"http://127.0.0.1:{server.server_port}", store, clock)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        store.close()


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]


def oauth(
    method: str,
    url: str,
    *,
    at: datetime = NOW,
    nonce: str | None = None,
    algorithm: str = "HMAC-SHA256",
    slash: str = "/",
    natural: bool = True,
    port: bool = False,
) -> dict[str, str]:
    """An OAuth header, signed as Magento wants it; the switches sign as RFC 5849 has it."""
    parts = urlsplit(url)
    sent = {
        "oauth_consumer_key": "sandbox-ck",
        "oauth_token": "sandbox-at",
        "oauth_nonce": nonce or f"nonce-{next(_nonces)}",
        "oauth_timestamp": str(int(at.timestamp())),
        "oauth_signature_method": algorithm,
        "oauth_version": "1.0",
    }
    pairs = [(quote(name, safe=""), quote(value, safe="")) for name, value in sent.items()]
    for entry in filter(None, parts.query.split("&")):
        name, _, value = entry.partition("=")
        pairs.append((quote(unquote(name), safe=""), quote(unquote(value), safe="")))
    if natural:
        pairs.sort(key=lambda pair: re.sub(r"\d+", lambda run: run[0].zfill(9), pair[0]))
    else:
        pairs.sort()
    host = parts.netloc if port else str(parts.hostname)
    path = parts.path.replace("%2F", slash)
    text = "&".join(f"{name}={value}" for name, value in pairs)
    base = "&".join(quote(one, safe="") for one in (method, f"http://{host}{path}", text))
    digest = hmac.new(b"sandbox-cs&sandbox-ats", base.encode(), hashlib.sha256).digest()
    sent["oauth_signature"] = base64.b64encode(digest).decode()
    header = ", ".join(f'{name}="{quote(value, safe="")}"' for name, value in sent.items())
    return {"Authorization": f"OAuth {header}"}


@pytest.fixture(scope="module")
def one_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with running_magento(tmp_path_factory.mktemp("shop") / "magento.sqlite") as caller:
        yield caller


@pytest.fixture
def magento(one_shop: Caller) -> Caller:
    """The module's shop on its first day, at `NOW`."""
    one_shop.clock[0] = NOW
    one_shop.control("POST", "reset")
    return one_shop


STORE_VIEWS = "/rest/default/V1/store/storeViews"
SLASHED = "/rest/default/V1/products/SLASH%2FSKU%2B1"
TWELVE_GROUPS = "/rest/default/V1/orders?fields=total_count&" + "&".join(
    f"searchCriteria[filterGroups][{n}][filters][0][field]=store_id"
    f"&searchCriteria[filterGroups][{n}][filters][0][value]=1"
    for n in range(12)
)
INVALID = "The signature is invalid. Verify and try again."


@pytest.mark.parametrize(
    ("path", "switches", "status", "message"),
    [
        (STORE_VIEWS, {}, 200, None),
        (STORE_VIEWS, {"port": True}, 200, None),
        (SLASHED, {}, 200, None),
        (SLASHED, {"slash": "%2F"}, 401, INVALID),
        (TWELVE_GROUPS, {}, 200, None),
        (TWELVE_GROUPS, {"natural": False}, 401, INVALID),
        (STORE_VIEWS, {"at": NOW - timedelta(hours=1)}, 200, None),
        (
            STORE_VIEWS,
            {"at": NOW + timedelta(hours=1)},
            401,
            "The timestamp value in the oauth_timestamp parameter is invalid",
        ),
        (STORE_VIEWS, {"algorithm": "HMAC-SHA1"}, 400, "Signature method %1 is not supported"),
    ],
)
def test_oauth_is_read_as_magento_reads_it(
    magento: Caller, path: str, switches: dict[str, Any], status: int, message: str | None
) -> None:
    answer = magento.call("GET", path, headers=oauth("GET", magento.url + path, **switches))
    assert answer.status_code == status, answer.text
    if message is not None:
        assert answer.json()["message"] == message


def test_a_space_is_signed_as_percent_twenty_and_never_as_plus(magento: Caller) -> None:
    head = "/rest/default/V1/products?fields=total_count&searchCriteria[filterGroups][0]"
    path = head + "[filters][0][field]=name&searchCriteria[filterGroups][0][filters][0][value]="
    spaced, plus = path + "Desk%20lamp", path + "Desk+lamp"
    answer = magento.call("GET", spaced, headers=oauth("GET", magento.url + spaced))
    assert (answer.status_code, answer.json()) == (200, {"total_count": 1})
    signed_as_space = oauth("GET", magento.url + spaced)
    assert refusal(magento.call("GET", plus, headers=signed_as_space)) == (401, INVALID)


def test_a_nonce_is_good_once(magento: Caller) -> None:
    url = magento.url + STORE_VIEWS
    first, second = (oauth("GET", url, nonce="once") for _ in range(2))
    assert magento.call("GET", STORE_VIEWS, headers=first).status_code == 200
    again = magento.call("GET", STORE_VIEWS, headers=second)
    assert again.status_code == 401
    assert again.json() == {
        "message": "The nonce is already being used by the consumer with ID %1",
        "parameters": ["1"],
    }


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}]
)
def test_whoever_may_not_call_gets_one_and_the_same_401(
    magento: Caller, headers: dict[str, str]
) -> None:
    answer = magento.call("GET", "orders/1", headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {
        "message": "The consumer isn't authorized to access %resources.",
        "parameters": {"resources": "Magento_Sales::actions_view"},
    }


def test_a_shop_without_bearer_still_takes_signatures(tmp_path: Path) -> None:
    with running_magento(tmp_path / "m.sqlite", bearer=False) as magento:
        assert magento.call("GET", STORE_VIEWS).status_code == 401
        signed = oauth("GET", magento.url + STORE_VIEWS)
        assert magento.call("GET", STORE_VIEWS, headers=signed).status_code == 200


def test_the_directory_is_open_to_everyone(magento: Caller) -> None:
    assert magento.call("GET", "directory/countries/DE", headers={}).status_code == 200
    assert magento.call("GET", "/rest/V1/modules", headers={}).status_code == 401
