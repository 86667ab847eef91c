"""Signing in with a password and a code, and setting up the second factor."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from pyotp import TOTP
from werkzeug.test import TestResponse

from pipeline.access.people import People
from pipeline.access.second_factor import SecondFactors, new_secret
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.base.vault import Vault
from pipeline.console.app import create_app
from pipeline.settings.console import ConsoleSettings, Required
from pipeline.settings.roles import Role
from tests.builders import signed
from tests.console.builders import NOW, some_settings
from tests.console.conftest import SignedIn
from tests.console.forms import form_token
from tests.console.signing_in import PASSWORD, Clock, is_in, sign_in, token_of
from tests.security_log import logged, rows

SECRET = new_secret()
# Who signs in here, with a name that is no part of the password.
BOSS = "olga"


@pytest.fixture
def factors(sessions: Sessions) -> SecondFactors:
    return SecondFactors(sessions, Vault(*some_settings().master_keys))


@pytest.fixture
def recovery_codes(sessions: Sessions, factors: SecondFactors, client: FlaskClient) -> list[str]:
    """Of Anna, the operator, who has set up a second factor an hour ago."""
    before = NOW.replace(hour=11)
    person_id = People(sessions).named("anna").id
    code = TOTP(SECRET).at(before)
    return list(factors.set_up(person_id, SECRET, code, signed("Anna", before)) or ())


@pytest.fixture
def boss(sessions: Sessions, client: FlaskClient) -> FlaskClient:
    """The browser of an admin without a second factor, who has given the password."""
    People(sessions).add(BOSS, Role.ADMIN, PASSWORD, signed(at=NOW), is_own=True)
    sign_in(client, BOSS)
    return client


def field(name: str, page: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, page
    return unescape(found[1])


def secret_of(page: str) -> str:
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
    assert found is not None
    return found[1].replace(" ", "")


def give(client: FlaskClient, page: str, code: str) -> TestResponse:
    """Fill in the form for the code that `page` has."""
    sent = {name: field(name, page) for name in ("csrf_token", "ticket", "next")}
    return client.post("/login", data={**sent, "code": code})


def enrol(client: FlaskClient, page: str, code: str, **more: str) -> TestResponse:
    sent = {name: field(name, page) for name in ("csrf_token", "enrolment")}
    return client.post("/account/second-factor", data={**sent, "code": code, **more})


def test_the_code_lets_in_and_the_password_alone_does_not(
    client: FlaskClient, clock: Clock, sessions: Sessions, recovery_codes: list[str]
) -> None:
    first = sign_in(client, page="/held")
    assert first.status_code == 200
    assert not is_in(client)
    assert logged(sessions, Action.SIGNED_IN) == []
    reply = give(client, first.text, TOTP(SECRET).at(clock.at))
    assert (reply.status_code, reply.headers["Location"]) == (303, "/held")
    assert is_in(client)
    assert client.get_cookie("orderbridge-browser") is not None


def test_a_code_that_was_seen_is_of_no_use_to_another(
    client: FlaskClient, clock: Clock, sessions: Sessions, recovery_codes: list[str]
) -> None:
    code = TOTP(SECRET).at(clock.at)
    give(client, sign_in(client).text, code)
    thief = create_app(some_settings(), sessions, clock).test_client()
    reply = give(thief, sign_in(thief).text, code)
    assert reply.status_code == 403
    assert "The code is wrong, or was used before." in reply.text
    assert not is_in(thief)
    (refused,) = rows(sessions, Action.SIGN_IN_REFUSED)
    assert (refused.person, refused.facts) == ("Anna", {"why": "second factor"})


def test_a_recovery_code_lets_in_once(client: FlaskClient, recovery_codes: list[str]) -> None:
    code = recovery_codes[3]
    assert give(client, sign_in(client).text, code).status_code == 303
    assert "9 of the present ones are unused" in client.get("/account").text
    assert give(client, sign_in(client).text, code).status_code == 403


def test_wrong_codes_have_to_wait_like_wrong_passwords_and_the_right_password_resets_nothing(
    client: FlaskClient, clock: Clock, recovery_codes: list[str]
) -> None:
    for _ in range(2):
        page = sign_in(client).text
        assert give(client, page, "000000").status_code == 403
    page = sign_in(client).text
    reply = give(client, page, TOTP(SECRET).at(clock.at))
    assert reply.status_code == 429
    assert "Too many tries. Try again in 30 seconds." in reply.text
    clock.pass_(seconds=30)
    assert give(client, reply.text, TOTP(SECRET).at(clock.at)).status_code == 303


def test_attempts_are_counted_however_the_name_is_typed(
    client: FlaskClient, clock: Clock, recovery_codes: list[str]
) -> None:
    for name in ("anna", "anna\0"):
        page = sign_in(client, name).text
        assert give(client, page, "000000").status_code == 403
    page = sign_in(client, " an\0NA ").text
    assert give(client, page, TOTP(SECRET).at(clock.at)).status_code == 429


def test_a_stranger_who_knows_no_password_delays_no_code(
    client: FlaskClient, clock: Clock, sessions: Sessions, recovery_codes: list[str]
) -> None:
    give(client, sign_in(client).text, TOTP(SECRET).at(clock.at))
    stranger = create_app(some_settings(), sessions, clock).test_client()
    replies = [sign_in(stranger, password="wrong").status_code for _ in range(6)]
    assert replies == [403] * 5 + [429]
    page = sign_in(client).text
    assert give(client, page, TOTP(SECRET).at(clock.at + timedelta(seconds=30))).status_code == 303


def test_what_lies_between_password_and_code_is_bound_to_the_browser_and_ends(
    client: FlaskClient, clock: Clock, sessions: Sessions, recovery_codes: list[str]
) -> None:
    page = sign_in(client).text
    thief = create_app(some_settings(), sessions, clock).test_client()
    own = thief.get("/login").text
    stolen = own.replace(
        'name="next"',
        f'name="ticket" value="{field("ticket", page)}"><input type="hidden" name="next"',
    )
    assert give(thief, stolen, recovery_codes[0]).status_code == 403
    clock.pass_(minutes=10, seconds=1)
    late = give(client, page, recovery_codes[0])
    assert late.status_code == 403
    assert "That took too long" in late.text


@pytest.mark.parametrize("change", ["lock", "password", "removal"])
def test_who_was_locked_or_removed_meanwhile_gets_no_further(
    client: FlaskClient, clock: Clock, sessions: Sessions, recovery_codes: list[str], change: str
) -> None:
    page, people = sign_in(client).text, People(sessions)
    clock.pass_(seconds=1)
    match change:
        case "lock":
            people.set_locked("anna", True, signed(at=clock.at))
        case "password":
            people.set_password("anna", "four other words of mine", signed(at=clock.at))
        case _:
            people.remove("anna", signed(at=clock.at))
    assert give(client, page, recovery_codes[0]).status_code == 403
    assert not is_in(client)


def test_an_admin_without_one_sets_it_up_before_anything_else(
    boss: FlaskClient, clock: Clock, sessions: Sessions
) -> None:
    for path in ("/", "/held", "/people", "/account", "/account/sign-ins", "/metrics-of-nothing"):
        reply = boss.get(path)
        assert (reply.status_code, reply.headers["Location"]) == (303, "/account/second-factor")
    assert boss.get("/orders?fragment=1").status_code == 401
    page = boss.get("/account/second-factor").text
    assert "otpauth://totp/Orderbridge:olga?secret=" in page
    assert "<svg" in page
    assert 'href="/people"' not in page
    assert boss.post("/people/lock", data={**form_token(page), "name": "anna"}).status_code == 303
    assert not People(sessions).named("anna").locked
    secret = secret_of(page)
    wrong = enrol(boss, page, "000000")
    assert wrong.status_code == 400
    assert secret_of(wrong.text) == secret
    done = enrol(boss, wrong.text, TOTP(secret).at(clock.at))
    codes = re.findall(r"<code>([0-9]{4}(?:-[0-9]{4}){5})</code>", done.text)
    assert len(set(codes)) == 10
    assert boss.get("/people").status_code == 200
    assert logged(sessions, Action.SECOND_FACTOR_SET_UP) == [
        (BOSS, "second factor set up", f"person {BOSS}")
    ]
    boss.post("/logout", data=form_token(boss.get("/account").text))
    assert give(boss, sign_in(boss, BOSS).text, codes[0]).status_code == 303


def test_setting_it_up_ends_what_was_begun_without_it(
    boss: FlaskClient, clock: Clock, sessions: Sessions
) -> None:
    other = create_app(some_settings(), sessions, clock).test_client()
    sign_in(other, BOSS)
    page = boss.get("/account/second-factor").text
    enrol(boss, page, TOTP(secret_of(page)).at(clock.at))
    assert (is_in(boss), is_in(other)) == (True, False)


def test_a_secret_that_another_browser_was_shown_is_not_taken(
    boss: FlaskClient, clock: Clock, sessions: Sessions, factors: SecondFactors
) -> None:
    other = create_app(some_settings(), sessions, clock).test_client()
    sign_in(other, BOSS)
    page = other.get("/account/second-factor").text
    own = boss.get("/account/second-factor").text
    sent = {**form_token(own), "enrolment": field("enrolment", page)}
    code = TOTP(secret_of(page)).at(clock.at)
    assert boss.post("/account/second-factor", data={**sent, "code": code}).status_code == 400
    for spoilt in ("", "x", "ü.y", "AAAA.BBBB", field("enrolment", own)[:-4]):
        sent["enrolment"] = spoilt
        assert boss.post("/account/second-factor", data={**sent, "code": code}).status_code == 400
    assert factors.holders() == frozenset()


@pytest.mark.parametrize(
    ("required", "role", "is_asked"),
    [
        (Required.OPTIONAL, Role.ADMIN, False),
        (Required.ADMINS, Role.ADMIN, True),
        (Required.ADMINS, Role.OPERATOR, False),
        (Required.EVERYONE, Role.VIEWER, True),
    ],
)
def test_who_needs_one_is_set(
    sessions: Sessions, clock: Clock, required: Required, role: Role, is_asked: bool
) -> None:
    people = People(sessions)
    people.add(BOSS, role, PASSWORD, signed(at=NOW), is_own=True)
    settings = some_settings().model_copy(
        update={"console": ConsoleSettings(second_factor=required)}
    )
    client = create_app(settings, sessions, clock).test_client()
    sign_in(client, BOSS)
    assert is_in(client) is not is_asked


def test_who_is_made_an_admin_needs_one_at_once(client: FlaskClient, sessions: Sessions) -> None:
    sign_in(client)
    assert is_in(client)
    People(sessions).set_role("anna", Role.ADMIN, signed())
    assert client.get("/").headers["Location"] == "/account/second-factor"


def test_of_ones_own_will_it_takes_the_password(
    client: FlaskClient, clock: Clock, factors: SecondFactors
) -> None:
    sign_in(client)
    page = client.get("/account/second-factor").text
    code = TOTP(secret_of(page)).at(clock.at)
    for wrong in ({}, {"password": "wrong"}):
        assert enrol(client, page, code, **wrong).status_code == 403
    assert factors.holders() == frozenset()
    assert enrol(client, page, code, password=PASSWORD).status_code == 200
    assert len(factors.holders()) == 1


def test_the_providers_people_have_none_here(sessions: Sessions, browser: SignedIn) -> None:
    """The browser's person has no password."""
    for path in ("/account/second-factor", "/account/password"):
        assert browser.get(path).status_code == 404
    assert "second factor" not in browser.get("/account").text


