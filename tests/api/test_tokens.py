"""Who the API lets in: tokens by scope, until they expire; and nobody else is delayed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from pipeline.access.api_tokens import ApiScope, ApiTokens, NotAllowed, expiring
from pipeline.access.password_attempts import SAME_PLACE
from pipeline.access.tables import ApiToken
from pipeline.api.app import create_api
from pipeline.base.db import Sessions
from pipeline.base.quota import Plan
from pipeline.base.security_log import Action
from pipeline.console.app import create_app
from pipeline.settings.model import Settings
from tests.api.conftest import Answered, System, a_token
from tests.builders import NOW, signed
from tests.colliding import two_of_each
from tests.console import builders as console
from tests.console.conftest import SignedIn
from tests.console.signing_in import Clock, sign_in
from tests.security_log import logged

READ, ACT, HEALTH = ApiScope.READ_ORDERS, ApiScope.ACT_ON_ORDERS, ApiScope.READ_HEALTH


def only(sessions: Sessions) -> ApiToken:
    with sessions() as session:
        return session.scalars(select(ApiToken)).one()


def test_a_token_is_kept_as_a_digest_with_a_prefix_to_find_it_by(sessions: Sessions) -> None:
    token = a_token(sessions, READ, ACT)
    kept = only(sessions)
    assert token.startswith(f"{kept.prefix}_obr"[:12])
    assert len(token) == len(kept.prefix) + 44
    assert kept.digest != token.encode()
    assert token not in repr(vars(kept))
    assert (kept.scopes, kept.created_by) == ([ACT, READ], "anna")
    assert kept.expires_at == NOW + timedelta(days=90)
    assert logged(sessions) == [("anna", Action.TOKEN_CREATED, "token erp")]


@pytest.mark.parametrize(
    ("name", "scopes", "days", "sentence"),
    [
        ("", (READ,), 90, "a token's name has up to 40"),
        ("an erp", (READ,), 90, "a token's name has up to 40"),
        ("ERP", (READ,), 90, "there is a token called ERP already"),
        ("wms", (), 90, "at least one scope"),
        ("wms", (READ,), 0, "valid for 1 to 365 days"),
        ("wms", (READ,), 366, "valid for 1 to 365 days"),
    ],
)
def test_what_cannot_be_a_token_is_refused(
    sessions: Sessions, name: str, scopes: tuple[ApiScope, ...], days: int, sentence: str
) -> None:
    a_token(sessions, READ)
    with pytest.raises(NotAllowed, match=sentence):
        ApiTokens(sessions).add(name, scopes, days, signed())
    assert only(sessions).name == "erp"


def test_a_revoked_token_ends_at_once_and_its_name_is_free(
    sessions: Sessions, system: System
) -> None:
    assert system.get("/orders").status_code == 200
    ApiTokens(sessions).revoke("ERP", signed())
    refused = system.get("/orders")
    assert (refused.status_code, refused.json["code"]) == (401, "token_refused")
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    with pytest.raises(NotAllowed, match="no token in use"):
        ApiTokens(sessions).revoke("erp", signed())
    assert a_token(sessions) != system.token
    assert ("anna", Action.TOKEN_REVOKED, "token erp") in logged(sessions)
    assert ("", Action.TOKEN_REFUSED, "token erp") in logged(sessions)


@pytest.mark.parametrize("place", [13, 30, -1])
def test_the_beginning_of_a_token_lets_nobody_in(
    sessions: Sessions, system: System, place: int
) -> None:
    right = system.token
    letters = list(right)
    letters[place] = "A" if letters[place] != "A" else "B"
    system.token = "".join(letters)
    assert system.get("/orders").json["code"] == "token_refused"
    system.token = right
    assert system.get("/orders").status_code == 200
    assert logged(sessions, Action.TOKEN_REFUSED) == [("", Action.TOKEN_REFUSED, "token erp")]


def test_a_token_ends_when_it_expires(system: System, clock: Clock) -> None:
    clock.pass_(days=90, seconds=-1)
    assert system.get("/orders").status_code == 200
    clock.pass_(seconds=1)
    assert system.get("/orders").status_code == 401


def test_a_token_that_expires_soon_is_told_before(sessions: Sessions) -> None:
    a_token(sessions, name="soon", days=20)
    a_token(sessions, name="later", days=90)
    a_token(sessions, name="revoked", days=20)
    ApiTokens(sessions).revoke("revoked", signed())
    for days, names in ((5, []), (6, ["soon"]), (19, ["soon"]), (20, [])):
        found = expiring(sessions, NOW + timedelta(days=days))
        assert [token.name for token in found] == names


def test_its_last_use_is_written_at_most_once_a_minute(
    sessions: Sessions, system: System, clock: Clock
) -> None:
    for seconds in (0, 59):
        clock.at = NOW + timedelta(seconds=seconds)
        assert system.get("/orders").status_code == 200
    assert only(sessions).last_used_at == NOW
    clock.pass_(seconds=1)
    system.get("/orders")
    assert only(sessions).last_used_at == clock.at


@pytest.mark.parametrize(
    ("scope", "call"),
    [
        (READ, lambda system: system.get("/orders")),
        (READ, lambda system: system.get("/orders/1")),
        (READ, lambda system: system.get("/orders/1/timeline")),
        (ACT, lambda system: system.post("/orders/1/release")),
        (ACT, lambda system: system.post("/orders/1/hold", {"why": "x"})),
        (ACT, lambda system: system.post("/orders/1/note", {"text": "x"})),
        (ACT, lambda system: system.post("/orders/1/ship", {})),
        (ACT, lambda system: system.post("/orders/1/cancel", {})),
        (HEALTH, lambda system: system.get("/health")),
    ],
)
def test_each_path_needs_its_scope(
    app: Flask, sessions: Sessions, scope: ApiScope, call: Callable[[System], Answered]
) -> None:
    others = [other for other in ApiScope if other is not scope]
    refused = call(System(app.test_client(), a_token(sessions, *others)))
    assert (refused.status_code, refused.json["code"]) == (403, "scope_missing")
    assert scope in refused.json["remedy"]
    allowed = call(System(app.test_client(), a_token(sessions, scope, name="other")))
    assert allowed.status_code in (200, 404, 422)


def test_a_browsers_cookie_is_no_token_and_a_token_opens_no_page(
    app: Flask, sessions: Sessions, system: System, clock: Clock
) -> None:
    clock.at = console.NOW
    admin = SignedIn(app, sessions)
    assert admin.get("/account").status_code == 200
    assert admin.get("/api/v1/orders").status_code == 401
    bearer = {"Authorization": f"Bearer {system.token}"}
    page = app.test_client().get("/", headers=bearer)
    assert (page.status_code, page.headers["Location"][:6]) == (303, "/login")
    assert app.test_client().post("/orders/1/release", headers=bearer).status_code == 303


def test_an_act_needs_no_form_token(system: System) -> None:
    assert system.post("/orders/1/release").status_code == 404


@pytest.mark.parametrize(
    "sent",
    ["", "Basic YTpi", "Bearer", "Bearer ", "Bearer obr_x", "Bearer \xe9", "obr_00000000_x"],
)
def test_what_is_no_token_is_refused_with_what_to_do(stranger: System, sent: str) -> None:
    stranger.headers["Authorization"] = sent
    refused = stranger.get("/orders")
    assert refused.status_code == 401
    assert refused.mimetype == "application/problem+json"
    assert refused.json["remedy"]
    assert "Bearer" in refused.headers["WWW-Authenticate"]


def test_wrong_tokens_pause_their_address_and_nobody_with_a_right_one(
    sessions: Sessions, system: System, stranger: System, clock: Clock
) -> None:
    stranger.token = f"obr_00000000_{'x' * 43}"
    seen = [stranger.get("/orders").status_code for _ in range(SAME_PLACE.free + 1)]
    assert seen == [401] * SAME_PLACE.free + [429]
    paused = stranger.get("/orders")
    assert (paused.json["code"], paused.headers["Retry-After"]) == ("too_many_wrong_tokens", "5")
    assert len(logged(sessions, Action.TOKEN_REFUSED)) == SAME_PLACE.free
    assert len(logged(sessions, Action.TOKENS_PAUSED)) == 1
    # The same office, with a right token; and another address with a wrong one.
    assert system.address == stranger.address
    assert system.get("/orders").status_code == 200
    stranger.address = "192.0.2.8"
    assert stranger.get("/orders").status_code == 401
    stranger.address = system.address
    clock.pass_(seconds=5)
    assert stranger.get("/orders").status_code == 401


def test_wrong_tokens_delay_no_sign_in(app: Flask, stranger: System) -> None:
    stranger.token = f"obr_00000000_{'x' * 43}"
    for _ in range(SAME_PLACE.free + 2):
        stranger.get("/orders")
    browser = app.test_client()
    browser.environ_base["REMOTE_ADDR"] = stranger.address
    assert sign_in(browser, "nobody").status_code == 403


def test_each_token_has_a_rate_of_its_own(settings: Settings, sessions: Sessions) -> None:
    plan = Plan("requests", rate_per_s=0.001, burst=3)
    api = create_api(settings, sessions, lambda: NOW, lambda: "192.0.2.7", plan).test_client()

    def ask(token: str) -> TestResponse:
        return api.get("/orders", headers={"Authorization": f"Bearer {token}"})

    token = a_token(sessions)
    answers = [ask(token) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["RateLimit"][:11] for answer in answers] == [
        f'"token";r={left}' for left in (2, 1, 0, 0)
    ]
    assert answers[0].headers["RateLimit-Policy"] == '"token";q=3;w=3000'
    assert answers[-1].json is not None
    assert answers[-1].json["code"] == "too_many_requests"
    assert 900 < int(answers[-1].headers["Retry-After"]) <= 1001
    assert ask(a_token(sessions, name="other")).status_code == 200


def test_without_redis_requests_are_answered(sessions: Sessions, clock: Clock) -> None:
    given = two_of_each(redis_url="redis://127.0.0.1:1/0")
    system = System(create_app(given, sessions, clock).test_client(), a_token(sessions))
    assert system.get("/orders").status_code == 200
