"""The API as another system calls it, through the console's application that mounts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

from pipeline.access.api_tokens import ApiScope, ApiTokens
from pipeline.base.db import Sessions, engine_for, sessions_for
from pipeline.console.app import create_app
from pipeline.settings.model import Settings
from tests.builders import NOW, signed
from tests.colliding import two_of_each
from tests.console.signing_in import Clock

_CLOCK = Clock(NOW)


class Answered(NamedTuple):
    """An answer of the API; `json` is None without one."""

    status_code: int
    headers: Headers
    json: Any
    text: str

    @property
    def mimetype(self) -> str:
        return self.headers["Content-Type"].partition(";")[0]


@dataclass
class System:
    """Another system; `token` is what it sends, nothing if empty."""

    client: FlaskClient
    token: str = ""
    address: str = "192.0.2.7"
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **query: Any) -> Answered:
        return _read(
            self.client.get(
                f"/api/v1{path}", query_string=query, headers=self._headers(), **self._from()
            )
        )

    def post(self, path: str, body: Any = None, key: str = "") -> Answered:
        keyed = {"Idempotency-Key": key} if key else {}
        return _read(
            self.client.post(
                f"/api/v1{path}", json=body, headers={**self._headers(), **keyed}, **self._from()
            )
        )

    def _from(self) -> dict[str, Any]:
        return {"environ_overrides": {"REMOTE_ADDR": self.address}}

    def _headers(self) -> Mapping[str, str]:
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {**sent, **self.headers}


def _read(response: TestResponse) -> Answered:
    body = response.get_json(silent=True) if response.is_json else None
    return Answered(response.status_code, response.headers, body, response.text)


@pytest.fixture
def clock() -> Clock:
    """The time of the application that all tests share."""
    _CLOCK.at = NOW
    return _CLOCK


@pytest.fixture
def settings(redis_url: str) -> Settings:
    """Two shops and two accounts, alike in every number."""
    return _settings(redis_url)


def _settings(redis_url: str) -> Settings:
    made = two_of_each(account={"seller_id": "A1SELLER"})
    return made.model_copy(update={"redis_url": SecretStr(redis_url)})


@pytest.fixture
def app(settings: Settings, database_url: str, clock: Clock) -> Flask:
    """The console's application on an empty database."""
    return _app_on(settings.redis_url.get_secret_value(), database_url)


@cache
def _app_on(redis_url: str, database_url: str) -> Flask:
    return create_app(_settings(redis_url), sessions_for(engine_for(database_url)), _CLOCK)


def a_token(sessions: Sessions, *scopes: ApiScope, name: str = "erp", days: int = 90) -> str:
    """A token with these scopes; with all of them if none is named."""
    return ApiTokens(sessions).add(name, scopes or tuple(ApiScope), days, signed(at=NOW))


@pytest.fixture
def system(app: Flask, sessions: Sessions) -> System:
    """A system that may do everything."""
    return System(app.test_client(), a_token(sessions))


@pytest.fixture
def stranger(app: Flask) -> System:
    """A system without a token."""
    return System(app.test_client())
