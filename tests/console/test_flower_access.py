"""Who may see Flower, as the console tells the proxy before it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from pipeline.access.tables import SignIn
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from tests.console.builders import NOW
from tests.console.conftest import SignedIn
from tests.console.signing_in import Clock, sign_in
from tests.security_log import rows

PAGE = "/flower-access"
OPENED = {"Sec-Fetch-Mode": "navigate"}


@pytest.mark.parametrize(
    ("who", "status"), [("browser", 204), ("operator", 204), ("viewer", 403), (None, 401)]
)
def test_operators_and_admins_alone_see_flower(
    app: Flask, request: pytest.FixtureRequest, who: str | None, status: int
) -> None:
    client = app.test_client() if who is None else request.getfixturevalue(who)
    assert client.get(PAGE).status_code == status


def test_a_person_is_in_the_security_log_once_an_hour(
    client: FlaskClient, sessions: Sessions, clock: Clock
) -> None:
    sign_in(client)
    for minutes in (0, 25, 25, 9, 2):
        clock.pass_(minutes=minutes)
        assert client.get(PAGE, headers=OPENED).status_code == 204
    found = rows(sessions, Action.FLOWER_OPENED)
    assert [(row.person, row.address, row.at) for row in found] == [
        ("Anna", "127.0.0.1", NOW),
        ("Anna", "127.0.0.1", NOW + timedelta(minutes=61)),
    ]
    client.get(PAGE, environ_overrides={"REMOTE_ADDR": "192.0.2.7"})
    assert rows(sessions, Action.FLOWER_OPENED)[-1].address == "192.0.2.7"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 204),
        ({"Sec-Fetch-Site": "none", **OPENED}, 204),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", **OPENED}, 204),
        ({"Sec-Fetch-Site": "same-site", **OPENED, "X-Forwarded-Method": "POST"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, 403),
    ],
)
def test_another_host_does_nothing_there(
    operator: SignedIn, headers: dict[str, str], status: int
) -> None:
    assert operator.get(PAGE, headers=headers).status_code == status


def test_who_is_refused_is_not_in_it(viewer: SignedIn, sessions: Sessions) -> None:
    viewer.get(PAGE)
    assert rows(sessions, Action.FLOWER_OPENED) == []


def test_pages_that_somebody_opens_keep_the_sign_in_and_what_they_fetch_does_not(
    client: FlaskClient, sessions: Sessions, clock: Clock
) -> None:
    sign_in(client)
    for headers, is_seen in (({}, False), ({"Sec-Fetch-Mode": "cors"}, False), (OPENED, True)):
        clock.pass_(minutes=9)
        assert client.get(PAGE, headers=headers).status_code == 204
        with sessions() as session:
            seen_at = session.scalars(select(SignIn.seen_at)).one()
        assert (seen_at == clock()) is is_seen
