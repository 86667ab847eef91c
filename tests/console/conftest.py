from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.orm import Session
from werkzeug.datastructures import Authorization
from werkzeug.test import TestResponse

from pipeline.console.app import create_app
from pipeline.db import Sessions
from tests.console.builders import NOW, some_settings

USER, PASSWORD = "anna", "pässword"


class SignedIn:
    """A browser that has the login and sends what browsers send with a form of ours."""

    def __init__(self, app: Flask) -> None:
        self._client: FlaskClient = app.test_client()
        self._login = Authorization("basic", {"username": USER, "password": PASSWORD})

    def get(self, path: str) -> TestResponse:
        return self._client.get(path, auth=self._login, buffered=True)

    def post(self, path: str, headers: dict[str, str] | None = None) -> TestResponse:
        sent = {"Sec-Fetch-Site": "same-origin"} if headers is None else headers
        return self._client.post(path, auth=self._login, headers=sent)


@pytest.fixture
def app(sessions: Sessions) -> Flask:
    return create_app(some_settings(), sessions, lambda: NOW, USER, PASSWORD)


@pytest.fixture
def app_without_database() -> Flask:
    """For what is decided before the database is asked."""

    def no_database() -> Session:
        raise AssertionError("the database was asked")

    return create_app(some_settings(), no_database, lambda: NOW, USER, PASSWORD)


@pytest.fixture
def browser(app: Flask) -> SignedIn:
    return SignedIn(app)


@pytest.fixture
def statements(sessions: Sessions) -> Iterator[list[str]]:
    """Every SELECT that is sent to the test's database."""
    seen: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if statement.lstrip().startswith("SELECT"):
            seen.append(statement)

    with sessions() as session:
        engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)
