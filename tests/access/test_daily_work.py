"""Saved views and preferences of people, the daily mail's turn, and that all goes with them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from pipeline.access.errors import NotAllowed
from pipeline.access.people import People
from pipeline.access.saved_views import MOST, SavedViews
from pipeline.access.work_preferences import WorkPreferences
from pipeline.access.work_tables import Assignment, Mention, SavedView, WorkPreferencesRow
from pipeline.base.db import Sessions
from pipeline.operations.acts.assign import assign
from pipeline.orders.tables import Note
from pipeline.settings.roles import Role
from tests.builders import signed
from tests.console.builders import NOW, a_held_order, store
from tests.console.signing_in import PASSWORD


@pytest.fixture
def person(sessions: Sessions) -> Callable[[str], int]:
    """Adds a person and returns their id."""

    def add(name: str) -> int:
        people = People(sessions)
        people.add(name, Role.ADMIN, PASSWORD, signed(at=NOW), is_own=True)
        return people.named(name).id

    return add


def test_a_view_is_its_owners_and_is_shown_to_all_only_when_shared(
    sessions: Sessions, person: Callable[[str], int]
) -> None:
    anna, otto = person("anna"), person("otto")
    views = SavedViews(sessions)
    query = {"status": "held", "buyer": "0123456789abcdef", "searcher": "seal"}
    views.add(anna, "  Morning   round ", query, False, NOW)
    [own] = views.seen_by(anna)
    assert (own.name, own.query, own.is_own) == ("Morning round", {"status": "held"}, True)
    assert views.seen_by(otto) == []
    views.share(anna, own.id, True)
    [seen] = views.seen_by(otto)
    assert (seen.owner, seen.is_own) == ("anna", False)
    with pytest.raises(NotAllowed, match="you have no such view"):
        views.rename(otto, own.id, "Mine now")
    with pytest.raises(NotAllowed, match="you have no such view"):
        views.share(otto, own.id, False)
    views.delete(otto, own.id)
    assert len(views.seen_by(anna)) == 1
    views.delete(anna, own.id)
    assert views.seen_by(anna) == []


def test_a_name_is_a_persons_once(sessions: Sessions, person: Callable[[str], int]) -> None:
    anna = person("anna")
    views = SavedViews(sessions)
    views.add(anna, "Held", {"status": "held"}, False, NOW)
    views.add(anna, "held", {"status": "waiting"}, True, NOW)
    [only] = views.seen_by(anna)
    assert (only.name, only.query, only.shared) == ("held", {"status": "waiting"}, True)
    views.add(anna, "Prime", {}, False, NOW)
    with pytest.raises(NotAllowed, match="another view of yours has that name"):
        views.rename(anna, only.id, "PRIME")
    for name in ("", "  ", "x" * 61):
        with pytest.raises(NotAllowed, match="up to 60 characters"):
            views.add(anna, name, {}, False, NOW)
    for number in range(MOST - 2):
        views.add(anna, f"view {number}", {}, False, NOW)
    with pytest.raises(NotAllowed, match="delete one of them"):
        views.add(anna, "one more", {}, False, NOW)


def test_the_daily_mail_is_due_once_a_day_at_its_hour_of_the_zone(
    sessions: Sessions, person: Callable[[str], int]
) -> None:
    anna = person("anna")
    preferences = WorkPreferences(sessions)
    assert [*preferences.claim_digests(NOW)] == []
    # 23:30 of the 9th in UTC is half past midnight in Berlin.
    evening = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)
    preferences.send_digest(anna, "anna@example.com", 8, "Europe/Berlin", evening)
    assert [*preferences.claim_digests(evening + timedelta(hours=7))] == []
    [due] = preferences.claim_digests(evening + timedelta(hours=8))
    assert (due.person_id, due.to, due.day) == (anna, "anna@example.com", "2026-03-10")
    assert [*preferences.claim_digests(evening + timedelta(hours=9))] == []
    [next_day] = preferences.claim_digests(evening + timedelta(hours=32))
    assert next_day.day == "2026-03-11"
    preferences.send_digest(anna, "", None, "", evening)
    assert preferences.of(anna).digest_to == ""
    assert [*preferences.claim_digests(evening + timedelta(days=3))] == []


def test_a_mail_asked_for_after_its_hour_waits_for_the_next_day(
    sessions: Sessions, person: Callable[[str], int]
) -> None:
    preferences = WorkPreferences(sessions)
    preferences.send_digest(person("anna"), "anna@example.com", 8, "UTC", NOW)
    assert [*preferences.claim_digests(NOW + timedelta(minutes=5))] == []
    assert len([*preferences.claim_digests(NOW + timedelta(hours=20))]) == 1


def test_who_stops_in_between_leaves_the_rest_for_another_run(
    sessions: Sessions, person: Callable[[str], int]
) -> None:
    preferences = WorkPreferences(sessions)
    ids = [person(name) for name in ("anna", "otto")]
    for id_ in ids:
        preferences.send_digest(id_, "a@example.com", 8, "UTC", NOW - timedelta(hours=6))
    one, other = preferences.claim_digests(NOW), preferences.claim_digests(NOW)
    assert [next(one).person_id, next(other).person_id] == ids
    assert [*one, *other] == []


@pytest.mark.parametrize(
    "address", ["a@[", "().@b.de", ".:@b.de", "a..b@c.de", "a@b..de", "a\x00@b.de"]
)
def test_an_address_that_no_mail_can_have_is_refused(
    sessions: Sessions, person: Callable[[str], int], address: str
) -> None:
    with pytest.raises(NotAllowed, match="needs an address"):
        WorkPreferences(sessions).send_digest(person("anna"), address, 8, "UTC", NOW)


def test_nobody_who_is_locked_out_gets_a_mail(
    sessions: Sessions, person: Callable[[str], int]
) -> None:
    person("anna")
    preferences = WorkPreferences(sessions)
    preferences.send_digest(person("otto"), "otto@example.com", 8, "UTC", NOW - timedelta(hours=6))
    People(sessions).set_locked("otto", True, signed(at=NOW))
    assert [*preferences.claim_digests(NOW)] == []
    People(sessions).set_locked("otto", False, signed(at=NOW))
    assert len([*preferences.claim_digests(NOW)]) == 1


@pytest.mark.parametrize(
    ("to", "hour", "zone", "sentence"),
    [
        ("anna", 8, "UTC", "the mail needs an address"),
        ("a@b.example, c@d.example", 8, "UTC", "the mail needs an address"),
        ("anna@example.com\nBcc: c@d.example", 8, "UTC", "the mail needs an address"),
        ("anna@example.com", 24, "UTC", "an hour is between 0 and 23"),
        ("anna@example.com", 8, "Berlin", "a time zone is called like"),
    ],
)
def test_a_mail_that_cannot_be_sent_is_refused(
    sessions: Sessions, person: Callable[[str], int], to: str, hour: int, zone: str, sentence: str
) -> None:
    anna = person("anna")
    with pytest.raises(NotAllowed, match=sentence):
        WorkPreferences(sessions).send_digest(anna, to, hour, zone, NOW)
    assert WorkPreferences(sessions).of(anna).digest_hour is None


def test_all_of_it_goes_with_its_person(sessions: Sessions, person: Callable[[str], int]) -> None:
    person("anna")
    otto = person("otto")
    (order_id,) = store(sessions, a_held_order(1))
    assign(sessions, [order_id], otto, author="anna", now=NOW)
    SavedViews(sessions).add(otto, "Held", {}, True, NOW)
    WorkPreferences(sessions).use_shortcuts(otto, False)
    with sessions() as session, session.begin():
        note = Note(order_id=order_id, at=NOW, author="anna", text="wrote a note")
        session.add(note)
        session.flush()
        session.add(Mention(note_id=note.id, person_id=otto))
    assert WorkPreferences(sessions).at_a_glance(otto) == (False, 1)
    tables = (SavedView, WorkPreferencesRow, Assignment, Mention)
    with sessions() as session:
        assert [session.scalar(select(func.count()).select_from(one)) for one in tables] == [1] * 4
    People(sessions).remove("otto", signed(at=NOW))
    with sessions() as session:
        assert [session.scalar(select(func.count()).select_from(one)) for one in tables] == [0] * 4
