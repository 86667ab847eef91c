"""Signing out at the provider too, and being signed out by it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import func, select

from pipeline.access.tables import LogoutToken
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from tests.console.builders import NOW
from tests.console.forms import form_token
from tests.console.issuer import CLIENT_ID, CLIENT_SECRET, Issuer
from tests.console.signing_in import Clock, is_in
from tests.console.single_sign_on import URL, an_app, sign_in
from tests.security_log import rows as logged_rows

EVENT = "http://schemas.openid.net/event/backchannel-logout"
NONE = ...


def sign_out(client: FlaskClient) -> str:
    reply = client.post("/logout", data=form_token(client.get("/account").text))
    assert not is_in(client)
    return reply.text if reply.status_code == 200 else reply.headers["Location"]


def way_out(page: str) -> tuple[str, dict[str, list[str]]]:
    there = page.split('content="0; url=')[1]
    url = urlsplit(there.partition('"')[0].replace("&amp;", "&"))
    return f"{url.scheme}://{url.netloc}{url.path}", parse_qs(url.query)


def test_signing_out_leads_on_to_the_provider_and_back(issuer: Issuer, sessions: Sessions) -> None:
    client = an_app(issuer, sessions).test_client()
    sign_in(client)
    address, query = way_out(sign_out(client))
    assert address == f"{issuer.url}/end-session"
    assert query["client_id"] == [CLIENT_ID]
    assert query["post_logout_redirect_uri"] == [f"{URL}/login/oidc/signed-out"]
    hint = jwt.decode(query["id_token_hint"][0], issuer.key)
    assert hint.claims["sub"] == "1"
    for other in ("", "?state=guessed"):
        back = client.get(f"/login/oidc/signed-out{other}")
        assert (back.status_code, back.headers["Location"]) == (303, "/login")
    client = an_app(issuer, sessions).test_client()
    sign_in(client)
    (state,) = way_out(sign_out(client))[1]["state"]
    back = client.get(f"/login/oidc/signed-out?state={state}")
    assert (back.status_code, "signed out here and at" in back.text) == (200, True)
    assert client.get(f"/login/oidc/signed-out?state={state}").status_code == 303


def test_a_long_token_is_not_put_into_the_address(issuer: Issuer, sessions: Sessions) -> None:
    issuer.changed = {"groups": ["warehouse", *("x" * 50 for _ in range(80))]}
    client = an_app(issuer, sessions).test_client()
    sign_in(client)
    query = way_out(sign_out(client))[1]
    assert sorted(query) == ["client_id", "post_logout_redirect_uri", "state"]


def test_a_provider_without_such_an_address_is_left_alone(
    issuer: Issuer, sessions: Sessions
) -> None:
    issuer.metadata = {"end_session_endpoint": None}
    client = an_app(issuer, sessions).test_client()
    sign_in(client)
    assert sign_out(client) == "/login"


def told(client: FlaskClient, token: str) -> int:
    """What the console answers to the provider, which sends no cookie and none of our headers."""
    reply = client.application.test_client().post(
        "/oidc/backchannel-logout", data={"logout_token": token}
    )
    assert reply.headers["Cache-Control"] == "no-store"
    return reply.status_code


@pytest.fixture
def client(issuer: Issuer, sessions: Sessions, clock: Clock) -> FlaskClient:
    """Anna's browser, in which she has signed in in the provider's session `s`."""
    issuer.changed = {"sid": "s"}
    client = an_app(issuer, sessions, clock).test_client()
    sign_in(client)
    assert is_in(client)
    return client


@pytest.mark.parametrize(
    ("claims", "is_ended"),
    [
        ({"sid": "s"}, True),
        ({"sub": "1"}, True),
        ({"sub": "1", "sid": "s"}, True),
        ({"sid": "another"}, False),
        ({"sub": "2"}, False),
        ({"sub": "2", "sid": "s"}, False),
        ({"sub": "1", "sid": "another"}, False),
    ],
)
def test_the_provider_ends_a_session_or_all_of_a_person(
    issuer: Issuer, client: FlaskClient, sessions: Sessions, claims: dict[str, Any], is_ended: bool
) -> None:
    assert told(client, issuer.logout_token(NOW, **claims)) == 200
    assert is_in(client) is not is_ended
    ended = logged_rows(sessions, Action.SIGNED_OUT)
    assert [line.facts for line in ended] == [{"by": "the OpenID provider"}] * is_ended


def test_other_browsers_go_on(issuer: Issuer, client: FlaskClient) -> None:
    issuer.changed = {"sid": "t"}
    other = client.application.test_client()
    sign_in(other)
    assert told(client, issuer.logout_token(NOW, sid="s")) == 200
    assert (is_in(client), is_in(other)) == (False, True)
    assert told(client, issuer.logout_token(NOW, sub="1", jti="logout-2")) == 200
    assert not is_in(other)


def test_a_sign_in_without_a_session_ends_with_any_of_the_person(
    issuer: Issuer, sessions: Sessions
) -> None:
    client = an_app(issuer, sessions).test_client()
    sign_in(client)
    assert told(client, issuer.logout_token(NOW, sid="s", sub="1")) == 200
    assert not is_in(client)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"iss": NONE},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": NONE},
        {"events": NONE},
        {"events": {}},
        {"events": [EVENT]},
        {"events": {EVENT: None}},
        {"sid": NONE},
        {"sid": 7},
        {"sub": 7},
        {"nonce": "x"},
        {"nonce": None},
        {"jti": NONE},
        {"jti": ""},
        {"jti": 7},
        {"iat": NONE},
        {"iat": "now"},
        {"iat": True},
        {"iat": 1e300},
        {"iat": int(NOW.timestamp()) - 301},
        {"iat": int(NOW.timestamp()) + 301},
        {"exp": NONE},
        {"exp": int(NOW.timestamp())},
    ],
)
def test_what_is_no_logout_token_ends_nothing(
    issuer: Issuer, client: FlaskClient, sessions: Sessions, claims: dict[str, Any]
) -> None:
    assert told(client, issuer.logout_token(NOW, **{"sid": "s", **claims})) == 400
    assert is_in(client)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(LogoutToken)) == 0


def test_what_another_key_signed_ends_nothing(issuer: Issuer, client: FlaskClient) -> None:
    read = issuer.keys_read
    for kid in ("one", "two", "three"):
        key = RSAKey.generate_key(2048, {"kid": kid})
        assert told(client, issuer.logout_token(NOW, key, sid="s")) == 400
    # Who sends such tokens does not make the console ask the provider each time.
    assert issuer.keys_read == read + 1
    claims = jwt.decode(issuer.logout_token(NOW, sid="s"), issuer.key).claims
    by_secret = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET))
    unsigned = issuer.logout_token(NOW, sid="s").rpartition(".")[0] + "."
    for token in (
        by_secret,
        unsigned,
        "",
        "a.b.c",
        "é",
        "[]",
        "..",
        "e30.e30.",
        "eyJhbGciOltdfQ.e30.",
    ):
        assert told(client, token) == 400, token
    assert is_in(client)


def test_a_new_key_of_the_provider_is_read(issuer: Issuer, client: FlaskClient) -> None:
    issuer.published = RSAKey.generate_key(2048, {"kid": "new"})
    assert told(client, issuer.logout_token(NOW, issuer.published, sid="s")) == 200
    assert not is_in(client)


def test_a_token_counts_once(
    issuer: Issuer, client: FlaskClient, sessions: Sessions, clock: Clock
) -> None:
    token = issuer.logout_token(NOW, sub="1")
    assert told(client, token) == 200
    sign_in(client)
    assert told(client, token) == 400
    assert is_in(client)
    # It is kept no longer than it could be used.
    clock.pass_(minutes=5)
    with sessions() as session:
        (kept,) = session.scalars(select(LogoutToken)).all()
        assert kept.expires_at == NOW + timedelta(seconds=120)
    assert told(client, token) == 400
    assert told(client, issuer.logout_token(clock(), sid="x", jti="logout-2")) == 200
    with sessions() as session:
        assert session.scalars(select(LogoutToken.jti)).all() == ["logout-2"]
