"""Signing in at an OpenID provider, over a real socket."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc.jwk import RSAKey
from sqlalchemy import select, update

from pipeline.access.tables import PersonRecord
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.console.app import create_app
from pipeline.settings.console import ConsoleSettings, OidcSettings
from pipeline.settings.roles import Role
from tests.console.builders import NOW, some_settings
from tests.console.issuer import CLIENT_ID, Issuer
from tests.console.single_sign_on import URL, an_app, sign_in
from tests.security_log import rows as logged_rows


def people(sessions: Sessions) -> list[tuple[str, str, str | None]]:
    with sessions() as session:
        rows = session.scalars(select(PersonRecord).order_by(PersonRecord.id))
        return [(row.name, row.role, row.password_hash) for row in rows]


def test_the_provider_says_who_it_is_and_which_role(issuer: Issuer, sessions: Sessions) -> None:
    client = an_app(issuer, sessions, label="Shop login").test_client()
    link = '<a href="/login/oidc?next=/orders/7">Sign in with Shop login</a>'
    assert link in client.get("/login?next=/orders/7").text
    reply = sign_in(client, "/login/oidc?next=/orders/7")
    assert (reply.status_code, reply.headers["Location"]) == (303, "/orders/7")
    account = client.get("/account").text
    assert "<h1>anna@shop.example</h1>" in account
    assert "<b>operator</b>" in account
    assert "Change the password" not in account
    assert people(sessions) == [("anna@shop.example", "operator", None)]


def test_name_and_role_follow_the_provider_at_each_sign_in(
    issuer: Issuer, sessions: Sessions
) -> None:
    client = an_app(issuer, sessions).test_client()
    sign_in(client)
    issuer.changed = {"preferred_username": "anna.b@shop.example", "groups": ["it", "warehouse"]}
    sign_in(client)
    assert people(sessions) == [("anna.b@shop.example", "admin", None)]


@pytest.mark.parametrize(
    ("settings", "claims", "role"),
    [
        ({"role_claim": "realm.roles"}, {"realm": {"roles": ["it"]}}, "admin"),
        ({"role_claim": "https://x.example/role"}, {"https://x.example/role": "it"}, "admin"),
        ({"default_role": Role.VIEWER}, {"groups": ["others"]}, "viewer"),
        ({"default_role": Role.VIEWER}, {"groups": [["it"], 7, None]}, "viewer"),
    ],
)
def test_a_role_may_be_told_in_several_ways(
    issuer: Issuer, sessions: Sessions, settings: dict[str, Any], claims: dict[str, Any], role: str
) -> None:
    issuer.changed = claims
    sign_in(an_app(issuer, sessions, **settings).test_client())
    assert [row[1] for row in people(sessions)] == [role]


@pytest.mark.parametrize(
    ("settings", "claims", "why"),
    [
        ({}, {"groups": ["others"]}, "gives you no role"),
        ({}, {"groups": None}, "gives you no role"),
        ({}, {"preferred_username": "a\nb"}, "a name has up to 64"),
        ({}, {"preferred_username": None}, "sends neither preferred_username nor email"),
        ({"allowed_domains": ("shop.example",)}, {}, "not verified"),
        (
            {"allowed_domains": ("shop.example",)},
            {"email": "anna@shop.example", "email_verified": False},
            "not verified",
        ),
        (
            {"allowed_domains": ("shop.example",)},
            {"email": "anna@shop.example.evil.example", "email_verified": True},
            "its domain is not allowed",
        ),
    ],
)
def test_who_is_not_meant_to_come_in_does_not(
    issuer: Issuer, sessions: Sessions, settings: dict[str, Any], claims: dict[str, Any], why: str
) -> None:
    issuer.changed = claims
    client = an_app(issuer, sessions, **settings).test_client()
    reply = sign_in(client)
    assert reply.status_code == 403
    assert why in reply.text
    assert people(sessions) == []
    assert client.get("/account").status_code == 303


AT = NOW.timestamp()


@pytest.mark.parametrize(
    ("settings", "claims", "is_in"),
    [
        ({"max_age_s": 3600}, {"auth_time": AT - 3600}, True),
        ({"max_age_s": 3600}, {"auth_time": AT + 59}, True),
        ({"max_age_s": 3600}, {}, False),
        ({"max_age_s": 3600}, {"auth_time": None}, False),
        ({"max_age_s": 3600}, {"auth_time": True}, False),
        ({"max_age_s": 3600}, {"auth_time": AT - 3661}, False),
        ({"max_age_s": 3600}, {"auth_time": AT + 61}, False),
        ({"max_age_s": 3600}, {"auth_time": float("nan")}, False),
        ({"acr_values": ("mfa", "phr")}, {"acr": "phr"}, True),
        ({"acr_values": ("mfa", "phr")}, {"acr": "0", "amr": ["pwd", "mfa"]}, True),
        ({"acr_values": ("mfa", "phr")}, {}, False),
        ({"acr_values": ("mfa", "phr")}, {"acr": "0", "amr": ["pwd"]}, False),
        ({"acr_values": ("mfa", "phr")}, {"acr": "mfa phr"}, False),
        ({"acr_values": ("mfa", "phr")}, {"acr": ["mfa"], "amr": None}, False),
    ],
)
def test_how_and_when_somebody_signed_in_there_is_looked_at(
    issuer: Issuer,
    sessions: Sessions,
    settings: dict[str, Any],
    claims: dict[str, Any],
    is_in: bool,
) -> None:
    issuer.changed = claims
    reply = sign_in(an_app(issuer, sessions, **settings).test_client())
    assert reply.status_code == (303 if is_in else 403)
    if not is_in:
        why = "too long ago|when you signed in there|by one of the means"
        assert re.search(why, reply.text)
        assert people(sessions) == []
        assert [line.person for line in logged_rows(sessions, Action.SIGN_IN_REFUSED)] == [""]


def test_how_and_when_is_asked_for(issuer: Issuer, sessions: Sessions) -> None:
    asked = an_app(issuer, sessions, max_age_s=600, acr_values=("mfa", "phr")).test_client()
    query = parse_qs(urlsplit(asked.get("/login/oidc").headers["Location"]).query)
    assert (query["max_age"], query["acr_values"]) == (["600"], ["mfa phr"])


def test_a_domain_that_is_allowed_is_let_in(issuer: Issuer, sessions: Sessions) -> None:
    issuer.changed = {"email": "anna@Shop.example", "email_verified": True}
    client = an_app(issuer, sessions, allowed_domains=("shop.example",)).test_client()
    assert sign_in(client).status_code == 303


def test_a_locked_person_stays_out(issuer: Issuer, sessions: Sessions) -> None:
    client = an_app(issuer, sessions).test_client()
    sign_in(client)
    with sessions() as session, session.begin():
        session.execute(update(PersonRecord).values(locked=True))
    assert client.get("/account").status_code == 303
    assert sign_in(client).status_code == 403


def test_the_name_of_somebody_here_is_not_taken_over(issuer: Issuer, sessions: Sessions) -> None:
    with sessions() as session, session.begin():
        session.add(PersonRecord(name="Anna@shop.example", role=Role.ADMIN, created_at=NOW))
    reply = sign_in(an_app(issuer, sessions).test_client())
    assert reply.status_code == 403
    assert "there is somebody called anna@shop.example already" in reply.text


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of another sign-in"},
        {"iss": "https://other.example"},
        {"aud": "another-client"},
        {"aud": ["another-client"], "azp": CLIENT_ID},
        {"exp": 1000},
        {"sub": None},
    ],
)
def test_a_token_that_was_not_made_for_this_is_refused(
    issuer: Issuer, sessions: Sessions, claims: dict[str, Any]
) -> None:
    issuer.changed = claims
    assert sign_in(an_app(issuer, sessions).test_client()).status_code == 502
    assert people(sessions) == []


def test_a_token_that_another_key_signed_is_refused(issuer: Issuer, sessions: Sessions) -> None:
    issuer.published = RSAKey.generate_key(2048, {"kid": "one"})
    assert sign_in(an_app(issuer, sessions).test_client()).status_code == 502
    assert people(sessions) == []


def test_what_another_browser_began_is_not_ended_here(issuer: Issuer, sessions: Sessions) -> None:
    app = an_app(issuer, sessions)
    away = app.test_client().get("/login/oidc")
    back = requests.get(away.headers["Location"], allow_redirects=False, timeout=20)
    path = back.headers["Location"].removeprefix(URL)
    for other in (path, "/login/oidc/back", "/login/oidc/back?error=access_denied"):
        assert app.test_client().get(other).status_code == 502
    assert people(sessions) == []


@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"]
)
def test_no_address_of_the_provider_is_reached_in_clear(
    issuer: Issuer, sessions: Sessions, name: str
) -> None:
    issuer.metadata = {name: "http://id.example/x"}
    client = an_app(issuer, sessions).test_client()
    assert client.get("/login/oidc").status_code == 502
    issuer.metadata = {name: "https://id.example/x"}
    assert an_app(issuer, sessions).test_client().get("/login/oidc").status_code == 302


def test_a_page_elsewhere_is_not_gone_to(issuer: Issuer, sessions: Sessions) -> None:
    client = an_app(issuer, sessions).test_client()
    reply = sign_in(client, "/login/oidc?next=//evil.example/")
    assert reply.headers["Location"] == "/"


def test_a_provider_that_does_not_answer_is_said_to(sessions: Sessions, issuer: Issuer) -> None:
    oidc = OidcSettings(issuer="http://127.0.0.1:1", client_id="x", default_role=Role.VIEWER)
    settings = some_settings().model_copy(update={"console": ConsoleSettings(url=URL, oidc=oidc)})
    reply = create_app(settings, sessions, lambda: NOW).test_client().get("/login/oidc")
    assert reply.status_code == 502
    assert "The sign-in at the provider failed" in reply.text
