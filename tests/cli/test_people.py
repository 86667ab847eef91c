"""`orderbridge people`: who may sign in to the console."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from pyotp import TOTP
from sqlalchemy import select

from pipeline.access.password_attempts import PasswordAttempts
from pipeline.access.people import People
from pipeline.access.second_factor import SecondFactors, new_secret
from pipeline.access.sign_ins import SignIns
from pipeline.access.tables import PersonRecord, SignIn
from pipeline.base.clock import utc_now
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.base.vault import Vault
from pipeline.settings.roles import Role
from tests.builders import signed
from tests.cli.conftest import Run
from tests.security_log import rows

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PASSWORD = "four words of mine"


@pytest.fixture
def people(sessions: Sessions) -> People:
    """Where anna is an operator."""
    people = People(sessions)
    people.add("anna", Role.OPERATOR, PASSWORD, signed(at=NOW), is_own=True)
    return people


def test_a_person_is_added_with_a_password_from_standard_input(
    orderbridge: Run, sessions: Sessions
) -> None:
    result = orderbridge("people", "add", "Anna", "--role", "admin", input=f"{PASSWORD}\n")
    assert (result.exit_code, result.stdout) == (0, "Anna may sign in as admin.\n")
    with sessions() as session:
        one = session.scalars(select(PersonRecord)).one()
    assert (one.name, one.role, one.locked) == ("Anna", "admin", False)
    assert People(sessions).with_password("anna", PASSWORD, utc_now()) == one.id


@pytest.mark.parametrize(
    ("words", "password", "sentence"),
    [
        (("add", "ANNA", "--role", "viewer"), PASSWORD, "there is somebody called ANNA already"),
        (("add", "an:na", "--role", "viewer"), PASSWORD, "a name has up to 64 letters"),
        (("add", "bert", "--role", "viewer"), "short", "a password has 12 to 256 characters"),
        (("add", "bert", "--role", "viewer"), "\n", "a password has 12 to 256 characters"),
        (
            ("add", "bert the longest", "--role", "viewer"),
            "Bert the Longest",
            "must not contain “bert”",
        ),
        (("password", "anna"), "short", "a password has 12 to 256 characters"),
        (("password", "bert"), PASSWORD, "there is nobody called bert"),
        (("role", "bert", "admin"), "", "there is nobody called bert"),
        (("lock", "bert"), "", "there is nobody called bert"),
        (("unlock", "bert"), "", "there is nobody called bert"),
        (("remove", "bert"), "", "there is nobody called bert"),
        (("reset-second-factor", "bert"), "", "there is nobody called bert"),
        (("reset-second-factor", "anna"), "", "anna has no second factor"),
        (("sessions", "bert"), "", "there is nobody called bert"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_changes_nothing(
    orderbridge: Run, people: People, words: tuple[str, ...], password: str, sentence: str
) -> None:
    result = orderbridge("people", *words, input=password)
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr
    assert [(person.name, person.role) for person in people.everyone()] == [("anna", "operator")]
    assert people.with_password("anna", PASSWORD, utc_now()) is not None


def test_everybody_is_listed(orderbridge: Run, people: People, sessions: Sessions) -> None:
    people.from_elsewhere(
        "https://id.example 1", "bert@shop.example", Role.VIEWER, "192.0.2.1", NOW
    )
    people.set_locked("anna", True, signed())
    SignIns(sessions).begin(people.everyone()[1].id, "192.0.2.1", NOW)
    result = orderbridge("people", "list")
    assert [line.split() for line in result.stdout.splitlines()[1:]] == [
        ["anna", "operator", "password", "-", "locked"],
        ["bert@shop.example", "viewer", "OpenID", "2026-03-10", "12:00"],
    ]
    first = json.loads(orderbridge("people", "list", "--json").stdout)[0]
    assert first == {
        "name": "anna",
        "role": "operator",
        "signs_in_with": "password",
        "locked": True,
        "created_at": "2026-03-10T12:00:00+00:00",
        "signed_in_at": None,
    }


def test_nobody_is_said_to_be_there(orderbridge: Run) -> None:
    result = orderbridge("people", "list", "--json")
    assert (result.exit_code, result.stdout) == (1, "[]\n")
    assert "Nobody may sign in yet." in result.stderr


def test_a_new_password_and_a_lock_end_all_sign_ins(
    orderbridge: Run, people: People, sessions: Sessions
) -> None:
    new = "four other words of mine"
    for words, password in ((("password", "Anna"), new), (("lock", "anna"), "")):
        SignIns(sessions).begin(people.everyone()[0].id, "192.0.2.1", NOW)
        assert orderbridge("people", *words, input=password).exit_code == 0
        with sessions() as session:
            assert session.scalars(select(SignIn)).all() == []
    assert people.with_password("anna", new, utc_now()) is None
    assert orderbridge("people", "unlock", "anna").exit_code == 0
    assert people.with_password("anna", new, utc_now()) is not None
    assert people.with_password("anna", PASSWORD, utc_now()) is None


def test_unlocking_forgives_too_many_tries(
    orderbridge: Run, people: People, sessions: Sessions
) -> None:
    guessing = PasswordAttempts(sessions, Vault(bytes(range(32))))
    tries = [guessing.begin("anna", "192.0.2.1", "", NOW) for _ in range(6)]
    assert tries == [None] * 5 + [timedelta(seconds=30)]
    assert orderbridge("people", "unlock", "ANNA").exit_code == 0
    assert guessing.begin("anna", "192.0.2.1", "", NOW) is None


def test_a_role_is_changed_and_a_person_removed(orderbridge: Run, people: People) -> None:
    assert orderbridge("people", "role", "anna", "admin").stdout == "anna is admin now.\n"
    assert [person.role for person in people.everyone()] == ["admin"]
    for words in (("remove", "anna"), ("role", "anna", "viewer")):
        assert "anna is the last admin" in orderbridge("people", *words).stderr
    people.add("bert", Role.ADMIN, PASSWORD, signed(at=NOW))
    assert orderbridge("people", "remove", "anna").stdout == "anna is removed.\n"
    assert [person.name for person in people.everyone()] == ["bert"]
    again = orderbridge("people", "add", "ANNA", "--role", "viewer", input=PASSWORD)
    assert "anna was removed, and the name stays theirs" in again.stderr


def test_the_providers_people_have_its_roles_and_no_password(
    orderbridge: Run, people: People
) -> None:
    people.from_elsewhere("https://id.example 1", "bert", Role.VIEWER, "192.0.2.1", NOW)
    role = orderbridge("people", "role", "bert", "admin")
    password = orderbridge("people", "password", "bert", input=PASSWORD)
    assert (role.exit_code, password.exit_code) == (1, 1)
    assert "OpenID provider" in role.stderr
    assert "OpenID provider" in password.stderr


def test_the_first_admin_is_made_while_there_is_nobody(sessions: Sessions) -> None:
    people = People(sessions)
    people.add_first("anna", PASSWORD, signed())
    people.add_first("bert", PASSWORD, signed())
    assert [(person.name, person.role) for person in people.everyone()] == [("anna", "admin")]


def test_sign_ins_are_listed_and_ended(
    orderbridge: Run, people: People, sessions: Sessions
) -> None:
    anna, now = people.named("anna").id, utc_now()
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        SignIns(sessions).begin(anna, address, now, "Firefox on Linux")
    found = json.loads(orderbridge("people", "sessions", "anna", "--json").stdout)
    assert [one["address"] for one in found] == ["192.0.2.3", "192.0.2.2", "192.0.2.1"]
    listed = orderbridge("people", "sessions", "anna").stdout
    assert "192.0.2.2  Firefox on Linux" in listed
    ended = orderbridge("people", "sessions", "anna", "--end", str(found[0]["id"]))
    assert ended.stdout == "1 ended, 2 left.\n"
    again = orderbridge("people", "sessions", "anna", "--end", str(found[0]["id"]))
    assert (again.exit_code, again.stdout) == (1, "0 ended, 2 left.\n")
    assert orderbridge("people", "sessions", "anna", "--end-all").stdout == "2 ended, 0 left.\n"
    assert orderbridge("people", "sessions", "anna").exit_code == 1
    assert orderbridge("people", "sessions", "anna", "--end", "1", "--end-all").exit_code == 2
    counted = [row.facts["sign_ins"] for row in rows(sessions, Action.SIGN_INS_ENDED)]
    assert counted == [1, 2]


def test_a_lost_second_factor_is_reset_on_the_server(
    orderbridge: Run, people: People, sessions: Sessions
) -> None:
    factors, secret = SecondFactors(sessions, Vault(bytes(range(32)))), new_secret()
    anna = people.named("anna").id
    factors.set_up(anna, secret, TOTP(secret).at(NOW), signed("anna", NOW))
    result = orderbridge("people", "reset-second-factor", "Anna")
    assert result.stdout == "Anna has no second factor any more.\n"
    assert factors.holders() == frozenset()


def test_access_is_reviewed(orderbridge: Run, people: People, sessions: Sessions) -> None:
    people.set_role("anna", Role.ADMIN, signed("olga", utc_now()))
    printed = orderbridge("people", "review").stdout
    assert "since the security log begins" in printed
    assert "not signed in for 90 days, second factor missing" in printed
    assert "role changed" in printed
    assert rows(sessions, Action.ACCESS_REVIEWED) == []
    done = orderbridge("people", "review", "--done").stdout
    assert done.endswith("The security log has that access was reviewed.\n")
    (row,) = rows(sessions, Action.ACCESS_REVIEWED)
    assert row.facts == {"people": 1}
    next_one = json.loads(orderbridge("people", "review", "--json").stdout)
    assert next_one["since"] is not None
    assert next_one["changes"] == []
    (person,) = next_one["people"]
    assert (person["name"], person["second_factor"], person["created_by"]) == ("anna", "no", "anna")
