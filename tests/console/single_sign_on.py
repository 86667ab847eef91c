"""A console with an OpenID provider, and somebody who signs in there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import requests
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from pipeline.base.db import Sessions
from pipeline.console.app import create_app
from pipeline.settings.console import ConsoleSettings, OidcSettings
from pipeline.settings.roles import Role
from tests.console.builders import NOW, some_settings
from tests.console.issuer import CLIENT_ID, CLIENT_SECRET, Issuer

URL = "http://localhost"
ANNA = {"sub": "1", "preferred_username": "anna@shop.example", "groups": ["warehouse", "others"]}


def an_app(
    issuer: Issuer, sessions: Sessions, now: Callable[[], datetime] = lambda: NOW, **changed: Any
) -> Flask:
    oidc = OidcSettings(
        issuer=issuer.url,
        client_id=CLIENT_ID,
        client_secret=SecretStr(CLIENT_SECRET),
        **{"roles": {"warehouse": Role.OPERATOR, "it": Role.ADMIN}, **changed},
    )
    settings = some_settings().model_copy(update={"console": ConsoleSettings(url=URL, oidc=oidc)})
    return create_app(settings, sessions, now)


def sign_in(client: FlaskClient, page: str = "/login/oidc") -> TestResponse:
    """Go to the provider and come back with what it says."""
    away = client.get(page)
    assert away.status_code == 302, away.text
    return come_back(client, away)


def come_back(client: FlaskClient, away: TestResponse) -> TestResponse:
    """Follow a redirect to the provider, and the provider's back."""
    back = requests.get(away.headers["Location"], allow_redirects=False, timeout=20)
    return client.get(back.headers["Location"].removeprefix(URL))
