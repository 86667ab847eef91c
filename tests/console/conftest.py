from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from pipeline.access.people import People
from pipeline.access.sign_ins import SignIns
from pipeline.access.tables import PersonRecord
from pipeline.base.db import Sessions, engine_for, sessions_for
from pipeline.console.app import create_app
from pipeline.settings.roles import Role
from tests.builders import signed
from tests.console.builders import NOW, some_settings
from tests.console.forms import form_token
from tests.console.issuer import Issuer
from tests.console.signing_in import PASSWORD, Clock
from tests.console.single_sign_on import ANNA

USER = "anna"


class SignedIn:
    """A browser in which somebody has signed in, that sends what browsers send with our forms."""

    def __init__(
        self, app: Flask, sessions: Sessions, name: str = USER, role: Role = Role.ADMIN
    ) -> None:
        self._client: FlaskClient = app.test_client()
        with sessions() as session, session.begin():
            person = PersonRecord(name=name, role=role, created_at=NOW)
            session.add(person)
            session.flush()
            person_id = person.id
        self._client.set_cookie("orderbridge", SignIns(sessions).begin(person_id, "127.0.0.1", NOW))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> TestResponse:
        return self._client.get(path, buffered=True, headers=headers)

    def post(
        self,
        path: str,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> TestResponse:
        """Send a form of ours; `headers` in place of those that a browser sends with it."""
        sent = {"Sec-Fetch-Site": "same-origin"} if headers is None else headers
        return self._client.post(path, data={**self.token(), **(data or {})}, headers=sent)

    def live_in(self, zone: str) -> None:
        """The browser's clock is in this time zone."""
        self._client.set_cookie("orderbridge-zone", zone)

    def cookie(self) -> str:
        """The header by which another connection is signed in too."""
        cookie = self._client.get_cookie("orderbridge")
        assert cookie is not None
        return f"Cookie: orderbridge={cookie.value}\r\n"

    def token(self) -> dict[str, str]:
        """The hidden field of every form, as the account's page has it."""
        return form_token(self.get("/account").text)


@cache
def console_on(database_url: str) -> Flask:
    """The console of all tests on a database: it keeps nothing but its compiled templates."""
    return create_app(some_settings(), sessions_for(engine_for(database_url)), lambda: NOW)


@pytest.fixture
def app(database_url: str) -> Flask:
    """The console on an empty database."""
    return console_on(database_url)


@pytest.fixture(scope="session")
def app_without_database() -> Flask:
    """For what is decided before the database is asked."""

    def no_database() -> Session:
        raise AssertionError("the database was asked")

    return create_app(some_settings(), no_database, lambda: NOW)


@pytest.fixture
def browser(app: Flask, sessions: Sessions) -> SignedIn:
    """An admin's."""
    return SignedIn(app, sessions)


@pytest.fixture
def operator(app: Flask, sessions: Sessions) -> SignedIn:
    return SignedIn(app, sessions, "otto", Role.OPERATOR)


@pytest.fixture
def viewer(app: Flask, sessions: Sessions) -> SignedIn:
    return SignedIn(app, sessions, "vera", Role.VIEWER)


@pytest.fixture
def clock() -> Clock:
    """The time of `client`'s console."""
    return Clock()


@pytest.fixture
def client(sessions: Sessions, clock: Clock) -> FlaskClient:
    """A browser in which nobody has signed in, where `anna` may."""
    People(sessions).add("Anna", Role.OPERATOR, PASSWORD, signed(at=NOW), is_own=True)
    return create_app(some_settings(), sessions, clock).test_client()


@pytest.fixture(scope="session")
def running_issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        yield issuer


@pytest.fixture
def issuer(running_issuer: Issuer) -> Issuer:
    """An OpenID provider where Anna may sign in."""
    running_issuer.reset(ANNA)
    return running_issuer


@pytest.fixture
def statements(sessions: Sessions) -> Iterator[list[str]]:
    """Every SELECT that is sent to the test's database."""
    seen: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            seen.append(statement)

    with sessions() as session:
        engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)
