"""Somebody in front of the login form."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.console.builders import NOW
from tests.console.forms import form_token

PASSWORD = "four wörds of mine"


@dataclass
class Clock:
    """The time, as the test has it."""

    at: datetime = field(default=NOW)

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, **time: float) -> None:
        self.at += timedelta(**time)


def sign_in(
    client: FlaskClient, name: str = "anna", password: str = PASSWORD, page: str = ""
) -> TestResponse:
    form = form_token(client.get("/login").text)
    sent = {**form, "name": name, "password": password, "next": page}
    return client.post("/login", data=sent)


def is_in(client: FlaskClient) -> bool:
    return client.get("/account").status_code == 200


def token_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("orderbridge")
    assert cookie is not None
    return str(cookie.value)
