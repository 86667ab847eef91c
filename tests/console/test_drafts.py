"""What was typed after a sign-in had ended comes back after the next one, and to nobody else."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pipeline.access.people import People
from pipeline.base.db import Sessions
from pipeline.settings.roles import Role
from tests.builders import signed
from tests.console.builders import a_held_order, store
from tests.console.forms import form_token
from tests.console.reading import words_of
from tests.console.signing_in import PASSWORD, Clock, is_in, sign_in

TYPED = "Lieferweg 77, said the buyer"
COOKIE = "orderbridge-draft"


def send_too_late(
    client: FlaskClient, clock: Clock, path: str, fields: dict[str, str], page: str
) -> TestResponse:
    """Send a form from `page`, whose sign-in has ended meanwhile."""
    token = form_token(client.get("/account").text)
    clock.pass_(hours=3)
    headers = {"Referer": f"http://localhost{page}", "Sec-Fetch-Site": "same-origin"}
    return client.post(path, data={**token, **fields}, headers=headers)


def test_what_was_typed_is_shown_on_its_page_after_signing_in_again(
    client: FlaskClient, clock: Clock, sessions: Sessions
) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    sign_in(client)
    page, act = f"/orders/{order_id}?said=note", f"/orders/{order_id}/note"
    reply = send_too_late(client, clock, act, {"text": TYPED, "seen": "7"}, page)
    where = f"/login?next=/orders/{order_id}?said%3Dnote"
    assert (reply.status_code, reply.headers["Location"]) == (303, where)
    kept = client.get_cookie(COOKIE)
    assert kept is not None
    assert (kept.http_only, kept.same_site, kept.max_age) == (True, "Lax", 3600)
    assert "Lieferweg" not in str(reply.headers) + reply.text
    assert "Lieferweg" not in client.get("/login").text
    done = sign_in(client, page=page)
    assert done.headers["Location"] == page
    # The page's own script, which asks for a part of it, takes nothing away.
    assert "Lieferweg" not in client.get(f"/orders/{order_id}?fragment=1").text
    shown = client.get(page).text
    assert f'data-action="{act}"' in shown
    assert re.findall(r'<dd data-name="(\w+)">([^<]*)</dd>', shown) == [("text", TYPED)]
    assert "Not sent yet. You were signed out before this was sent." in words_of(shown)
    assert client.get_cookie(COOKIE) is None
    assert "Not sent yet" not in client.get(page).text


def test_another_person_in_the_same_browser_is_not_shown_it(
    client: FlaskClient, clock: Clock, sessions: Sessions
) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    People(sessions).add("otto", Role.OPERATOR, PASSWORD, signed(), is_own=True)
    sign_in(client)
    page = f"/orders/{order_id}"
    send_too_late(client, clock, f"{page}/note", {"text": TYPED}, page)
    sign_in(client, "otto")
    assert "Lieferweg" not in client.get(page).text
    assert client.get_cookie(COOKIE) is not None
    sign_in(client)
    assert TYPED in client.get(page).text


def test_a_page_that_cannot_be_shown_again_leaves_it_on_the_first_page(
    client: FlaskClient, clock: Clock
) -> None:
    sign_in(client)
    fields = {"name": "tax", "value": "inside", "why": TYPED}
    reply = send_too_late(client, clock, "/settings/turn", fields, "/settings/try")
    assert reply.headers["Location"] == "/login"
    sign_in(client)
    assert TYPED in client.get("/").text


def test_what_is_too_long_to_be_kept_is_said_to_be_lost(
    client: FlaskClient, clock: Clock, sessions: Sessions
) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    sign_in(client)
    codes = " ".join(f"{number * 7919:x}{number}" for number in range(2000))
    act = f"/orders/{order_id}/transparency"
    send_too_late(client, clock, act, {"codes": codes}, f"/orders/{order_id}")
    kept = client.get_cookie(COOKIE)
    assert kept is not None
    assert len(kept.value) < 4000
    sign_in(client)
    assert "too long to be kept: type it again" in client.get(f"/orders/{order_id}").text


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/account/password", {"password": PASSWORD, "new": TYPED, "again": TYPED}),
        ("/people/add", {"name": "eve", "password": TYPED}),
        ("/orders/1/release", {}),
        ("/orders/1/note", {"text": TYPED, "csrf_token": "00" * 64}),
    ],
)
def test_secrets_and_what_is_not_from_our_pages_are_not_kept(
    client: FlaskClient, clock: Clock, path: str, fields: dict[str, str]
) -> None:
    sign_in(client)
    reply = send_too_late(client, clock, path, fields, "/account")
    assert reply.status_code == 303
    assert client.get_cookie(COOKIE) is None


def test_what_another_site_sends_is_not_kept(client: FlaskClient, clock: Clock) -> None:
    sign_in(client)
    token = form_token(client.get("/account").text)
    clock.pass_(hours=3)
    headers = {"Referer": "https://evil.example/", "Sec-Fetch-Site": "cross-site"}
    reply = client.post("/orders/1/note", data={**token, "text": TYPED}, headers=headers)
    assert (reply.headers["Location"], client.get_cookie(COOKIE)) == ("/login", None)


def test_a_changed_cookie_is_nothing(client: FlaskClient) -> None:
    sign_in(client)
    for value in ("x", "AAAA", "A" * 400):
        client.set_cookie(COOKIE, value)
        page = client.get("/")
        assert page.status_code == 200
        assert "Not sent yet" not in page.text
    assert is_in(client)
