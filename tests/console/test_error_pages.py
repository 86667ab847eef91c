"""What a person sees in place of a page: why, what to do, and how to go on."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.console.app import create_app
from pipeline.console.error_pages import LARGEST_FORM
from pipeline.orders.tables import Note
from tests.console.builders import NOW, a_held_order, an_order, some_settings, store
from tests.console.conftest import SignedIn
from tests.console.reading import words_of

HERE = {"Referer": "http://localhost/held?page=2"}


def links(page: str) -> dict[str, str]:
    """The links of the page itself, by their words."""
    main = page.partition('<main id="main"')[2].partition("</main>")[0]
    return {words: to for to, words in re.findall(r'<a [^>]*?href="([^"]*)">([^<]*)</a>', main)}


@pytest.mark.parametrize(
    ("method", "path", "status", "title", "sentence"),
    [
        ("GET", "/no-such-page", 404, "There is no such page", "Search for it in the orders."),
        ("GET", "/orders/77", 404, "There is no such page", "There is no such order."),
        ("GET", "/orders/1/release", 405, "This address takes a form", "send it from there."),
        ("GET", "/people", 403, "You may not do this", "An admin can give you the role"),
        ("GET", "/bulk/new?act=release", 400, "That was not understood", "Tick some orders"),
        ("POST", "/orders/1/cancel", 400, "That was not understood", "Amazon knows no such reason"),
    ],
)
def test_an_error_says_what_to_do_and_leads_back_under_the_navigation(
    sessions: Sessions,
    operator: SignedIn,
    method: str,
    path: str,
    status: int,
    title: str,
    sentence: str,
) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    path = path.replace("/orders/1/", f"/orders/{order_id}/")
    if method == "GET":
        reply = operator.get(path, headers=HERE)
    else:
        reply = operator.post(path, headers={**HERE, "Sec-Fetch-Site": "same-origin"})
    assert reply.status_code == status
    words = words_of(reply.text)
    assert title in words
    assert sentence in words
    assert "Held 1" in words
    assert "otto My account Sign out" in words
    back = "/orders" if "bulk" in path else "/held?page=2"
    assert links(reply.text) == {"Back to where you were": back, "To the orders": "/orders"}


def test_a_whole_list_is_not_assigned(sessions: Sessions, operator: SignedIn) -> None:
    """Never the ticked orders of one page instead of all that were meant."""
    (order_id,) = store(sessions, an_order(1))
    everything = {"order": str(order_id), "whole": "1", "person": ""}
    reply = operator.post(
        "/orders/assign", everything, {"Sec-Fetch-Site": "same-origin", "Accept-Language": "de"}
    )
    assert reply.status_code == 400
    assert "Nur angekreuzte Bestellungen" in reply.text
    with sessions() as session:
        assert session.scalars(select(Note)).all() == []


def test_nothing_ticked_leads_back_to_the_list_with_its_filters(
    sessions: Sessions, operator: SignedIn
) -> None:
    reply = operator.get("/bulk/new?act=dismiss&status=held&sort=ship_by")
    assert (reply.status_code, links(reply.text)["Back to where you were"]) == (
        *(400, "/orders?status=held&amp;sort=ship_by"),
    )


def test_a_way_back_is_on_this_console_alone(sessions: Sessions, operator: SignedIn) -> None:
    for referrer in ("https://evil.example/held", "http://localhost/nowhere", ""):
        reply = operator.get("/nowhere", headers={"Referer": referrer})
        assert links(reply.text) == {"To the orders": "/orders"}


def test_a_form_that_is_too_large_is_refused_with_a_page(
    sessions: Sessions, operator: SignedIn
) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    reply = operator.post(f"/orders/{order_id}/note", {"text": "x" * LARGEST_FORM})
    assert reply.status_code == 413
    assert "A form may have 64 KB: send less of it at once." in words_of(reply.text)


def test_a_mistake_of_ours_is_a_page_with_the_time_to_tell_and_no_counts(
    sessions: Sessions,
) -> None:
    app = create_app(some_settings(), sessions, lambda: NOW)
    app.add_url_rule("/broken", "broken", lambda: str(1 // 0))
    reply = SignedIn(app, sessions).get("/broken")
    assert reply.status_code == 500
    words = words_of(reply.text)
    assert "Something went wrong here" in words
    assert "tell an admin the time: 2026-03-10 12:00:00 UTC" in words
    assert "Today Orders Held Ship by Returns Mine Activity Settlements SKU map" in words
    assert "ZeroDivisionError" not in reply.text


def test_a_stranger_sees_no_navigation(app: Flask) -> None:
    reply = app.test_client().post("/login")
    assert reply.status_code == 400
    assert 'aria-label="Pages"' not in reply.text
    assert "Load its page again" in reply.text
