"""The pages through Flask's test client, on real PostgreSQL."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select

from pipeline import db
from pipeline.console.app import create_app
from pipeline.db import Sessions
from pipeline.incidents import Incidents
from pipeline.models import Note, Order, Status
from tests.conftest import Servers
from tests.console.builders import (
    FRANCE,
    NOW,
    a_held_order,
    a_pending_order,
    a_shipped_order,
    an_attempt,
    an_order,
    some_settings,
    store,
)
from tests.console.conftest import USER, SignedIn


def test_what_a_person_has_to_know_stands_above_the_list_until_it_is_over(
    sessions: Sessions, browser: SignedIn
) -> None:
    incidents = Incidents(sessions)
    incidents.open("account:eu", "account eu: <b>authorise</b> it again", NOW, account="eu")
    page = browser.get("/").text
    assert page.count('class="incident"') == 1
    assert "account eu: &lt;b&gt;authorise&lt;/b&gt; it again" in page
    incidents.close("account:eu", NOW)
    assert 'class="incident"' not in browser.get("/").text


def test_the_list_shows_an_order_with_all_its_facts(sessions: Sessions, browser: SignedIn) -> None:
    store(
        sessions,
        a_shipped_order(3, fulfilled_by="FBA", marketplace_id=FRANCE, ship_by_at=NOW),
    )
    page = browser.get("/")
    assert page.status_code == 200
    assert "<title>Orderbridge</title>" in page.text
    assert _rows(page.text) == [
        "303-0000000-0000003",
        "000000003",
        "done sync tracking",
        "",
        "shipped",
        "FR french_fba",
        "FBA",
        "41.97 EUR",
        "10 Mar 09:00",
        "10 Mar 12:00",
        "2 × MUG-1",
        "00340434161094015902",
    ]


def test_a_held_order_says_why_and_a_late_one_that_it_is(
    sessions: Sessions, browser: SignedIn
) -> None:
    store(sessions, a_held_order(1, ship_by_at=NOW - timedelta(hours=3)))
    cells = _rows(browser.get("/").text)
    assert "sku not found : MUG-1 is not in Magento's catalogue" in cells
    assert "10 Mar 09:00 late, 3 h ago" in cells


def test_pending_orders_are_hidden_until_asked_for(sessions: Sessions, browser: SignedIn) -> None:
    store(sessions, an_order(1), a_pending_order(2))
    page = browser.get("/").text
    assert "303-0000000-0000001" in page
    assert "303-0000000-0000002" not in page
    assert "Show 1 pending order</a>" in page
    assert 'href="/?all=1"' in page
    assert "303-0000000-0000002" in browser.get("/?all=1").text


def test_the_counts_on_top_choose_a_status(sessions: Sessions, browser: SignedIn) -> None:
    store(sessions, an_order(1), a_held_order(2), a_held_order(3))
    page = browser.get("/?status=held").text
    assert "303-0000000-0000001" not in page
    assert re.findall(r"<b>(\d+)</b> (\w+)</a>", page) == [
        ("3", "all"),
        ("2", "held"),
        ("1", "waiting"),
        ("0", "ready"),
        ("0", "running"),
        ("0", "done"),
        ("0", "cancelled"),
    ]
    assert re.findall(r'href="([^"]*)" aria-current="page"', page) == ["/?status=held"]


def test_pages_follow_each_other(sessions: Sessions, browser: SignedIn) -> None:
    store(sessions, *(an_order(number) for number in range(1, 54)))
    first = browser.get("/?status=waiting").text
    older = re.search(r'id="older" rel="next" href="([^"]+)"', first)
    assert older is not None
    second = browser.get(unescape(older[1])).text
    assert [_numbers(first), _numbers(second)] == [list(range(1, 51)), [51, 52, 53]]
    assert 'id="newest" href="/?status=waiting"' in second
    assert 'id="older"' not in second


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/", "No orders yet. Amazon is asked every 3 minutes"),
        ("/?status=held", "No order is held now."),
        ("/?after=2020-01-01T00:00:00%2B00:00~1", "There are no older orders."),
    ],
)
def test_an_empty_list_says_what_will_appear(browser: SignedIn, path: str, sentence: str) -> None:
    page = browser.get(path)
    assert page.status_code == 200
    assert sentence in _words(page.text)


def test_when_all_are_hidden_the_empty_list_says_so(sessions: Sessions, browser: SignedIn) -> None:
    store(sessions, a_pending_order(1))
    assert "once Amazon has verified its payment" in _words(browser.get("/").text)


@pytest.mark.parametrize("path", ["/?status=x", "/?after=x", "/?after=2026-01-01T00:00:00~1"])
def test_a_damaged_link_is_said_to_be_one(browser: SignedIn, path: str) -> None:
    page = browser.get(path)
    assert page.status_code == 400
    assert "To the orders" in page.text


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
    assert "Look at it now" not in page


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
    assert "Look at it now" in browser.get(f"/orders/{order_id}").text
    reply = browser.post(f"/orders/{order_id}/release")
    assert (reply.status_code, reply.headers["Location"]) == (303, f"/orders/{order_id}")
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
    for path in ("/", f"/orders/{order_id}"):
        page, fragment = browser.get(path).text, browser.get(f"{path}?fragment=1").text
        assert fragment.startswith("<h1 data-live>" if path == "/" else "<p>")
        assert "<html" not in fragment
        assert fragment.strip() in page


def test_flower_is_linked_when_it_is_known(sessions: Sessions, browser: SignedIn) -> None:
    assert "Flower" not in browser.get("/").text
    app = create_app(some_settings(), sessions, lambda: NOW, "http://flower.test/")
    link = '<a href="http://flower.test/">Workers in Flower</a>'
    assert link in SignedIn(app, sessions, "bert").get("/").text


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


def _words(html: str) -> str:
    """A page's text, with single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def _rows(html: str) -> list[str]:
    """The cells of the list's only row."""
    body = html.partition("<tbody>")[2].partition("</tbody>")[0]
    return [_words(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", body, re.DOTALL)]


def _numbers(html: str) -> list[int]:
    return [int(number) for number in re.findall(r">303-0000000-(\d+)</a>", html)]
