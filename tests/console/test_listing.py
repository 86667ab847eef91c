"""The list of orders against real PostgreSQL: its pages, its counts, and its one query."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from pipeline.db import Sessions
from pipeline.listing.facts import Proof, price, store_code
from pipeline.listing.orders import Listing, Place, Selection
from pipeline.models import Status
from tests.console.builders import (
    FRANCE,
    GERMANY,
    NOW,
    a_held_order,
    a_pending_order,
    a_shipped_order,
    an_item,
    an_order,
    some_settings,
    store,
)

EVERYTHING = Selection(everything=True)


def test_pages_hold_every_order_once_newest_first(sessions: Sessions) -> None:
    same_second = NOW - timedelta(days=1)
    ids = store(
        sessions,
        an_order(1),
        an_order(2, purchased_at=same_second),
        an_order(3, purchased_at=same_second),
        an_order(4, purchased_at=same_second),
        an_order(5, purchased_at=None),
        an_order(6, purchased_at=None),
        an_order(7, purchased_at=NOW - timedelta(days=2)),
    )
    listing = Listing(sessions)
    pages, place = [], None
    while True:
        page = listing.page(EVERYTHING, after=place, limit=2)
        pages.append([order.id for order in page.orders])
        if page.following is None:
            break
        place = Place.parse(str(page.following))
    undated, first, *tied, last = [ids[5], ids[4]], ids[0], ids[3], ids[2], ids[1], ids[6]
    assert pages == [undated, [first, tied[0]], [tied[1], tied[2]], [last]]


def test_a_page_that_is_just_full_is_the_last(sessions: Sessions) -> None:
    store(sessions, an_order(1), an_order(2))
    page = Listing(sessions).page(EVERYTHING, limit=2)
    assert (len(page.orders), page.following) == (2, None)


def test_a_page_is_one_query_whatever_is_on_it(sessions: Sessions, statements: list[str]) -> None:
    store(
        sessions,
        a_shipped_order(1),
        an_order(2, items=[an_item(1), an_item(2, quantity=3)]),
        an_order(3, items=[]),
    )
    statements.clear()
    page = Listing(sessions).page(EVERYTHING)
    assert len(statements) == 1
    assert [[tuple(item) for item in order.items] for order in page.orders] == [
        [("MUG-1", 2)],
        [("MUG-1", 2), ("MUG-2", 3)],
        [],
    ]
    assert [order.tracking_numbers for order in page.orders] == [["00340434161094015902"], [], []]


def test_counts_are_one_query_and_leave_hidden_orders_out(
    sessions: Sessions, statements: list[str]
) -> None:
    store(sessions, an_order(1), a_held_order(2), a_pending_order(3), a_pending_order(4))
    listing = Listing(sessions)
    statements.clear()
    counts = listing.counts(everything=False)
    assert len(statements) == 1
    assert {status: n for status, n in counts.by_status.items() if n} == {
        Status.WAITING: 1,
        Status.HELD: 1,
    }
    assert (counts.total, counts.hidden) == (2, 2)
    assert listing.counts(everything=True).total == 4


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), [1, 2]),
        (Selection(everything=True), [1, 2, 3]),
        (Selection(Status.HELD), [2]),
        (Selection(Status.WAITING), [1]),
        (Selection(Status.WAITING, everything=True), [1, 3]),
        (Selection(Status.DONE), []),
    ],
)
def test_a_selection_lists_what_it_says(
    sessions: Sessions, selection: Selection, expected: list[int]
) -> None:
    ids = store(sessions, an_order(1), a_held_order(2), a_pending_order(3))
    listed = [order.id for order in Listing(sessions).page(selection).orders]
    assert listed == [ids[number - 1] for number in expected]


@pytest.mark.parametrize(
    "text", ["", "~", "12", "2026-01-01~5", "2026-01-01T00:00:00~5", "x~5", "~5x", "~" + "9" * 19]
)
def test_a_damaged_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"place|isoformat"):
        Place.parse(text)


def test_an_order_is_found_by_its_amazon_number_or_our_id(sessions: Sessions) -> None:
    same = "303-1111111-1111111"
    eu, us, other = store(
        sessions,
        an_order(1, external_id=same),
        an_order(2, external_id=same, account="us"),
        an_order(3),
    )
    listing = Listing(sessions)
    assert listing.find(same) == [eu, us]
    assert listing.find(str(other)) == [other]
    assert listing.find("303-9999999-9999999") == []
    assert listing.find("9" * 40) == []


def test_held_orders_are_told_oldest_first(sessions: Sessions) -> None:
    newer, older, _ = store(sessions, a_held_order(1), a_held_order(2), an_order(3))
    assert Listing(sessions).held() == [older, newer]


@pytest.mark.parametrize(
    ("account", "marketplace", "fulfilled_by", "store_view"),
    [
        ("eu", GERMANY, "FBM", "german"),
        ("eu", GERMANY, "FBA", "german"),
        ("eu", FRANCE, "FBM", "french"),
        ("eu", FRANCE, "FBA", "french_fba"),
        ("eu", "unheard-of", "FBM", "default"),
        ("gone", GERMANY, "FBM", None),
    ],
)
def test_the_store_is_that_of_the_settings(
    account: str, marketplace: str, fulfilled_by: str, store_view: str | None
) -> None:
    assert store_code(some_settings(), account, marketplace, fulfilled_by) == store_view


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("41.9700", "EUR", "41.97 EUR"),
        ("1200.0000", "JPY", "1200 JPY"),
        ("0.0050", "EUR", "0.0050 EUR"),
        ("5", None, ""),
        (None, "EUR", ""),
    ],
)
def test_a_price_is_never_rounded(amount: str | None, currency: str | None, text: str) -> None:
    assert price(Decimal(amount) if amount else None, currency) == text


def test_a_proof_tells_what_its_parts_lack() -> None:
    parts = {"item-1": Decimal("10.00"), "item-2": Decimal("5.50")}
    tip = {"delivery tip": Decimal("1.00")}
    assert Proof("", parts, tip, Decimal("16.50")).difference == 0
    assert Proof("", parts, {}, Decimal("16.50")).difference == 1
