"""Where a person is signed in, and ending that."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from pipeline.access.people import People
from pipeline.access.sign_ins import SignIns
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.console.app import create_app
from pipeline.console.browser_names import coarse_name
from pipeline.settings.roles import Role
from tests.builders import signed
from tests.console.builders import NOW, some_settings
from tests.console.conftest import SignedIn
from tests.console.forms import form_token
from tests.console.signing_in import PASSWORD, Clock, is_in, sign_in
from tests.security_log import rows

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def elsewhere(sessions: Sessions, clock: Clock) -> FlaskClient:
    other = create_app(some_settings(), sessions, clock).test_client()
    other.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    other.environ_base["HTTP_USER_AGENT"] = FIREFOX
    return other


def ids(page: str) -> list[str]:
    return re.findall(r'name="id" value="(\d+)"', page)


def end(client: FlaskClient, **form: str) -> None:
    token = form_token(client.get("/account").text)
    reply = client.post("/account/sign-ins/end", data={**token, **form})
    assert (reply.status_code, reply.headers["Location"]) == (303, "/account/sign-ins")


def test_the_page_lists_ones_own_and_ends_one_of_them(
    client: FlaskClient, elsewhere: FlaskClient, clock: Clock, sessions: Sessions
) -> None:
    sign_in(elsewhere)
    clock.pass_(minutes=5)
    sign_in(client)
    page = client.get("/account/sign-ins").text
    assert page.count("this one") == 1
    assert "192.0.2.7" in page
    assert "Firefox on Linux" in page
    (one,) = ids(page)
    end(client, id=one)
    assert (is_in(client), is_in(elsewhere)) == (True, False)
    (row,) = rows(sessions, Action.SIGN_INS_ENDED)
    assert (row.person, row.object, row.facts) == ("Anna", "person Anna", {"sign_ins": 1})
    for nothing in ("", "x", one, "9" * 30):
        end(client, id=nothing)
    assert len(rows(sessions, Action.SIGN_INS_ENDED)) == 1


def test_all_others_are_ended_at_once(client: FlaskClient, elsewhere: FlaskClient) -> None:
    sign_in(elsewhere)
    sign_in(client)
    end(client, others="1")
    assert (is_in(client), is_in(elsewhere)) == (True, False)


def test_nobody_sees_or_ends_anothers(
    client: FlaskClient, elsewhere: FlaskClient, sessions: Sessions
) -> None:
    People(sessions).add("bert", Role.OPERATOR, PASSWORD, signed(at=NOW), is_own=True)
    sign_in(elsewhere, "bert")
    sign_in(client)
    assert ids(client.get("/account/sign-ins").text) == []
    (berts,) = SignIns(sessions).of(People(sessions).named("bert").id, NOW)
    end(client, id=str(berts.id))
    end(client, others="1")
    assert is_in(elsewhere)


def test_an_admin_ends_those_of_others(
    browser: SignedIn, app: Flask, elsewhere: FlaskClient, sessions: Sessions
) -> None:
    people, client = People(sessions), app.test_client()
    people.add("bert", Role.OPERATOR, PASSWORD, signed(at=NOW), is_own=True)
    bert = people.named("bert").id
    for one in (client, elsewhere):
        sign_in(one, "bert")
    page = browser.get(f"/people/{bert}").text
    first, *others = ids(page)
    assert len(others) == 1
    form = {"name": "bert", "page": str(bert)}
    browser.post("/people/sign-ins", {**form, "id": first})
    assert [is_in(client), is_in(elsewhere)].count(True) == 1
    browser.post("/people/sign-ins", {**form, "all": "1"})
    assert not is_in(client)
    assert not is_in(elsewhere)
    assert "bert is not signed in." in browser.get(f"/people/{bert}").text
    assert [row.object for row in rows(sessions, Action.SIGN_INS_ENDED)] == ["person bert"] * 2


def test_what_has_ended_by_itself_is_not_listed(
    client: FlaskClient, elsewhere: FlaskClient, clock: Clock
) -> None:
    sign_in(elsewhere)
    clock.pass_(minutes=30)
    sign_in(client)
    assert ids(client.get("/account/sign-ins").text) == []


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("curl/8.0", ""),
        ("<script>", ""),
    ],
)
def test_a_browser_has_a_coarse_name(sent: str, name: str) -> None:
    assert coarse_name(sent) == name
