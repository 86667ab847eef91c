"""Which passwords are accepted, and how long they last."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.access import passwords
from pipeline.access.errors import NotAllowed
from pipeline.access.people import People
from pipeline.base.db import Sessions
from pipeline.settings.roles import Role
from tests.builders import NOW, signed

OWN, OTHER = "four words of mine", "four other words of mine"


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("password1234", "among those that are guessed first"),
        ("qwertyuiop12", "among those that are guessed first"),
        ("123456789012", "among those that are guessed first"),
        ("P@$$w0rd2026", "among those that are guessed first"),
        ("a" * 200, "among those that are guessed first"),
        ("xq Berta 83 kölq", "must not contain “bert”"),
        ("xq ＢＥＲＴ 83 kölq", "must not contain “bert”"),
        ("xq shop 83 kölq zw", "must not contain “shop”"),
        ("OrderBridge 83 kölq", "must not contain “orderbridge”"),
        ("short", "a password has 12 to 256 characters"),
    ],
)
def test_what_is_guessed_first_or_names_the_person_is_refused(password: str, sentence: str) -> None:
    with pytest.raises(NotAllowed, match=sentence):
        passwords.hashed(password, "Bert.Q@shop.example")


def test_what_nobody_guesses_is_taken_however_long() -> None:
    # The signs of the last one stand for letters: it would be graded for minutes.
    signs = "4@8({[<369&#!1/|0$5+7%2" * 3
    for password in (OWN, "xq 83 kölq zw", "kölq zwarn " * 20, signs):
        assert passwords.fits(passwords.hashed(password, "Al"), password)


def test_a_one_time_password_lets_in_once_and_for_72_hours(sessions: Sessions) -> None:
    people = People(sessions)
    for name in ("anna", "bert"):
        people.add(name, Role.VIEWER, OWN, signed(at=NOW))
    end = NOW + timedelta(hours=72)
    assert people.with_password("anna", OWN, end) is None
    just_before = end - timedelta(seconds=1)
    assert people.with_password("bert", OWN, just_before) == people.named("bert").id
    assert people.with_password("bert", OWN, just_before) is None
    people.choose_password(people.named("bert").id, OTHER, signed("bert", end))
    for _ in range(2):
        assert people.with_password("bert", OTHER, end) == people.named("bert").id


def test_the_present_password_and_the_last_four_are_not_taken_again(sessions: Sessions) -> None:
    people = People(sessions)
    people.add("anna", Role.VIEWER, f"{OWN} 0", signed(at=NOW), is_own=True)
    person_id = people.named("anna").id
    for number in range(1, 5):
        people.choose_password(person_id, f"{OWN} {number}", signed(at=NOW))
    for number in range(5):
        with pytest.raises(NotAllowed, match="was yours before"):
            people.choose_password(person_id, f"{OWN} {number}", signed(at=NOW))
    people.choose_password(person_id, f"{OWN} 5", signed(at=NOW))
    people.choose_password(person_id, f"{OWN} 0", signed(at=NOW))


def test_what_an_admin_sets_does_not_bring_an_old_password_back(sessions: Sessions) -> None:
    people = People(sessions)
    people.add("anna", Role.VIEWER, OWN, signed(at=NOW), is_own=True)
    people.set_password("anna", OTHER, signed("bert"))
    for before in (OWN, OTHER):
        with pytest.raises(NotAllowed, match="was yours before"):
            people.choose_password(people.named("anna").id, before, signed(at=NOW))
