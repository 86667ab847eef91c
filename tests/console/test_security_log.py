"""What people do at the console is in the security log, and admins see it."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from pipeline.access.people import People
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from tests.console.builders import an_order, store
from tests.console.conftest import SignedIn
from tests.console.forms import form_token
from tests.console.signing_in import PASSWORD, Clock, sign_in
from tests.console.test_pages_orders import bought_by
from tests.security_log import logged, rows


def test_sign_ins_are_in_it_good_and_refused(client: FlaskClient, sessions: Sessions) -> None:
    client.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    sign_in(client, password="wrong")
    sign_in(client, "my secret password", "x")
    sign_in(client)
    client.post("/logout", data=form_token(client.get("/account").text))
    sign_ins = [Action.SIGN_IN_REFUSED, Action.SIGNED_IN, Action.SIGNED_OUT]
    assert [(row.person, row.action) for row in rows(sessions, *sign_ins)] == [
        ("Anna", "sign-in refused"),
        ("", "sign-in refused"),
        ("Anna", "signed in"),
        ("Anna", "signed out"),
    ]
    assert {row.address for row in rows(sessions, *sign_ins)} == {"192.0.2.7"}


def test_a_pause_is_in_it_once_each_time_that_it_begins(
    client: FlaskClient, sessions: Sessions, clock: Clock
) -> None:
    for _ in range(9):
        sign_in(client, password="wrong")
    (pause,) = rows(sessions, Action.SIGN_IN_PAUSED)
    assert (pause.person, pause.address, pause.facts) == ("Anna", "127.0.0.1", {"seconds": 30})
    clock.pass_(seconds=30)
    sign_in(client, password="wrong")
    assert len(rows(sessions, Action.SIGN_IN_PAUSED)) == 2
    assert len(rows(sessions, Action.SIGN_IN_REFUSED)) == 6


def test_changes_of_people_are_in_it_with_who_made_them(
    browser: SignedIn, sessions: Sessions
) -> None:
    bert = {"name": "Bert", "role": "viewer", "password": PASSWORD}
    for act in ("add", "role", "password", "lock", "unlock"):
        assert browser.post(f"/people/{act}", {**bert, "name": "bert" if act != "add" else "Bert"})
    assert logged(sessions)[1:] == [
        ("anna", action, "person Bert")
        for action in ("person added", "role changed", "password changed", "locked", "unlocked")
    ]


def test_ones_own_new_password_is_in_it(client: FlaskClient, sessions: Sessions) -> None:
    sign_in(client)
    new = "four other words of mine"
    form = {"password": PASSWORD, "new": new, "again": new}
    client.post("/account/password", data={**form_token(client.get("/account").text), **form})
    assert logged(sessions, Action.PASSWORD_CHANGED) == [
        ("Anna", "password changed", "person Anna")
    ]


def test_names_that_were_shown_are_counted(operator: SignedIn, sessions: Sessions) -> None:
    for order_id in store(sessions, an_order(1), an_order(2)):
        bought_by(sessions, order_id)
    operator.post("/buyers")
    (row,) = rows(sessions, Action.NAMES_SHOWN)
    assert (row.person, row.facts) == ("otto", {"orders": 2})


def test_a_setting_and_an_accepted_copy_are_in_it(operator: SignedIn, sessions: Sessions) -> None:
    form = {"account": "eu", "name": "out_of_stock", "value": "backorder", "why": "as told"}
    assert operator.post("/settings/turn", form).status_code == 303
    assert logged(sessions, Action.SETTING_CHANGED) == [
        ("otto", "setting changed", "out_of_stock of eu")
    ]


def test_admins_see_it(browser: SignedIn, operator: SignedIn, sessions: Sessions) -> None:
    assert 'href="/security-log"' in browser.get("/account").text
    assert 'href="/security-log"' not in operator.get("/account").text
    assert operator.get("/security-log").status_code == 403
    assert 'scope="row"' in browser.get("/security-log?person=anna&action=signed+in").text
    for nothing in (
        "person=bert",
        "action=locked",
        "object=x",
        "from=2100-01-01",
        "until=2001-01-01",
    ):
        assert "There is no such row." in browser.get(f"/security-log?{nothing}").text


@pytest.mark.parametrize("query", ["action=x", "from=today", "until=0001-01-01"])
def test_what_cannot_be_read_is_refused(browser: SignedIn, query: str) -> None:
    assert browser.get(f"/security-log?{query}").status_code == 400


def test_it_goes_on_page_by_page(browser: SignedIn, sessions: Sessions) -> None:
    people = People(sessions)
    for number in range(120):
        people.refuse("anna", f"192.0.2.{number}", rows(sessions)[0].at)
    first = browser.get("/security-log?person=anna").text
    assert first.count('scope="row"') == 100
    second = browser.get("/security-log?person=anna&before=22").text
    assert "before=22" in first
    assert second.count('scope="row"') == 21
    assert "Next page" not in second
