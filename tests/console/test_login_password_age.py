"""A password that was set by somebody else, or that is old, leads to the form for another one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from pipeline.access.people import People
from pipeline.base.db import Sessions
from pipeline.console.app import create_app
from pipeline.settings.console import ConsoleSettings
from pipeline.settings.roles import Role
from tests.builders import signed
from tests.console.builders import NOW, some_settings
from tests.console.forms import form_token
from tests.console.signing_in import PASSWORD, Clock, is_in, sign_in

NEW = "four other words of mine"


def choose(client: FlaskClient, **form: str) -> int:
    token = form_token(client.get("/account/password").text)
    sent = {**token, "new": NEW, "again": NEW, **form}
    return client.post("/account/password", data=sent).status_code


def test_a_one_time_password_leads_to_the_form_and_nowhere_else(
    client: FlaskClient, clock: Clock, sessions: Sessions
) -> None:
    People(sessions).add("bert", Role.OPERATOR, PASSWORD, signed("olga", NOW))
    assert sign_in(client, "bert").status_code == 303
    for path in ("/", "/orders/1", "/account", "/account/sign-ins", "/account/second-factor"):
        assert client.get(path).headers["Location"] == "/account/password"
    page = client.get("/account/password").text
    assert "Somebody else has set the password" in page
    assert "Present password" not in page
    again = create_app(some_settings(), sessions, clock).test_client()
    assert sign_in(again, "bert").status_code == 403
    assert choose(client, new=PASSWORD, again=PASSWORD) == 400
    assert choose(client, again="x") == 400
    assert choose(client) == 303
    assert is_in(client)
    assert sign_in(again, "bert", NEW).status_code == 303
    assert is_in(again)


def test_what_an_admin_sets_for_another_is_such_a_password(
    client: FlaskClient, clock: Clock, sessions: Sessions
) -> None:
    sign_in(client)
    People(sessions).set_password("anna", NEW, signed("olga", NOW))
    assert not is_in(client)
    clock.pass_(hours=72)
    assert sign_in(client, password=NEW).status_code == 403


def test_after_a_year_a_password_is_changed_before_anything_else(
    client: FlaskClient, clock: Clock
) -> None:
    clock.pass_(days=350)
    sign_in(client)
    assert "Your password lasts until" not in client.get("/account").text
    clock.pass_(days=1)
    sign_in(client)
    assert "Your password lasts until 2027-03-10 12:00" in client.get("/account").text
    clock.pass_(days=14)
    assert sign_in(client).status_code == 303
    assert client.get("/").headers["Location"] == "/account/password"
    assert "has reached its age" in client.get("/account/password").text
    assert choose(client) == 403
    assert choose(client, password=PASSWORD) == 303
    assert is_in(client)
    assert "Your password lasts until" not in client.get("/account").text


@pytest.mark.parametrize(("days", "is_over"), [(29, False), (30, True)])
def test_the_age_is_set(
    sessions: Sessions, client: FlaskClient, clock: Clock, days: int, is_over: bool
) -> None:
    console = ConsoleSettings(password_days=30)
    settings = some_settings().model_copy(update={"console": console})
    client = create_app(settings, sessions, clock).test_client()
    clock.at = NOW + timedelta(days=days)
    sign_in(client)
    assert is_in(client) is not is_over


def test_a_password_lasts_a_year_at_most() -> None:
    with pytest.raises(ValueError, match="less than or equal to 365"):
        ConsoleSettings(password_days=366)
