"""Names that could be taken for each other, and names of people who were removed."""

from __future__ import annotations

import pytest

from pipeline.access.errors import NameTaken, NotAllowed
from pipeline.access.people import People
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.settings.roles import Role
from tests.builders import NOW, signed
from tests.security_log import logged

PASSWORD = "four words of mine"


@pytest.fixture
def people(sessions: Sessions) -> People:
    return People(sessions)


def add(people: People, *names: str) -> None:
    for name in names:
        people.add(name, Role.ADMIN, PASSWORD, signed("olga", NOW))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("anna", "\u0430nna"),  # Cyrillic a
        ("anna", "\uff41nna"),  # full width
        ("Ivan", "lvan"),
        ("b0b", "BOB"),
        ("martha", "rnartha"),
        ("otto", "\u03bftt\u03bf"),  # Greek o
        ("user1", "userl"),
        ("anna b", "anna  b"),
    ],
)
def test_names_that_look_alike_are_refused(people: People, first: str, second: str) -> None:
    add(people, first)
    with pytest.raises(NameTaken):
        add(people, second)
    with pytest.raises(NameTaken):
        people.from_elsewhere("https://id.example 1", second, Role.VIEWER, "192.0.2.1", NOW)
    assert len(people.everyone()) == 1


def test_names_that_differ_are_taken(people: People) -> None:
    names = ("anna", "anne", "ánna", "user1", "user2", "Анна", "m", "n")
    add(people, *names)
    assert {person.name for person in people.everyone()} == set(names)


def test_the_name_of_who_was_removed_stays_theirs(people: People, sessions: Sessions) -> None:
    add(people, "anna", "bert")
    people.remove("bert", signed("anna"))
    assert [person.name for person in people.everyone()] == ["anna"]
    assert people.with_password("bert", PASSWORD, NOW) is None
    for name in ("bert", "BERT", "b\u0435rt"):
        with pytest.raises(NameTaken, match="bert was removed, and the name stays theirs"):
            add(people, name)
    assert logged(sessions, Action.PERSON_REMOVED) == [("anna", "person removed", "person bert")]


def test_a_removed_person_of_the_provider_stays_out_until_let_in_as_the_same(
    people: People,
) -> None:
    person = ("https://id.example 1", "bert", Role.VIEWER, "192.0.2.1", NOW)
    person_id = people.from_elsewhere(*person)
    people.remove("bert", signed("anna"))
    assert people.everyone() == []
    with pytest.raises(NotAllowed):
        people.from_elsewhere(*person)
    people.set_locked("bert", False, signed("anna"))
    assert people.from_elsewhere(*person) == person_id
    people.remove("bert", signed("anna"))
    with pytest.raises(NameTaken):
        people.from_elsewhere("https://id.example 2", *person[1:])


def test_a_provider_renames_to_no_taken_name(people: People) -> None:
    add(people, "anna")
    people.from_elsewhere("https://id.example 1", "bert", Role.VIEWER, "192.0.2.1", NOW)
    with pytest.raises(NameTaken):
        people.from_elsewhere("https://id.example 1", "\u0430nna", Role.VIEWER, "192.0.2.1", NOW)
    people.from_elsewhere("https://id.example 1", "Bert", Role.VIEWER, "192.0.2.1", NOW)
    assert [person.name for person in people.everyone()] == ["anna", "Bert"]
