"""The search of every page: where it leads, what it lists, and that no address has its words."""

from __future__ import annotations

import re

from pipeline.base.db import Sessions
from pipeline.operations.acts.map_sku import SkuDecisions
from tests.console.builders import NOW, a_pending_order, an_item, an_order, store
from tests.console.conftest import SignedIn


def test_one_order_opens_and_several_are_listed(sessions: Sessions, viewer: SignedIn) -> None:
    first, _, hidden = store(
        sessions,
        an_order(1),
        an_order(2, items=[an_item(7)]),
        a_pending_order(3, external_id="999-0000000-0000003"),
    )
    for sought, to in (
        ("303-0000000-0000001", f"/orders/{first}"),
        (" 000000001 ", f"/orders/{first}"),
        ("0000-0000001", f"/orders/{first}"),
        ("999-0000000-0000003", f"/orders/{hidden}"),
        ("303-0000000", "/orders?number=303-0000000"),
        ("303-0000000-0000001 303-0000000-0000002", None),
        ("", "/orders"),
    ):
        answer = viewer.post("/search", {"q": sought})
        assert answer.status_code == 303, sought
        if to is not None:
            assert answer.headers["Location"] == to


def test_all_else_is_listed_by_kind(sessions: Sessions, browser: SignedIn) -> None:
    SkuDecisions(sessions, ["eu"], "otto", NOW).sell_as("eu", "POT-1", "POT")
    store(sessions, *(an_order(one, items=[an_item(1, sku="POT-1")]) for one in (1, 2)))
    page = browser.post("/search", {"q": "pot-1"})
    assert page.status_code == 200
    assert "Show 2 orders" in page.text
    assert 'href="/sku-map?sku=POT-1"' in page.text
    assert 'href="/people/' in browser.post("/search", {"q": "ann"}).text
    page = browser.post("/search", {"q": "out of stock"})
    assert 'href="/settings#setting-out_of_stock"' in page.text
    assert 'href="/help/hold-codes#out_of_stock"' in page.text


def test_people_lead_to_their_pages_for_admins_alone(operator: SignedIn) -> None:
    page = operator.post("/search", {"q": "otto"}).text
    assert "otto" in page.partition('id="found-people"')[2].partition("</section>")[0]
    assert "/people/" not in page


def test_what_nothing_has_is_said_and_kept_out_of_addresses(browser: SignedIn) -> None:
    page = browser.post("/search", {"q": "Erika <b>Mustermann"})
    assert (page.status_code, page.request.full_path.rstrip("?")) == (200, "/search")
    assert "Erika &lt;b&gt;Mustermann" in page.text
    assert "Nothing has this number, SKU or name." in page.text
    assert "Mustermann" not in "".join(re.findall(r'(?:href|action)="([^"]*)"', page.text))
    too_many = browser.post("/search", {"q": " ".join(map(str, range(1000, 1300)))})
    assert "Search for 200 numbers at most at once." in too_many.text


def test_names_among_numbers_and_skus_stay_out_of_addresses(
    sessions: Sessions, viewer: SignedIn
) -> None:
    store(
        sessions,
        *(an_order(one, items=[an_item(one, sku="RED LAMP")]) for one in (1, 2)),
        an_order(3, items=[an_item(3, sku="CUP")]),
    )
    for sought, to in (
        (
            "Erika Mustermann 303-0000000-0000001 303-0000000-0000002",
            "303-0000000-0000001+303-0000000-0000002",
        ),
        ("red lamp", "red+lamp"),
        ("Mustermann cup 303-0000000-0000001", "cup+303-0000000-0000001"),
    ):
        answer = viewer.post("/search", {"q": sought})
        assert answer.headers["Location"] == f"/orders?number={to}"
    answer = viewer.post("/search", {"q": "Erika Mustermann"})
    assert "Nothing has this number, SKU or name." in answer.text


def test_the_search_is_no_address(browser: SignedIn) -> None:
    assert browser.get("/search?q=Erika").status_code == 405
