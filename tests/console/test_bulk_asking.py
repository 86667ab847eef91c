"""Many orders at once: choosing them, and what a person is told before."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from pipeline.base.db import Sessions
from pipeline.operations.acts.many_orders import Act, BulkActs
from pipeline.operations.lists.counts import Count
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.selection import Weighed, these, those_of, weigh
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Status
from tests.builders import a_vault, with_keys
from tests.console.builders import NOW, a_held_order, a_shipped_order, an_order, store
from tests.console.bulk import HELD, fields, none_began, notes, only, turns
from tests.console.conftest import SignedIn
from tests.console.reading import words_of

TICKED_NONE = "No order was ticked, and nothing was done. Tick some orders"


def test_the_list_offers_what_waits_or_is_held_to_operators(
    sessions: Sessions, operator: SignedIn
) -> None:
    waiting, held, _ = store(sessions, an_order(1), a_held_order(2), a_shipped_order(3))
    page = operator.get("/orders?sort=number").text
    picks = re.findall(r'name="order" value="(\d+)" form="bulk" aria-label="Choose ([\d-]+)"', page)
    assert sorted(picks) == [
        (str(waiting), "303-0000000-0000001"),
        (str(held), "303-0000000-0000002"),
    ]
    form = page.partition('<form id="bulk"')[2].partition("</form>")[0]
    assert 'method="get" action="/bulk/new"' in form
    assert '<input type="hidden" name="sort" value="number">' in form
    words = words_of(form)
    assert "Retry Ignore Assign to" in words
    assert "All 3 of this list You are asked before anything happens." in words
    assert re.search(r'id="pick-all" aria-label="All on this page"', page)
    for status in ("done", "running", "ready", "cancelled"):
        assert 'id="bulk"' not in operator.get(f"/orders?status={status}").text


def test_a_form_without_its_token_begins_and_stops_nothing(
    sessions: Sessions, operator: SignedIn
) -> None:
    store(sessions, a_held_order(1))
    for path in (HELD, "/bulk/1/stop"):
        assert operator.post(path, {"why": "x", "csrf_token": "guessed"}).status_code == 400
        assert (
            operator.post(path, {"why": "x"}, {"Sec-Fetch-Site": "cross-site"}).status_code == 400
        )
    assert none_began(sessions)


def test_what_is_asked_is_told_before_and_written_down_after(
    sessions: Sessions, operator: SignedIn
) -> None:
    later, first, *_ = store(
        sessions,
        a_held_order(1, ship_by_at=NOW + timedelta(hours=9), grand_total=Decimal("10.50")),
        a_held_order(2, currency="PLN"),
        a_held_order(3, cancellation="asked"),
        a_held_order(4, hold_code=HoldCode.OUT_OF_STOCK),
        an_order(5),
    )
    with_keys(sessions)
    path = "/bulk/new?act=dismiss&whole=1&reason=sku_not_found&sort=number"
    asked = operator.get(path)
    words = words_of(asked.text)
    assert "Ignore 2 orders?" in words
    assert "Chosen reason sku not found Orders 2 orders Worth 10.50 EUR, 41.97 PLN" in words
    assert "Passed over 1 : Amazon is being asked to cancel it" in words
    assert 'id="back" href="/orders?reason=sku_not_found&amp;sort=number"' in asked.text
    assert none_began(sessions)
    begun = operator.post(path, {**fields(asked.text), "why": " sold twice "})
    act = only(sessions)
    assert (begun.status_code, begun.headers["Location"]) == (303, f"/bulk/{act.id}")
    assert (act.act, act.author, act.why, act.orders) == ("dismiss", "otto", "sold twice", 2)
    assert (act.chosen, act.asked_at, act.done) == ("reason sku not found", NOW, 0)
    assert turns(sessions) == [first, later]
    assert notes(sessions) == []
    BulkActs(sessions, a_vault()).go_on(NOW)
    assert notes(sessions) == [
        (later, "otto", "dismissed it"),
        (first, "otto", "dismissed it"),
    ]


def test_ticked_orders_are_looked_at_and_no_others(sessions: Sessions, operator: SignedIn) -> None:
    ids = store(sessions, a_held_order(1), a_shipped_order(2), an_order(3), an_order(4))
    path = f"/bulk/new?act=release&status=held&order={ids[0]}&order={ids[1]}&order={ids[2]}"
    page = operator.get(path).text
    words = words_of(page)
    assert "Retry 2 orders now?" in words
    assert "Chosen 3 selected orders" in words
    assert "Takes 400 ms, five orders a second" in words
    assert "Passed over 1 : it has ended" in words
    assert 'name="why"' not in page
    operator.post(path, fields(page))
    assert only(sessions).act == "release"
    assert sorted(turns(sessions)) == [ids[0], ids[2]]


def test_a_cause_leads_to_its_own_orders(sessions: Sessions, operator: SignedIn) -> None:
    mug, _ = store(sessions, a_held_order(1), a_held_order(2, hold_facts={"skus": "POT"}))
    path = "/bulk/new?cause=sku_not_found&fact=MUG-1&act=release"
    page = operator.get(path).text
    assert "Chosen held by sku not found: MUG-1 Orders 1 order Worth" in words_of(page)
    assert 'id="back" href="/held"' in page
    operator.post(path, fields(page))
    assert turns(sessions) == [mug]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "There is no such bulk job."),
        ("act=replay&order=1", "There is no such bulk job."),
        ("act=release", TICKED_NONE),
        (
            "act=release&order=x&order=%D9%A1",
            TICKED_NONE,
        ),
        (
            "act=release&order=" + "9" * 19,
            TICKED_NONE,
        ),
        ("act=release" + "&order=1" * 51, "These are more orders than a page has."),
        ("act=release&whole=1&min=x", "min: Write an amount as 1234"),
    ],
)
def test_an_address_that_means_no_orders_is_told_so(
    browser: SignedIn, query: str, sentence: str
) -> None:
    for reply in (browser.get(f"/bulk/new?{query}"), browser.post(f"/bulk/new?{query}")):
        assert reply.status_code == 400
        assert sentence in words_of(reply.text)


def test_where_nothing_is_possible_nothing_is_offered(
    sessions: Sessions, operator: SignedIn
) -> None:
    store(sessions, a_held_order(1, hold_code=HoldCode.IN_MAGENTO_ALREADY), a_shipped_order(2))
    path = "/bulk/new?act=release&whole=1"
    page = operator.get(path).text
    words = words_of(page)
    assert "1 : it is in Magento already: decide it on its own page 1 : it has ended" in words
    assert "There is nothing to retry." in words
    assert 'id="begin"' not in page
    reply = operator.post(path)
    assert reply.status_code == 409
    assert "Nothing was changed: no order matches any more." in reply.text
    assert none_began(sessions)


def test_more_orders_than_were_seen_are_not_dismissed(
    sessions: Sessions, operator: SignedIn
) -> None:
    store(sessions, a_held_order(1))
    form = {**fields(operator.get(HELD).text), "why": "sold <b>twice</b>"}
    store(sessions, a_held_order(2))
    reply = operator.post(HELD, form)
    assert reply.status_code == 409
    assert "Nothing was changed: there are 2 orders now. Confirm it again." in reply.text
    assert 'value="sold &lt;b&gt;twice&lt;/b&gt;"' in reply.text
    assert none_began(sessions)
    assert operator.post(HELD, {**form, **fields(reply.text)}).status_code == 303
    # What is looked at more often than was meant takes no harm.
    release = HELD.replace("dismiss", "release")
    assert operator.post(release, {"seen": "1", "token": "t"}).status_code == 303


def test_no_reason_no_dismissal_and_a_form_sent_twice_is_one_act(
    sessions: Sessions, operator: SignedIn
) -> None:
    store(sessions, a_held_order(1))
    form = fields(operator.get(HELD).text)
    reply = operator.post(HELD, {**form, "why": " "})
    assert reply.status_code == 409
    assert "Nothing was changed: give the reason why they are dismissed." in reply.text
    first, second = (operator.post(HELD, {**form, "why": "sold"}) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert only(sessions).orders == 1


def test_an_act_is_weighed_in_two_queries(sessions: Sessions, statements: list[str]) -> None:
    ids = store(
        sessions,
        a_held_order(1),
        a_held_order(2, currency=None, grand_total=None),
        a_held_order(3, remote_status="PENDING"),
        an_order(4, status=Status.RUNNING),
        a_shipped_order(5),
    )
    statements.clear()
    assert weigh(sessions, Act.DISMISS, these(ids)) == Weighed(
        2,
        {"EUR": Decimal("41.97")},
        {
            "Amazon has not verified its payment yet": Count(1),
            "a step is running or about to run": Count(1),
            "it has ended": Count(1),
        },
    )
    assert len(statements) == 2


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        (Filters(), "all orders of the list"),
        (Filters(everything=True), "with hidden orders"),
        (Filters(buyer=("0" * 16,)), "buyer that was searched for"),
        (
            Filters(Status.HELD, reason=HoldCode.OUT_OF_STOCK, sku="MUG_1"),
            "status held, reason out of stock, sku MUG_1",
        ),
    ],
)
def test_filters_are_said_in_words_that_name_nobody(filters: Filters, words: str) -> None:
    assert those_of(filters).words == words
