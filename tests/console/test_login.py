"""Signing in with a password, and what a sign-in is good for."""

from __future__ import annotations

import hmac

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from pipeline.access.people import People
from pipeline.access.tables import PersonRecord, SignIn
from pipeline.base.db import Sessions
from pipeline.console.app import create_app
from pipeline.settings.console import ConsoleSettings
from pipeline.settings.roles import Role
from tests.builders import signed
from tests.console.builders import NOW, some_settings
from tests.console.forms import form_token
from tests.console.signing_in import PASSWORD, Clock, is_in, sign_in, token_of


def test_who_is_not_signed_in_is_sent_to_the_form_and_then_back(client: FlaskClient) -> None:
    reply = client.get("/orders?status=held")
    assert (reply.status_code, reply.headers["Location"]) == (
        303,
        "/login?next=/orders?status%3Dheld",
    )
    assert 'name="next" value="/orders?status=held"' in client.get(reply.headers["Location"]).text
    reply = sign_in(client, page="/orders?status=held")
    assert (reply.status_code, reply.headers["Location"]) == (303, "/orders?status=held")
    assert "<h1>Anna</h1>" in client.get("/account").text


@pytest.mark.parametrize(
    "page",
    [
        *("https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example"),
        *("/\t/evil.example", "javascript:alert(1)", "evil.example", "/\r\nSet-Cookie: a=b", ""),
    ],
)
def test_nobody_is_sent_elsewhere(client: FlaskClient, page: str) -> None:
    assert sign_in(client, page=page).headers["Location"] == "/"


@pytest.mark.parametrize(
    ("name", "password"),
    [("anna", "wrong"), ("nobody", PASSWORD), ("", ""), ("anna", ""), ("an\0na", "\0"), ("%", "%")],
)
def test_a_wrong_name_and_a_wrong_password_are_told_alike(
    client: FlaskClient, name: str, password: str
) -> None:
    reply = sign_in(client, name, password)
    assert reply.status_code == 403
    assert "The name or the password is wrong." in reply.text
    assert not is_in(client)


def test_a_password_fits_however_it_was_typed_and_a_name_in_any_case(client: FlaskClient) -> None:
    decomposed = PASSWORD.replace("ö", "o\N{COMBINING DIAERESIS}")
    assert sign_in(client, " ANNA ", decomposed).status_code == 303


def test_the_token_is_new_at_sign_in_and_dead_after_signing_out(
    client: FlaskClient, sessions: Sessions
) -> None:
    client.set_cookie("orderbridge", "a token that a stranger has set")
    sign_in(client)
    token = token_of(client)
    assert token != "a token that a stranger has set"
    with sessions() as session:
        assert token.encode() not in session.scalars(select(SignIn.token_digest)).all()
    reply = client.post("/logout", data=form_token(client.get("/account").text))
    assert (reply.status_code, reply.headers["Location"]) == (303, "/login")
    assert client.get_cookie("orderbridge") is None
    client.set_cookie("orderbridge", token)
    assert not is_in(client)


def test_signing_in_again_ends_the_sign_in_before(client: FlaskClient, sessions: Sessions) -> None:
    sign_in(client)
    first = token_of(client)
    sign_in(client)
    assert is_in(client)
    client.set_cookie("orderbridge", first)
    assert not is_in(client)


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(client: FlaskClient) -> None:
    header = sign_in(client).headers["Set-Cookie"]
    assert header.split("; ")[1:] == ["HttpOnly", "Path=/", "SameSite=Lax"]


def test_behind_https_the_cookie_is_for_https_alone(
    client: FlaskClient, sessions: Sessions
) -> None:
    console = ConsoleSettings(url="https://orders.shop.example")
    settings = some_settings().model_copy(update={"console": console})
    app = create_app(settings, sessions, lambda: NOW)
    header = app.test_client().get("/login").headers["Set-Cookie"]
    assert header.startswith("__Host-orderbridge=")
    assert header.split("; ")[1:] == ["Secure", "HttpOnly", "Path=/", "SameSite=Lax"]


