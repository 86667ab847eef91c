"""The review of access: who may sign in, and what changed since the last one."""

from __future__ import annotations

from datetime import timedelta

from pyotp import TOTP

from pipeline.access.people import People
from pipeline.access.review import Change, Shown, record_review, review
from pipeline.access.second_factor import SecondFactors, new_secret
from pipeline.access.sign_ins import SignIns
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action, record
from pipeline.monitoring.installation_checks import review_overdue
from pipeline.settings.console import ConsoleSettings
from pipeline.settings.roles import Role
from tests.builders import NOW, a_vault, signed

PASSWORD = "four words of mine"
DAY = timedelta(days=1)


def shown(sessions: Sessions, person: str, orders: int, days: int = 0) -> None:
    with sessions() as session, session.begin():
        record(
            session,
            at=NOW + days * DAY,
            person=person,
            address="",
            action=Action.NAMES_EXPORTED,
            facts={"orders": orders},
        )


def test_it_has_everybody_with_what_to_look_at(sessions: Sessions) -> None:
    people = People(sessions)
    people.add("anna", Role.ADMIN, PASSWORD, signed("root", NOW - 100 * DAY), is_own=True)
    people.add("bert", Role.VIEWER, PASSWORD, signed("anna", NOW - DAY))
    people.from_elsewhere("https://id.example 1", "cleo", Role.ADMIN, "192.0.2.1", NOW)
    people.set_locked("cleo", True, signed("anna", NOW))
    found = review(sessions, ConsoleSettings(), NOW)
    assert found.since is None
    assert [
        (one.person.name, one.person.created_by, one.password_age, one.remarks())
        for one in found.people
    ] == [
        ("anna", "root", 100 * DAY, ["not signed in for 90 days", "second factor missing"]),
        ("bert", "anna", DAY, ["one-time password"]),
        ("cleo", "cleo", None, ["locked"]),
    ]
    secret = new_secret()
    anna = found.people[0].person.id
    factors = SecondFactors(sessions, a_vault())
    factors.set_up(anna, secret, TOTP(secret).at(NOW), signed("anna", NOW))
    SignIns(sessions).begin(anna, "192.0.2.1", NOW)
    assert review(sessions, ConsoleSettings(), NOW).people[0].remarks() == []


def test_it_has_what_changed_and_who_saw_buyers_since_the_last_one(sessions: Sessions) -> None:
    people = People(sessions)
    people.add("anna", Role.ADMIN, PASSWORD, signed("root", NOW - 2 * DAY))
    shown(sessions, "anna", 7)
    record_review(sessions, 1, signed("anna", NOW + timedelta(minutes=1)))
    before = review(sessions, ConsoleSettings(), NOW)
    assert (before.changes, before.shown) == ([], {})
    people.add("bert", Role.VIEWER, PASSWORD, signed("anna", NOW + DAY))
    people.remove("bert", signed("anna", NOW + 2 * DAY))
    for orders in (2, 3):
        shown(sessions, "root", orders, 2)
    found = review(sessions, ConsoleSettings(), NOW + 3 * DAY)
    assert found.since == NOW + timedelta(minutes=1)
    assert found.changes == [
        Change(NOW + DAY, "anna", "person added", "bert", {"role": "viewer"}),
        Change(NOW + 2 * DAY, "anna", "person removed", "bert", {}),
    ]
    assert found.shown == {"root": Shown(times=2, orders=5)}


def test_an_overdue_review_is_an_incident(sessions: Sessions) -> None:
    assert review_overdue(sessions, NOW) == ""
    People(sessions).add("anna", Role.ADMIN, PASSWORD, signed("root", NOW))
    assert review_overdue(sessions, NOW + 99 * DAY) == ""
    assert "was not reviewed since 2026-" in review_overdue(sessions, NOW + 100 * DAY)
    record_review(sessions, 1, signed("anna", NOW + 100 * DAY))
    assert review_overdue(sessions, NOW + 199 * DAY) == ""
    assert "orderbridge people review" in review_overdue(sessions, NOW + 200 * DAY)
