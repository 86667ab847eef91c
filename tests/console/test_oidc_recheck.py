"""While somebody is signed in, the provider is asked again: by refresh token or by the browser."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread
from time import sleep
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from pipeline.access.people import People
from pipeline.access.provider_sign_ins import ProviderSignIns
from pipeline.access.sign_ins import SignIns
from pipeline.access.tables import PersonRecord, ProviderSignIn, SignIn
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.base.vault import Vault
from tests.builders import signed
from tests.console.builders import some_settings
from tests.console.forms import form_token
from tests.console.issuer import Issuer
from tests.console.signing_in import Clock, is_in
from tests.console.single_sign_on import an_app, come_back, sign_in
from tests.security_log import rows as logged_rows

OURS = {"Sec-Fetch-Site": "same-origin"}
FORM = {"account": "eu", "sku": "A", "product": "B"}


@pytest.fixture(params=["refresh", "silent"])
def way(issuer: Issuer, request: pytest.FixtureRequest) -> str:
    issuer.gives_refresh_tokens = request.param == "refresh"
    return str(request.param)


@pytest.fixture
def refreshing(issuer: Issuer) -> Issuer:
    issuer.gives_refresh_tokens = True
    return issuer


@pytest.fixture
def silent(issuer: Issuer) -> Issuer:
    issuer.gives_refresh_tokens = False
    return issuer


def signed_in(app: Flask) -> FlaskClient:
    client = app.test_client()
    assert sign_in(client).status_code == 303
    return client


def look(client: FlaskClient, page: str = "/account") -> tuple[int, str]:
    """Load a page as a browser does, by way of the provider if need be: its status and its text."""
    reply = client.get(page)
    while reply.status_code in (302, 303):
        there = reply.headers["Location"]
        if there.startswith("/login?"):
            return 401, reply.text
        reply = come_back(client, reply) if there.startswith("http") else client.get(there)
    return reply.status_code, reply.text


def role(sessions: Sessions) -> str:
    with sessions() as session:
        return session.scalars(select(PersonRecord.role)).one()


def test_nothing_is_asked_before_the_minutes_are_over(
    issuer: Issuer, way: str, sessions: Sessions, clock: Clock
) -> None:
    client = signed_in(an_app(issuer, sessions, clock))
    clock.pass_(minutes=4, seconds=59)
    assert look(client)[0] == 200
    assert issuer.asked == ["authorize"]
    clock.pass_(seconds=1)
    assert client.get("/static/console.css", buffered=True).status_code == 200
    assert issuer.asked == ["authorize"]
    assert look(client)[0] == look(client)[0] == 200
    assert issuer.asked == ["authorize", way]
    clock.pass_(minutes=5)
    assert look(client, "/orders?status=held")[0] == 200
    assert issuer.asked == ["authorize", way, way]


@pytest.mark.parametrize(
    "error",
    [
        *("invalid_grant", "access_denied", "login_required", "interaction_required"),
        *("consent_required", "account_selection_required"),
    ],
)
def test_who_was_removed_there_is_out_within_minutes(
    issuer: Issuer, way: str, sessions: Sessions, clock: Clock, error: str
) -> None:
    client = signed_in(an_app(issuer, sessions, clock))
    issuer.is_removed, issuer.error = True, error
    clock.pass_(minutes=5)
    assert look(client)[0] == 401
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(SignIn)) == 0
    (line,) = logged_rows(sessions, Action.SIGNED_OUT)
    assert (line.person, line.facts) == ("anna@shop.example", {"by": "the OpenID provider"})


def test_the_minutes_are_a_setting(
    issuer: Issuer, way: str, sessions: Sessions, clock: Clock
) -> None:
    client = signed_in(an_app(issuer, sessions, clock, recheck_minutes=1))
    clock.pass_(minutes=1)
    assert look(client)[0] == 200
    assert issuer.asked == ["authorize", way]


def test_another_role_counts_at_once_also_for_the_form_that_is_being_sent(
    refreshing: Issuer, sessions: Sessions, clock: Clock
) -> None:
    client = signed_in(an_app(refreshing, sessions, clock))
    token = form_token(client.get("/account").text)
    refreshing.changed = {"groups": ["it"]}
    clock.pass_(minutes=5)
    assert client.get("/people").status_code == 200
    refreshing.changed = {"groups": []}
    clock.pass_(minutes=5)
    assert client.post("/sku-map/set", data={**token, **FORM}, headers=OURS).status_code == 303
    assert not is_in(client)
    assert [line.facts["role"] for line in logged_rows(sessions, Action.ROLE_CHANGED)] == ["admin"]


def test_a_lower_role_refuses_the_form(
    refreshing: Issuer, sessions: Sessions, clock: Clock
) -> None:
    app = an_app(refreshing, sessions, clock, roles={"warehouse": "operator", "guests": "viewer"})
    client = signed_in(app)
    token = form_token(client.get("/account").text)
    refreshing.changed = {"groups": ["guests"]}
    clock.pass_(minutes=5)
    assert client.post("/sku-map/set", data={**token, **FORM}, headers=OURS).status_code == 403
    assert role(sessions) == "viewer"


def test_role_and_name_follow_without_a_refresh_token(
    silent: Issuer, sessions: Sessions, clock: Clock
) -> None:
    client = signed_in(an_app(silent, sessions, clock))
    silent.changed = {"groups": ["it"], "preferred_username": "anna.b@shop.example"}
    clock.pass_(minutes=5)
    status, page = look(client)
    assert (status, role(sessions)) == (200, "admin")
    assert "<h1>anna.b@shop.example</h1>" in page


@pytest.mark.parametrize(
    "claims", [{"sub": "2", "preferred_username": "eve"}, {"groups": []}, {"aud": "another"}]
)
def test_what_the_provider_says_of_somebody_else_ends_the_sign_in(
    issuer: Issuer, way: str, sessions: Sessions, clock: Clock, claims: dict[str, Any]
) -> None:
    client = signed_in(an_app(issuer, sessions, clock))
    issuer.changed = claims
    clock.pass_(minutes=5)
    if (way, claims) == ("silent", {"aud": "another"}):
        # Nobody knows what it was; the sign-in counts by what was said before.
        clock.pass_(minutes=15)
        assert look(client)[0] == 503
    else:
        assert look(client)[0] == 401
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(PersonRecord)) == 1


def test_each_refresh_token_is_used_once_and_kept_sealed(
    refreshing: Issuer, sessions: Sessions, clock: Clock
) -> None:
    client = signed_in(an_app(refreshing, sessions, clock))
    for _ in range(3):
        with sessions() as session:
            row = session.scalars(select(ProviderSignIn)).one()
            assert refreshing.refresh_token.encode() not in row.sealed + row.key
        clock.pass_(minutes=5)
        assert look(client)[0] == 200
    assert refreshing.asked == ["authorize", *["refresh"] * 3]


def test_an_answer_without_an_id_token_is_enough(
    refreshing: Issuer, sessions: Sessions, clock: Clock
) -> None:
    refreshing.changed = {"sid": "s"}
    client = signed_in(an_app(refreshing, sessions, clock))
    refreshing.gives_id_token_again = False
    clock.pass_(minutes=5)
    assert look(client)[0] == 200
    with sessions() as session:
        assert session.scalars(select(ProviderSignIn.sid)).one() == "s"
    assert refreshing.asked == ["authorize", "refresh"]


def test_while_the_provider_is_down_its_last_word_counts_for_a_bounded_time(
    issuer: Issuer, way: str, sessions: Sessions, clock: Clock
) -> None:
    client = signed_in(an_app(issuer, sessions, clock))
    issuer.is_down = True
    clock.pass_(minutes=5)
    assert look(client)[0] == 200
    clock.pass_(minutes=14, seconds=59)
    assert look(client)[0] == 200
    clock.pass_(seconds=1)
    reply = client.get("/account")
    assert (reply.status_code, reply.headers["Refresh"]) == (503, "3")
    assert "The provider does not answer" in reply.text
    assert client.get("/orders?fragment=1").status_code == 503
    issuer.is_down = False
    clock.pass_(minutes=1)
    assert look(client)[0] == 200


def test_without_grace_nothing_is_shown_while_it_is_down(
    issuer: Issuer, way: str, sessions: Sessions, clock: Clock
) -> None:
    client = signed_in(an_app(issuer, sessions, clock, grace_minutes=0))
    issuer.is_down = True
    clock.pass_(minutes=5)
    assert look(client)[0] == 503


@pytest.mark.parametrize("error", ["invalid_client", "temporarily_unavailable", "server_error"])
def test_an_error_that_is_not_of_the_person_is_like_being_down(
    refreshing: Issuer, sessions: Sessions, clock: Clock, error: str
) -> None:
    client = signed_in(an_app(refreshing, sessions, clock))
    refreshing.is_removed, refreshing.error = True, error
    clock.pass_(minutes=5)
    assert look(client)[0] == 200
    clock.pass_(minutes=15)
    assert look(client)[0] == 503


def test_two_tabs_ask_once_and_neither_waits_for_the_other(
    refreshing: Issuer, sessions: Sessions, clock: Clock
) -> None:
    app = an_app(refreshing, sessions, clock)
    client = signed_in(app)
    clock.pass_(minutes=5)
    refreshing.may_answer.clear()
    cookie, answers = client.get_cookie("orderbridge"), []
    assert cookie is not None

    def tab() -> FlaskClient:
        other = app.test_client()
        other.set_cookie("orderbridge", cookie.value)
        return other

    first = Thread(target=lambda: answers.append(tab().get("/account").status_code))
    before = refreshing.arrived
    first.start()
    try:
        with sessions() as session:
            while refreshing.arrived == before:
                sleep(0.01)
            # Nothing waits in a transaction for the provider.
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            idle = session.connection().exec_driver_sql(
                waiting + "AND state = 'idle in transaction' AND pid <> pg_backend_pid()"
            )
            assert idle.scalar() == 0
        assert tab().get("/account").status_code == 200
    finally:
        refreshing.may_answer.set()
        first.join()
    assert answers == [200]
    assert refreshing.asked == ["authorize", "refresh"]


def test_a_second_tab_that_has_waited_long_is_not_let_in_by_the_first(
    refreshing: Issuer, sessions: Sessions, clock: Clock
) -> None:
    client = signed_in(an_app(refreshing, sessions, clock))
    clock.pass_(minutes=25)
    cookie = client.get_cookie("orderbridge")
    assert cookie is not None
    kept = ProviderSignIns(sessions, Vault(*some_settings().master_keys))
    assert kept.claim(cookie.value, clock(), clock() + timedelta(minutes=1))
    assert not kept.claim(cookie.value, clock(), clock() + timedelta(minutes=1))
    assert client.get("/account").status_code == 503


def test_a_form_is_not_lost_while_it_is_down(
    refreshing: Issuer, sessions: Sessions, clock: Clock
) -> None:
    client = signed_in(an_app(refreshing, sessions, clock))
    token = form_token(client.get("/account").text)
    refreshing.is_down = True
    clock.pass_(minutes=20)
    sent = {**token, **FORM, "sku": '\n<b>"A"', "password": "hidden"}
    reply = client.post("/sku-map/set?x=1", data=sent, headers=OURS)
    assert reply.status_code == 503
    assert 'action="/sku-map/set?x=1"' in reply.text
    assert '<textarea hidden name="sku">\n\n&lt;b&gt;&#34;A&#34;</textarea>' in reply.text
    again = client.post("/sku-map/set", data={**FORM, **form_token(reply.text)}, headers=OURS)
    assert again.status_code == 503
    assert "hidden</textarea>" not in reply.text
    assert "Refresh" not in reply.headers


def test_a_form_from_elsewhere_is_not_repeated(
    refreshing: Issuer, sessions: Sessions, clock: Clock
) -> None:
    client = signed_in(an_app(refreshing, sessions, clock))
    refreshing.is_down = True
    clock.pass_(minutes=20)
    for form in (FORM, {**FORM, "csrf_token": "guessed"}):
        reply = client.post("/sku-map/set", data=form, headers=OURS)
        assert (reply.status_code, "textarea" in reply.text) == (400, False)


def test_without_a_refresh_token_a_form_waits_for_another_tab(
    silent: Issuer, sessions: Sessions, clock: Clock
) -> None:
    client = signed_in(an_app(silent, sessions, clock))
    sent = {**form_token(client.get("/account").text), **FORM}
    clock.pass_(minutes=5)
    reply = client.post("/sku-map/set", data=sent, headers=OURS)
    assert reply.status_code == 409
    assert '<textarea hidden name="sku">\nA</textarea>' in reply.text
    assert client.get("/orders?fragment=1").status_code == 401
    assert silent.asked == ["authorize"]
    assert look(client, "/login/oidc/renew?next=/account")[0] == 200
    assert "has to be checked" in reply.text
    assert "has to be checked" not in client.post("/sku-map/set", data=sent, headers=OURS).text
    assert silent.asked == ["authorize", "silent"]


def test_two_tabs_on_their_way_both_come_back(
    silent: Issuer, sessions: Sessions, clock: Clock
) -> None:
    client = signed_in(an_app(silent, sessions, clock))
    clock.pass_(minutes=5)
    first = client.get("/login/oidc/renew?next=/account")
    clock.pass_(minutes=1)
    second = client.get("/login/oidc/renew?next=/sku-map")
    assert [come_back(client, away).headers["Location"] for away in (first, second)] == [
        "/account",
        "/sku-map",
    ]


def test_an_error_that_nobody_was_sent_for_ends_nothing(
    silent: Issuer, sessions: Sessions, clock: Clock
) -> None:
    client = signed_in(an_app(silent, sessions, clock))
    clock.pass_(minutes=5)
    client.get("/login/oidc/renew")
    for query in ("?error=login_required", "?error=login_required&state=guessed"):
        assert client.get(f"/login/oidc/back{query}").status_code == 502
    assert look(client)[0] == 200


def test_many_ways_that_nobody_comes_back_from_leave_room_for_one_more(
    issuer: Issuer, sessions: Sessions
) -> None:
    client = an_app(issuer, sessions).test_client()
    for _ in range(40):
        client.get("/login/oidc")
        cookie = client.get_cookie("orderbridge_oidc", path="/login/oidc")
        assert cookie is not None
        assert len(cookie.value) < 4000
    assert sign_in(client).status_code == 303


def test_a_sign_in_of_which_nothing_is_kept_ends(
    issuer: Issuer, way: str, sessions: Sessions, clock: Clock
) -> None:
    client = signed_in(an_app(issuer, sessions, clock))
    with sessions() as session, session.begin():
        session.query(ProviderSignIn).delete()
    assert look(client)[0] == 401


def test_a_sign_in_of_another_provider_ends(issuer: Issuer, sessions: Sessions) -> None:
    client = signed_in(an_app(issuer, sessions))
    with sessions() as session, session.begin():
        session.execute(update(PersonRecord).values(subject="https://other.example 1"))
    assert look(client)[0] == 401


def test_people_of_the_console_itself_are_not_asked_about(
    issuer: Issuer, sessions: Sessions, clock: Clock
) -> None:
    app = an_app(issuer, sessions, clock)
    with sessions() as session, session.begin():
        session.add(PersonRecord(name="otto", role="operator", created_at=clock()))
    client = app.test_client()
    client.set_cookie("orderbridge", SignIns(sessions).begin(1, "127.0.0.1", clock()))
    clock.pass_(minutes=25)
    assert is_in(client)
    assert issuer.asked == []


def test_signing_out_needs_no_provider(
    issuer: Issuer, way: str, sessions: Sessions, clock: Clock
) -> None:
    client = signed_in(an_app(issuer, sessions, clock))
    token = form_token(client.get("/account").text)
    issuer.is_down = True
    clock.pass_(minutes=25)
    assert client.post("/logout", data=token).status_code == 200
    assert not is_in(client)
    assert requests.get(f"{issuer.url}/keys", timeout=20).status_code == 503


@pytest.mark.parametrize("act", ["lock", "remove"])
def test_who_was_locked_or_removed_here_stays_out_until_let_in_again(
    issuer: Issuer, way: str, sessions: Sessions, clock: Clock, act: str
) -> None:
    people = People(sessions)
    client = signed_in(an_app(issuer, sessions, clock))
    if act == "lock":
        people.set_locked("anna@shop.example", True, signed(at=clock()))
    else:
        people.remove("anna@shop.example", signed(at=clock()))
    clock.pass_(minutes=5)
    assert look(client)[0] == 401
    reply = sign_in(client)
    assert (reply.status_code, "is locked here" in reply.text) == (403, True)
    people.set_locked("anna@shop.example", False, signed(at=clock()))
    assert sign_in(client).status_code == 303