def test_a_sign_in_ends_after_half_an_hour_in_which_nobody_does_anything(
    client: FlaskClient, clock: Clock
) -> None:
    sign_in(client)
    clock.pass_(minutes=29)
    assert is_in(client)
    clock.pass_(minutes=29)
    assert client.get("/account?fragment=1").status_code == 200  # by the page's own script
    clock.pass_(minutes=1)
    reply = client.get("/account?fragment=1")
    assert (reply.status_code, "Location" in reply.headers) == (401, False)
    assert not is_in(client)


def test_a_sign_in_ends_after_twelve_hours_anyway(
    client: FlaskClient, clock: Clock, sessions: Sessions
) -> None:
    sign_in(client)
    for _ in range(47):
        clock.pass_(minutes=15)
        assert is_in(client)
    clock.pass_(minutes=15)
    assert not is_in(client)
    sign_in(client)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(SignIn)) == 1


def test_a_role_and_a_lock_count_at_once(client: FlaskClient, sessions: Sessions) -> None:
    people = People(sessions)
    sign_in(client)
    people.set_role("anna", Role.VIEWER, signed())
    assert "<b>viewer</b>" in client.get("/account").text
    people.set_locked("anna", True, signed())
    assert not is_in(client)
    assert sign_in(client).status_code == 403
    people.set_locked("anna", False, signed())
    assert not is_in(client)
    assert sign_in(client).status_code == 303


@pytest.mark.parametrize(
    ("form", "status", "sentence"),
    [
        ({"password": "wrong"}, 403, "Your present password is wrong."),
        ({"again": "five other words of mine"}, 400, "two new passwords differ"),
        ({"new": "short", "again": "short"}, 400, "a password has 12 to 256 characters"),
        ({"new": "x" * 257, "again": "x" * 257}, 400, "a password has 12 to 256 characters"),
        ({"new": PASSWORD, "again": PASSWORD}, 400, "was yours before, or is the present one"),
    ],
)
def test_a_password_is_changed_by_who_knows_it_only(
    client: FlaskClient, form: dict[str, str], status: int, sentence: str
) -> None:
    sign_in(client)
    new = "four other words of mine"
    sent = {"password": PASSWORD, "new": new, "again": new, **form}
    token = form_token(client.get("/account").text)
    reply = client.post("/account/password", data={**token, **sent})
    assert reply.status_code == status
    assert sentence in reply.text
    assert is_in(client)
    assert sign_in(client).status_code == 303


def test_a_new_password_signs_out_everywhere_else(client: FlaskClient, app: Flask) -> None:
    elsewhere = app.test_client()
    sign_in(client)
    sign_in(elsewhere)
    new = "four other words of mine"
    token = form_token(client.get("/account").text)
    sent = {**token, "password": PASSWORD, "new": new, "again": new}
    assert client.post("/account/password", data=sent).status_code == 303
    assert (is_in(client), is_in(elsewhere)) == (True, False)
    assert sign_in(elsewhere).status_code == 403
    assert sign_in(elsewhere, password=new).status_code == 303


def test_passwords_are_kept_as_argon2_hashes(client: FlaskClient, sessions: Sessions) -> None:
    with sessions() as session:
        kept = session.scalars(select(PersonRecord.password_hash)).one()
    assert kept is not None
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.parametrize("token", [None, "", "0" * 64, "ü"])
def test_the_login_form_needs_its_token(client: FlaskClient, token: str | None) -> None:
    client.get("/login")
    form = {"name": "anna", "password": PASSWORD, **({"csrf_token": token} if token else {})}
    assert client.post("/login", data=form).status_code == 400
    assert not is_in(client)


def test_the_token_of_no_cookie_is_none(client: FlaskClient, app: Flask) -> None:
    """A browser sends no cookie with another site's form, so that its token must not be known."""
    known = "00" * 32 + hmac.new(b"", b"orderbridge forms", "sha256").hexdigest()
    form = {"name": "anna", "password": PASSWORD, "csrf_token": known}
    assert app.test_client().post("/login", data=form).status_code == 400
