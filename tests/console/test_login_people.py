"""The page where an admin says who may sign in."""

from __future__ import annotations

import pytest

from pipeline.access.people import People
from pipeline.base.db import Sessions
from pipeline.settings.roles import Role
from tests.console.builders import NOW
from tests.console.conftest import USER, SignedIn
from tests.console.signing_in import PASSWORD


def known(sessions: Sessions) -> list[tuple[str, str, bool]]:
    return [(person.name, person.role, person.locked) for person in People(sessions).everyone()]


def test_an_admin_adds_changes_and_locks(sessions: Sessions, browser: SignedIn) -> None:
    added = browser.post("/people/add", {"name": "Bert", "role": "viewer", "password": PASSWORD})
    assert (added.status_code, added.headers["Location"]) == (303, "/people")
    assert known(sessions) == [(USER, "admin", False), ("Bert", "viewer", False)]
    page = browser.get("/people").text
    assert ">Bert</a></th>" in page
    assert '<option value="viewer" selected>viewer</option>' in page
    assert browser.post("/people/role", {"name": "Bert", "role": "operator"}).status_code == 303
    assert browser.post("/people/lock", {"name": "Bert"}).status_code == 303
    assert known(sessions)[1] == ("Bert", "operator", True)
    assert browser.post("/people/unlock", {"name": "Bert"}).status_code == 303
    new = {"name": "Bert", "password": "four other words of mine"}
    assert browser.post("/people/password", new).status_code == 303
    assert "one-time, until" in browser.get("/people").text
    people = People(sessions)
    assert people.with_password("bert", new["password"], NOW) is not None
    assert "one-time, used up" in browser.get("/people").text
    assert people.with_password("bert", PASSWORD, NOW) is None


@pytest.mark.parametrize(
    ("path", "form", "sentence"),
    [
        ("add", {"name": "bert", "role": "viewer", "password": "short"}, "12 to 256 characters"),
        ("add", {"name": "bert", "role": "boss", "password": PASSWORD}, "there is no such role"),
        ("add", {"name": "<b>", "role": "viewer", "password": PASSWORD}, "a name has up to 64"),
        ("role", {"name": "nobody", "role": "viewer"}, "there is nobody called nobody"),
        ("role", {"name": USER.upper(), "role": "viewer"}, "ask another admin"),
        ("lock", {"name": f" {USER} "}, "ask another admin"),
        ("lock", {"name": f"{USER}\0"}, "ask another admin"),
        ("password", {"name": USER, "password": PASSWORD}, "ask another admin"),
        ("lock", {}, "there is nobody called"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(
    sessions: Sessions, browser: SignedIn, path: str, form: dict[str, str], sentence: str
) -> None:
    reply = browser.post(f"/people/{path}", form)
    assert reply.status_code == 400
    assert "Nothing was changed" in reply.text
    assert sentence in reply.text
    assert known(sessions) == [(USER, "admin", False)]


def test_the_page_is_for_admins_alone(sessions: Sessions, operator: SignedIn) -> None:
    assert operator.get("/people").status_code == 403
    form = {"name": "otto", "role": "admin", "password": PASSWORD}
    for path in (
        *("add", "role", "password", "lock", "unlock", "second-factor", "sign-ins", "remove"),
    ):
        assert operator.post(f"/people/{path}", form).status_code == 403
    assert known(sessions) == [("otto", "operator", False)]
    assert 'href="/people"' not in operator.get("/account").text


def test_an_admin_finds_the_page(browser: SignedIn) -> None:
    assert 'href="/people"' in browser.get("/account").text


def test_the_providers_people_have_no_role_or_password_to_set(
    sessions: Sessions, browser: SignedIn
) -> None:
    People(sessions).from_elsewhere("https://id.example 1", "bert", Role.VIEWER, "192.0.2.1", NOW)
    page = browser.get("/people").text
    assert "by the OpenID provider" in page
    assert "New password of bert" not in page
    reply = browser.post("/people/role", {"name": "bert", "role": "admin"})
    assert reply.status_code == 400
    assert known(sessions)[1] == ("bert", "viewer", False)
