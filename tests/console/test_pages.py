"""The pages through Flask's test client, on real PostgreSQL."""

from __future__ import annotations

import re
from html import unescape

from flask import Flask
from sqlalchemy import select

from pipeline.base import db
from pipeline.base.db import Sessions
from pipeline.console.app import create_app
from pipeline.orders.tables import Note, Order, Status
from pipeline.settings.roles import Role
from tests.conftest import Servers
from tests.console.builders import (
    NOW,
    a_held_order,
    a_shipped_order,
    an_attempt,
    an_order,
    some_settings,
    store,
)
from tests.console.conftest import USER, SignedIn


def test_the_order_page_shows_facts_lines_proof_shipments_and_timeline(
    sessions: Sessions, browser: SignedIn
) -> None:
    (order_id,) = store(sessions, a_shipped_order(3))
    with sessions() as session, session.begin():
        session.add_all([an_attempt(order_id, 70), an_attempt(order_id, 60)])
    page = _words(browser.get(f"/orders/{order_id}").text)
    for expected in (
        "000000003 entity 1003, complete",
        "MUG-1 Mug, model 1 2 37.98 EUR",
        "delivery tip 3.99 EUR Amazon’s total, to the cent 41.97 EUR",
        "77 2026-03-10 11:10 DHL 00340434161094015902 2 accepted 2026-03-10 11:15",
        "ship order attempt wait 2 times since 2026-03-10 10:50 waiting for the warehouse",
    ):
        assert expected in page
    assert ">Retry<" not in page


def test_a_total_that_does_not_add_up_is_not_said_to(sessions: Sessions, browser: SignedIn) -> None:
    proof = {"mode": "", "grand_total": "41.97", "lines": {"item-1": "37.98"}, "adjustments": {}}
    (order_id,) = store(sessions, an_order(1, total_proof=proof))
    page = _words(browser.get(f"/orders/{order_id}").text)
    assert "Not accounted for 3.99 EUR Amazon’s total 41.97 EUR" in page


def test_an_order_that_is_not_there_is_not_found(browser: SignedIn) -> None:
    for order_id in (1, 2**63 - 1, 2**63):
        assert browser.get(f"/orders/{order_id}").status_code == 404


def test_release_writes_the_row_and_a_note_in_the_name_of_the_login(
    sessions: Sessions, browser: SignedIn
) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    assert ">Retry<" in browser.get(f"/orders/{order_id}").text
    reply = browser.post(f"/orders/{order_id}/release")
    assert reply.status_code == 303
    assert reply.headers["Location"] == f"/orders/{order_id}?said=release"
    with sessions() as session:
        order = session.scalars(select(Order)).one()
        note = session.scalars(select(Note)).one()
    assert (order.status, order.due_at, order.news) == (Status.HELD, NOW, 1)
    assert (note.order_id, note.author, note.text, note.at) == (order_id, USER, "released", NOW)


def test_an_order_that_has_ended_is_not_released(sessions: Sessions, browser: SignedIn) -> None:
    (order_id,) = store(sessions, a_shipped_order(1))
    assert browser.post(f"/orders/{order_id}/release").status_code == 409
    assert browser.post(f"/orders/{order_id + 1}/release").status_code == 404
    with sessions() as session:
        assert session.scalars(select(Note)).all() == []


def test_the_fragment_is_the_page_without_its_frame(sessions: Sessions, browser: SignedIn) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    path = f"/orders/{order_id}"
    page, fragment = (
        _with_any_token(browser.get(one).text) for one in (path, f"{path}?fragment=1")
    )
    assert fragment.startswith('<div class="order" data-live>')
    assert "<html" not in fragment
    assert fragment.strip() in page


def test_flower_is_linked_when_it_is_known(sessions: Sessions, browser: SignedIn) -> None:
    assert "Flower" not in browser.get("/").text
    app = create_app(some_settings(), sessions, lambda: NOW, "http://flower.test/")
    link = '<a href="http://flower.test/">'
    shown = SignedIn(app, sessions, "bert").get("/").text
    assert "Workers in Flower</a>" in shown.partition(link)[2]
    assert link not in SignedIn(app, sessions, "vera", Role.VIEWER).get("/").text


def test_health_is_that_of_the_database(app: Flask, database_url: str) -> None:
    reply = app.test_client().get("/healthz")
    assert (reply.status_code, reply.text) == (200, "ok\n")
    nowhere = db.engine_for(f"{database_url}_gone")
    lost = create_app(some_settings(), db.sessions_for(nowhere), lambda: NOW).test_client()
    reply = lost.get("/healthz")
    assert (reply.status_code, reply.text) == (503, "the database does not answer\n")
    lost.set_cookie("orderbridge", "a token of before")
    page = lost.get("/")
    assert page.status_code == 503
    assert "The database does not answer. Try again soon." in page.text
    assert "_gone" not in page.text


def test_a_database_without_tables_is_said_to_be_one(servers: Servers) -> None:
    engine = db.engine_for(servers.database_url)
    client = create_app(some_settings(), db.sessions_for(engine), lambda: NOW).test_client()
    client.set_cookie("orderbridge", "a token of before")
    page = client.get("/")
    engine.dispose()
    assert page.status_code == 503
    assert "orderbridge migrate" in page.text


def _with_any_token(html: str) -> str:
    """The page without its token, which each answer masks anew."""
    return re.sub(r'(name="csrf_token" value=")[0-9a-f]+"', r'\1"', html)


def _words(html: str) -> str:
    """A page's text, with single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
