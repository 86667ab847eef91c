"""The Orders tab through Flask's test client, on real PostgreSQL."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.base.security_log import Action
from pipeline.base.vault import SealedColumn, Vault
from pipeline.console.app import create_app
from pipeline.orders.machine import owner
from pipeline.orders.tables import Note, Order, OrderPrivate
from tests.builders import a_raw_order
from tests.console.builders import (
    FRANCE,
    NOW,
    a_held_order,
    a_pending_order,
    a_shipped_order,
    an_order,
    some_settings,
    store,
)
from tests.console.conftest import SignedIn
from tests.console.forms import without_tokens
from tests.security_log import rows

VAULT = Vault(*some_settings().master_keys)
BUYER = "Gesa Ohnegleichen"


def bought_by(sessions: Sessions, order_id: int, name: str = BUYER) -> None:
    """Give the order the sealed reply of a buyer of this name, and what intake keeps beside it."""
    raw = {**a_raw_order(), "buyer": {"buyerName": name}}
    with sessions() as session, session.begin():
        order = session.get_one(Order, order_id)
        key = VAULT.new_key(owner(order))
        session.add(
            OrderPrivate(
                order_id=order_id,
                wrapped_key=key,
                sealed=VAULT.seal(key, owner(order), SealedColumn.REPORT, raw),
                buyer_words=[
                    VAULT.pseudonym(f"buyer {word}")[:16] for word in name.lower().split()
                ],
                buyer_initials="G. O.",
            )
        )


def notes(sessions: Sessions) -> list[tuple[int, str, str]]:
    with sessions() as session:
        rows = session.scalars(select(Note).order_by(Note.order_id, Note.id)).all()
        return [(note.order_id, note.author, note.text) for note in rows]


def test_what_a_person_has_to_know_stands_above_the_list_until_it_is_over(
    sessions: Sessions, browser: SignedIn
) -> None:
    incidents = Incidents(sessions)
    incidents.open("account:eu", "account eu: <b>authorise</b> it again", NOW, account="eu")
    page = browser.get("/orders").text
    assert page.count('class="notice bad"') == 1
    assert "account eu: &lt;b&gt;authorise&lt;/b&gt; it again" in page
    incidents.close("account:eu", NOW)
    assert 'class="notice bad"' not in browser.get("/orders").text


def test_the_list_shows_an_order_with_all_its_facts(sessions: Sessions, browser: SignedIn) -> None:
    (order_id,) = store(
        sessions,
        a_shipped_order(
            3, fulfilled_by="FBA", marketplace_id=FRANCE, ship_by_at=NOW, programs=["PRIME"]
        ),
    )
    bought_by(sessions, order_id)
    page = browser.get("/orders")
    assert page.status_code == 200
    assert "<title>Orders · Orderbridge</title>" in page.text
    assert _rows(page.text) == [
        "",
        "303-0000000-0000003 FR · FBA · prime · shipped",
        "000000003 french_fba",
        "G. O.",
        "done sync tracking",
        "",
        "2 × MUG-1 00340434161094015902",
        "10 Mar 09:00",
        "10 Mar 12:00",
        "41.97 EUR",
    ]
    assert BUYER not in page.text
    assert 'href="https://sellercentral.amazon.fr/orders-v3/order/303-0000000-0000003"' in page.text


def test_the_magento_number_leads_to_the_admin_where_that_is_set(sessions: Sessions) -> None:
    store(sessions, an_order(1))
    settings = some_settings()
    shop = settings.shops["main"].model_copy(update={"admin_url": "https://shop.example/backend"})
    app = create_app(settings.model_copy(update={"shops": {"main": shop}}), sessions, lambda: NOW)
    link = "https://shop.example/backend/sales/order/view/order_id/1001/"
    assert (
        f'<a href="{link}" rel="noreferrer">000000001</a>'
        in SignedIn(app, sessions).get("/orders").text
    )


def test_a_held_order_says_why_and_a_late_one_that_it_is(
    sessions: Sessions, browser: SignedIn
) -> None:
    store(sessions, a_held_order(1, ship_by_at=NOW - timedelta(hours=3)))
    cells = _rows(browser.get("/orders").text)
    assert "sku not found MUG-1 is not in Magento's catalogue" in cells
    assert "10 Mar 09:00 late, 3 h ago" in cells


def test_pending_orders_are_hidden_until_asked_for(sessions: Sessions, browser: SignedIn) -> None:
    store(sessions, an_order(1), a_pending_order(2))
    page = browser.get("/orders?sort=number").text
    assert "303-0000000-0000001" in page
    assert "303-0000000-0000002" not in page
    assert "1 order. Show 1 pending order" in _words(page)
    assert 'id="hide" href="/orders?all=1&amp;sort=number"' in page
    everything = browser.get("/orders?all=1").text
    assert "303-0000000-0000002" in everything
    assert 'id="hide" href="/orders"' in everything


def test_the_counts_on_top_choose_a_status_or_a_reason(
    sessions: Sessions, browser: SignedIn
) -> None:
    store(sessions, an_order(1), a_held_order(2), a_held_order(3, hold_code="out_of_stock"))
    page = browser.get("/orders?status=held").text
    assert _numbers(page) == [2, 3]
    assert re.findall(r'>(\w+) <span class="count[^>]*>(\d+)</span></a>', page) == [
        ("Held", "2"),
        ("Waiting", "1"),
        ("Ready", "0"),
        ("Running", "0"),
        ("Done", "0"),
        ("Cancelled", "0"),
    ]
    assert re.findall(r"<b>(\d+)</b> ([\w ]+)</a>", page) == [
        ("1", "out of stock"),
        ("1", "sku not found"),
    ]
    chosen = r'href="([^"]*)" aria-current="page"'
    assert re.findall(chosen, page) == ["/orders", "/orders?status=held"]
    page = browser.get("/orders?reason=out_of_stock").text
    assert _numbers(page) == [3]
    assert re.findall(chosen, page) == ["/orders", "/orders?reason=out_of_stock"]


def test_pages_follow_each_other_both_ways(sessions: Sessions, browser: SignedIn) -> None:
    store(sessions, *(an_order(number) for number in range(1, 54)))
    first = browser.get("/orders?status=waiting").text
    second = browser.get(_link(first, "next")).text
    assert [_numbers(first), _numbers(second)] == [list(range(1, 51)), [51, 52, 53]]
    assert _link(second, "first") == "/orders?status=waiting"
    assert 'id="next"' not in second
    again = browser.get(_link(second, "previous")).text
    assert _numbers(again) == list(range(1, 51))
    assert 'id="previous"' not in again


def test_the_headings_sort_the_whole_list_and_say_how_it_is_sorted(
    sessions: Sessions, browser: SignedIn
) -> None:
    store(sessions, *(an_order(number) for number in range(1, 53)))
    newest_first = browser.get("/orders").text
    assert re.findall(r'aria-sort="(\w+)">.*?>(\w+) ', newest_first) == [
        ("descending", "Purchased")
    ]
    oldest_first = browser.get(_link(newest_first, "sort-purchased")).text
    assert _numbers(oldest_first)[0] == 52
    assert 'aria-sort="ascending"' in oldest_first
    waiting = browser.get("/orders?status=waiting").text
    assert _link(waiting, "sort-total") == "/orders?status=waiting&currency=EUR&sort=-total"
    assert _link(oldest_first, "sort-ship_by") == "/orders?sort=ship_by"


def test_a_bad_value_is_told_beside_its_field_and_the_rest_counts(
    sessions: Sessions, browser: SignedIn
) -> None:
    store(sessions, an_order(1), a_held_order(2))
    page = browser.get("/orders?status=held&min=1%3Cb%3E")
    assert page.status_code == 200
    assert _numbers(page.text) == [2]
    field = re.search(r"<input[^>]*\bname=\"min\"[^>]*>", page.text)
    assert field is not None
    assert 'aria-invalid="true" aria-describedby="min-mistake"' in field[0]
    assert 'value="1&lt;b&gt;"' in field[0]
    assert '<p class="mistake" id="min-mistake">Write an amount as 1234' in page.text
    assert 'id="filters" open>' in page.text


def test_what_was_asked_stands_in_the_form(browser: SignedIn) -> None:
    page = browser.get(
        "/orders?status=held&store=french&program=PRIME&from=2026-03-01&all=1&sort=number"
    ).text
    assert re.findall(r'value="([^"]+)" selected', page) == ["held", "number", "french"]
    assert re.findall(r'value="(2026-03-01|PRIME)"(?! selected)>', page)
    assert 'name="all" value="1" checked' in page
    assert 'id="filters">' in browser.get("/orders?status=held&sort=number").text


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/orders", "No orders yet. Amazon is asked every 3 minutes"),
        ("/orders?status=held", "No order is held now."),
        ("/orders?sku=MUG-1", "No order matches the filters. Show all orders"),
        (
            "/orders?after=2020-01-01T00:00:00%2B00:00~1",
            "There are no orders on this page any more. To the first page",
        ),
    ],
)
def test_an_empty_list_says_what_will_appear(operator: SignedIn, path: str, sentence: str) -> None:
    page = operator.get(path)
    assert page.status_code == 200
    assert sentence in _words(page.text)


def test_when_all_are_hidden_the_empty_list_says_so(sessions: Sessions, browser: SignedIn) -> None:
    store(sessions, a_pending_order(1))
    assert "once Amazon has verified its payment" in _words(browser.get("/orders").text)


@pytest.mark.parametrize(
    "path", ["/orders?after=x", "/orders?before=x", "/orders?after=2026-01-01T00:00:00~1"]
)
def test_a_damaged_link_is_said_to_be_one(browser: SignedIn, path: str) -> None:
    page = browser.get(path)
    assert page.status_code == 400
    assert "To the orders" in page.text


def test_the_fragment_is_the_list_without_its_frame_and_its_form(
    sessions: Sessions, browser: SignedIn
) -> None:
    store(sessions, a_held_order(1))
    page, fragment = (
        without_tokens(browser.get(path).text) for path in ("/orders", "/orders?fragment=1")
    )
    assert fragment.strip() in page
    assert "303-0000000-0000001" in fragment
    for frame in ("<html", 'aria-label="Filters"', "<h1"):
        assert frame in page
        assert frame not in fragment


def test_a_fragment_is_sent_again_only_when_something_changed(
    sessions: Sessions, browser: SignedIn
) -> None:
    (order_id,) = store(sessions, an_order(1))
    first = browser.get("/orders?fragment=1")
    known = {"If-None-Match": first.headers["ETag"]}
    again = browser.get("/orders?fragment=1", headers=known)
    assert (again.status_code, again.text) == (304, "")
    with sessions() as session, session.begin():
        session.get_one(Order, order_id).last_note = "gone to the carrier"
    changed = browser.get("/orders?fragment=1", headers=known)
    assert changed.status_code == 200
    assert "gone to the carrier" in changed.text


def test_an_operator_sees_names_in_one_answer_and_each_order_says_so(
    sessions: Sessions, operator: SignedIn
) -> None:
    ids = store(sessions, an_order(1), an_order(2), an_order(3, status="done"))
    for order_id in (ids[0], ids[2]):
        bought_by(sessions, order_id)
    place = "after=2026-03-11T00:00:00%2B00:00~1"
    page = operator.post(f"/buyers?status=waiting&{place}")
    assert page.status_code == 200
    assert page.text.count(BUYER) == 1
    assert "data-live" not in page.text
    assert _link(page.text, "masked") == f"/orders?status=waiting&{place}"
    assert notes(sessions) == [(ids[0], "otto", "viewed the buyer's name")]
    assert BUYER not in operator.get("/orders").text


def test_a_viewer_sees_and_finds_no_names(sessions: Sessions, viewer: SignedIn) -> None:
    (order_id,) = store(sessions, an_order(1))
    bought_by(sessions, order_id)
    page = viewer.get("/orders").text
    assert "G. O." in page
    assert 'method="post" action="/buyer"' not in page
    for path in ("/buyers", "/buyer", "/orders.csv"):
        reply = viewer.post(path, {"buyer": BUYER})
        assert reply.status_code == 403
        assert BUYER not in reply.text
    assert notes(sessions) == []


@pytest.mark.parametrize("sought", ["ohnegleichen GESA", "Öhnegleichen", " gesa "])
def test_a_buyer_is_found_by_name_and_the_name_is_in_no_address(
    sessions: Sessions, operator: SignedIn, sought: str
) -> None:
    ids = store(sessions, an_order(1), an_order(2), an_order(3))
    bought_by(sessions, ids[1])
    bought_by(sessions, ids[2], "Gesine Ohne")
    reply = operator.post("/buyer?status=waiting", {"buyer": sought})
    assert reply.status_code == 303
    assert re.fullmatch(
        r"/orders\?status=waiting&buyer=[0-9a-f]{16}(\.[0-9a-f]{16})?&searcher=[0-9a-f]{32}",
        reply.headers["Location"],
    )
    page = operator.get(reply.headers["Location"]).text
    assert _numbers(page) == [2]
    assert _link(page, "any-buyer") == "/orders?status=waiting"


def test_a_search_for_a_buyer_is_logged_without_the_name(
    sessions: Sessions, operator: SignedIn
) -> None:
    operator.post("/buyer", {"buyer": BUYER})
    operator.post("/buyer", {"buyer": " "})
    (row,) = rows(sessions, Action.BUYER_SEARCHED)
    assert (row.person, row.object, row.facts) == ("otto", "", {"words": 2})


def test_a_copied_link_to_a_found_buyer_works_for_nobody_else(
    sessions: Sessions, operator: SignedIn, browser: SignedIn
) -> None:
    ids = store(sessions, an_order(1), an_order(2))
    bought_by(sessions, ids[1])
    link = operator.post("/buyer", {"buyer": BUYER}).headers["Location"]
    csv = link.replace("/orders?", "/orders.csv?")
    many = link.replace("/orders?", "/bulk/new?act=release&whole=1&")
    assert _numbers(operator.get(link).text) == [2]
    assert operator.get(csv).status_code == 200
    assert operator.get(many).status_code == 200
    page = browser.get(link).text
    assert _numbers(page) == [1, 2]
    assert "the link is of somebody else’s search" in page
    for path in (csv, many, csv.partition("&searcher")[0]):
        assert browser.get(path).status_code == 400
    changed = link.replace("buyer=", f"buyer={'0' * 16}.")
    assert "Search for the buyer again" in operator.get(changed).text


@pytest.mark.parametrize(
    "path",
    [
        "/orders?_external=1&_anchor=x&endpoint=y&_scheme=https",
        "/orders?sort=total&sort=number&fragment",
    ],
)
def test_foreign_words_in_the_address_change_nothing(browser: SignedIn, path: str) -> None:
    assert browser.get(path).status_code == 200
    assert browser.post(path.replace("/orders?", "/buyers?")).status_code == 200


def test_the_page_is_the_same_for_a_script_less_browser_and_names_every_field(
    app: Flask, sessions: Sessions, browser: SignedIn
) -> None:
    store(sessions, an_order(1))
    page = browser.get("/orders").text
    for field, rest in re.findall(r"<(?:input|select)\b[^>]*\bid=\"([^\"]+)\"([^>]*)", page):
        assert (
            f'<label for="{field}"' in page or f' for="{field}">' in page or "aria-label=" in rest
        )
    assert 'href="#main">Skip to the content' in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def _words(html: str) -> str:
    """A page's text, with single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def _rows(html: str) -> list[str]:
    """The cells of the list's only row."""
    body = html.partition('<tbody id="rows">')[2].partition("</tbody>")[0]
    return [_words(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", body, re.DOTALL)]


def _numbers(html: str) -> list[int]:
    return [int(number) for number in re.findall(r">303-0000000-(\d+)</a>", html)]


def _link(html: str, link_id: str) -> str:
    match = re.search(rf'<a\b[^>]*\bid="{link_id}"[^>]*\bhref="([^"]+)"', html)
    assert match is not None
    return unescape(match[1])