def test_an_admin_resets_that_of_another_and_not_their_own(
    browser: SignedIn, sessions: Sessions, factors: SecondFactors
) -> None:
    people = People(sessions)
    people.add(BOSS, Role.VIEWER, PASSWORD, signed(at=NOW), is_own=True)
    olga = people.named(BOSS).id
    factors.set_up(olga, SECRET, TOTP(SECRET).at(NOW), signed(BOSS, NOW))
    form = {"name": BOSS, "page": str(olga)}
    reply = browser.post("/people/second-factor", form)
    assert (reply.status_code, reply.headers["Location"]) == (303, f"/people/{olga}")
    assert factors.holders() == frozenset()
    assert logged(sessions, Action.SECOND_FACTOR_RESET) == [
        ("anna", "second factor reset", f"person {BOSS}")
    ]
    assert browser.post("/people/second-factor", {"name": "anna"}).status_code == 400


def test_the_secret_and_the_codes_are_in_no_row_of_the_log(
    boss: FlaskClient, clock: Clock, sessions: Sessions
) -> None:
    page = boss.get("/account/second-factor").text
    done = enrol(boss, page, TOTP(secret_of(page)).at(clock.at)).text
    written = str([(row.person, row.object, row.facts) for row in rows(sessions)])
    for secret in (secret_of(page), token_of(boss), *re.findall(r"<code>([0-9-]+)<", done)):
        assert secret not in written
