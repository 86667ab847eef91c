"""The list of orders against real PostgreSQL: its pages in every order, its filters, its counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from pipeline.base.db import Sessions, engine_for
from pipeline.operations.lists.counts import Count, count, count_hidden, counts
from pipeline.operations.lists.filters import Filters, ShipBy
from pipeline.operations.lists.order_facts import (
    Proof,
    admin_url,
    price,
    seller_central_url,
    store_code,
)
from pipeline.operations.lists.orders import Listing, Page
from pipeline.operations.lists.sorting import Place, Sort
from pipeline.operations.lists.stores import stores
from pipeline.orders.channel_order import FulfilledBy, RemoteStatus
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Order, OrderPrivate, Status
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

EVERYTHING = Filters(everything=True)
DAY = timedelta(days=1)


def ids_of(page: Page) -> list[int]:
    return [order.id for order in page.orders]


def walked(sessions: Sessions, filters: Filters, limit: int) -> tuple[list[int], list[int]]:
    """What the pages show, forwards to the end, and then backwards to the start again."""
    listing = Listing(sessions)
    forwards, backwards = [], []
    page = listing.page(filters, limit=limit)
    forwards += ids_of(page)
    assert page.previous is None
    while page.following is not None:
        place = Place.parse(str(page.following), filters.sort)
        page = listing.page(filters, after=place, limit=limit)
        forwards += ids_of(page)
    backwards = list(reversed(ids_of(page)))
    while page.previous is not None:
        place = Place.parse(str(page.previous), filters.sort)
        page = listing.page(filters, before=place, limit=limit)
        backwards += reversed(ids_of(page))
    return forwards, list(reversed(backwards))


def orders_with_ties_and_gaps() -> list[Order]:
    same = NOW - DAY
    half_a_second = timedelta(microseconds=500_001)
    return [
        an_order(1, grand_total=None, currency=None, ship_by_at=None),
        an_order(2, purchased_at=same, grand_total=Decimal("0.0005"), ship_by_at=NOW),
        an_order(3, purchased_at=same, grand_total=Decimal("9"), ship_by_at=NOW),
        an_order(4, purchased_at=same, grand_total=Decimal("10"), ship_by_at=NOW + half_a_second),
        an_order(5, purchased_at=None, grand_total=Decimal("10"), ship_by_at=None),
        an_order(6, purchased_at=None, grand_total=None, ship_by_at=NOW - DAY),
        an_order(7, purchased_at=NOW - 2 * DAY, grand_total=Decimal("123456789012345.6789")),
    ]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("-purchased", [1, 4, 3, 2, 7, 6, 5]),
        ("purchased", [7, 2, 3, 4, 1, 5, 6]),
        ("ship_by", [6, 2, 3, 4, 7, 1, 5]),
        ("-ship_by", [7, 4, 3, 2, 6, 5, 1]),
        ("total", [2, 3, 4, 5, 7, 1, 6]),
        ("-total", [7, 5, 4, 3, 2, 6, 1]),
        ("magento", [1, 2, 3, 4, 5, 6, 7]),
        ("-magento", [7, 6, 5, 4, 3, 2, 1]),
        ("number", [1, 2, 3, 4, 5, 6, 7]),
        ("-number", [7, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_pages_hold_every_order_once_both_ways_and_those_without_a_value_last(
    sessions: Sessions, sort: str, expected: list[int]
) -> None:
    ids = store(sessions, *orders_with_ties_and_gaps())
    filters = replace(EVERYTHING, sort=Sort.parse(sort))
    for limit in (1, 2, 3, 7, 8):
        forwards, backwards = walked(sessions, filters, limit)
        assert [ids.index(one) + 1 for one in forwards] == expected
        assert backwards == forwards
    assert list(Listing(sessions).matching(filters)) == forwards
    assert list(Listing(sessions).matching(filters, 3)) == forwards[:3]


@pytest.mark.parametrize(
    ("when", "expected"),
    [(ShipBy.OVERDUE, [0, 1]), (ShipBy.TODAY, []), (ShipBy.DAY, [2, 3])],
)
def test_what_has_to_leave_by_when(sessions: Sessions, when: ShipBy, expected: list[int]) -> None:
    ids = store(
        sessions,
        an_order(1),
        a_held_order(2),
        *(an_order(number) for number in (3, 4, 5)),
        an_order(6, remote_status="SHIPPED"),
        an_order(7, fulfilled_by="FBA"),
        an_order(8, status=Status.DONE, dismissed_at=NOW),
    )
    by_the_clock = ("-9 days", "-1 minute", "1 minute", "23 hours", "25 hours", *["-1 hour"] * 3)
    with sessions() as session, session.begin():
        for order_id, distance in zip(ids, by_the_clock, strict=True):
            session.execute(
                text("UPDATE orders SET ship_by_at = now() + CAST(:by AS interval) WHERE id = :id"),
                {"by": distance, "id": order_id},
            )
        today = [
            order_id
            for order_id in ids[:5]
            if session.scalar(
                text(
                    "SELECT date(ship_by_at AT TIME ZONE 'UTC') = date(now() AT TIME ZONE 'UTC')"
                    " FROM orders WHERE id = :id"
                ),
                {"id": order_id},
            )
        ]
    listed = ids_of(Listing(sessions).page(Filters(ship_by=when, sort=Sort("ship_by"))))
    if when is ShipBy.TODAY:
        assert sorted(listed) == today
    else:
        assert [ids.index(one) for one in listed] == expected


def test_what_changed_last_comes_first(sessions: Sessions) -> None:
    ids = store(sessions, an_order(1), an_order(2), an_order(3))
    with sessions() as session, session.begin():
        session.get_one(Order, ids[1]).news = 1
    changed_last = replace(EVERYTHING, sort=Sort("updated", descending=True))
    assert walked(sessions, changed_last, 2)[0][0] == ids[1]


def test_a_page_that_is_just_full_is_the_last(sessions: Sessions) -> None:
    store(sessions, an_order(1), an_order(2))
    page = Listing(sessions).page(EVERYTHING, limit=2)
    assert (len(page.orders), page.previous, page.following) == (2, None, None)


def test_a_page_beyond_the_end_is_empty(sessions: Sessions) -> None:
    store(sessions, an_order(1))
    place = Place("2020-01-01T00:00:00+00:00", 1)
    assert Listing(sessions).page(EVERYTHING, after=place) == Page([], None, None)


def test_a_full_page_is_one_query_and_one_that_reaches_the_gaps_two(
    sessions: Sessions, statements: list[str]
) -> None:
    store(
        sessions,
        a_shipped_order(1),
        an_order(2, items=[an_item(1), an_item(2, quantity=3)]),
        an_order(3, items=[]),
    )
    statements.clear()
    Listing(sessions).page(EVERYTHING, limit=2)
    assert len(statements) == 1
    page = Listing(sessions).page(EVERYTHING)
    assert len(statements) == 3
    assert [[tuple(item) for item in order.items] for order in page.orders] == [
        [("MUG-1", 2)],
        [("MUG-1", 2), ("MUG-2", 3)],
        [],
    ]
    assert [order.tracking_numbers for order in page.orders] == [["00340434161094015902"], [], []]


def test_a_file_is_of_the_orders_that_there_were_each_as_it_is_when_it_is_read(
    sessions: Sessions,
) -> None:
    ids = store(sessions, *(an_order(number) for number in range(1, 503)))
    listing = Listing(sessions)
    slices = listing.read(listing.matching(Filters()))
    first = next(slices)
    store(sessions, an_order(9_000, purchased_at=NOW - timedelta(days=900)))
    with sessions() as session, session.begin():
        session.get_one(Order, ids[500]).status = Status.DONE
        session.delete(session.get_one(Order, ids[501]))
    rest = [(order.id, order.status) for some in slices for order in some]
    assert ([order.id for order in first], rest) == (ids[:500], [(ids[500], Status.DONE)])


def test_no_transaction_is_open_between_two_slices(sessions: Sessions, database_url: str) -> None:
    store(sessions, *(an_order(number) for number in range(1, 503)))
    listing = Listing(sessions)
    slices = listing.read(listing.matching(Filters()))
    next(slices)
    assert engine_for(database_url).pool.checkedout() == 0  # type: ignore[attr-defined]


FOUND: list[tuple[Filters, list[int]]] = [
    (Filters(), [1, 2, 4, 5]),
    (EVERYTHING, [1, 2, 3, 4, 5]),
    (Filters(Status.HELD), [2]),
    (Filters(Status.WAITING), [1, 5]),
    (Filters(Status.WAITING, everything=True), [1, 3, 5]),
    (Filters(Status.READY), []),
    (Filters(reason=HoldCode.SKU_NOT_FOUND), [2]),
    (Filters(reason=HoldCode.OUT_OF_STOCK), []),
    (Filters(Status.DONE, reason=HoldCode.SKU_NOT_FOUND), []),
    (Filters(number="303-0000000-0000005"), [5]),
    (Filters(number="303-0000000-000000"), [1, 2, 4, 5]),
    (Filters(number="0000004"), [4]),
    (Filters(number="-0000005"), [5]),
    (Filters(number="000000004"), [4]),
    (Filters(number="4"), [4]),
    (Filters(number="00004"), [4]),
    (Filters(number="00340434161094015902"), [4]),
    (Filters(number="0034043416109401590"), [4]),
    (Filters(number="94015902"), [4]),
    (Filters(number="4015 , 303-0000000-0000005;\t303-0000000-0000002"), [2, 4, 5]),
    (Filters(number="999-9999999-9999999 5"), [5]),
    (Filters(number="lamp"), [5]),
    (Filters(number="desk lamp green"), [1, 5]),
    (Filters(number="MUG"), []),
    (Filters(number="303"), []),
    (Filters(number="303-000000%"), []),
    (Filters(number="303_0000000"), []),
    (Filters(number="a3/c"), [1]),
    (Filters(sku="LAMP"), [5]),
    (Filters(sku="lamp"), [5]),
    (Filters(sku="lam"), []),
    (Filters(account="eu"), [1, 2, 4, 5]),
    (Filters(account="us"), []),
    (Filters(marketplace=FRANCE), [4, 5]),
    (Filters(amazon_status=RemoteStatus.SHIPPED), [4]),
    (Filters(amazon_status=RemoteStatus.PENDING), []),
    (Filters(amazon_status=RemoteStatus.PENDING, everything=True), [3]),
    (Filters(currency="EUR"), [1, 2, 4]),
    (Filters(currency="PLN"), [5]),
    (Filters(ship_from=date(2026, 3, 10), ship_until=date(2026, 3, 10)), [1, 2, 4]),
    (Filters(ship_from=date(2026, 3, 11)), [5]),
    (Filters(ship_until=date(2026, 3, 9)), []),
    (Filters(placed_from=date(2026, 3, 9), placed_until=date(2026, 3, 9)), [2]),
    (Filters(placed_from=date(2026, 3, 10)), [1, 4, 5]),
    (Filters(placed_until=date(2026, 3, 8)), []),
    (Filters(total_from=Decimal("41.97")), [1, 2, 4]),
    (Filters(total_from=Decimal("41.9701")), []),
    (Filters(total_until=Decimal("7.505")), [5]),
    (Filters(total_from=Decimal("7.51"), total_until=Decimal("41.97")), [1, 2, 4]),
    (Filters(channel=FulfilledBy.AMAZON), [4]),
    (Filters(program="PRIME"), [5]),
    (Filters(program="PRIM"), []),
    (Filters(buyer=("aa",)), [1, 5]),
    (Filters(buyer=("aa", "bb")), [5]),
    (Filters(store=stores(some_settings())["german"]), [1, 2]),
    (Filters(store=stores(some_settings())["french"]), [5]),
    (Filters(store=stores(some_settings())["french_fba"]), [4]),
    (Filters(store=stores(some_settings())["default"]), []),
    (Filters(Status.WAITING, buyer=("aa",), program="PRIME", number="303-", sku="LAMP"), [5]),
    (Filters(Status.HELD, buyer=("aa",)), []),
]


def test_filters_find_what_they_say_and_all_have_to_apply(sessions: Sessions) -> None:
    changed: list[dict[str, Any]] = [
        {"items": [an_item(1, sku="Desk lamp Green"), an_item(2, sku="A3/C")]},
        {"purchased_at": NOW - DAY},
        {},
        {"fulfilled_by": "FBA", "marketplace_id": FRANCE},
        {
            "marketplace_id": FRANCE,
            "programs": ["PREMIUM", "PRIME"],
            "grand_total": Decimal("7.505"),
            "currency": "PLN",
            "ship_by_at": NOW + DAY,
            "items": [an_item(1), an_item(2, sku="LAMP")],
        },
    ]
    made = (an_order, a_held_order, a_pending_order, a_shipped_order, an_order)
    orders = [one(number + 1, **changed[number]) for number, one in enumerate(made)]
    ids = store(sessions, *orders)
    with sessions() as session, session.begin():
        session.add_all(
            [
                OrderPrivate(order_id=ids[0], buyer_words=["aa"]),
                OrderPrivate(order_id=ids[4], buyer_words=["bb", "aa"]),
            ]
        )
    for filters, expected in FOUND:
        page = Listing(sessions).page(replace(filters, sort=Sort("number")))
        assert ([ids.index(one) + 1 for one in ids_of(page)], filters) == (expected, filters)
        assert count(sessions, filters) == Count(len(expected))


def test_the_buyer_is_listed_by_initials(sessions: Sessions) -> None:
    ids = store(sessions, an_order(1), an_order(2))
    with sessions() as session, session.begin():
        session.add(OrderPrivate(order_id=ids[0], buyer_initials="E. M."))
    assert [order.buyer for order in Listing(sessions).page(EVERYTHING).orders] == ["E. M.", ""]


def test_every_store_view_has_its_orders_and_no_other(sessions: Sessions) -> None:
    """Also orders of marketplaces that the settings do not name."""
    settings = some_settings()
    places = [
        (market, channel) for market in (GERMANY, FRANCE, "UNNAMED") for channel in FulfilledBy
    ]
    ids = store(
        sessions,
        *(
            an_order(number, marketplace_id=market, fulfilled_by=channel)
            for number, (market, channel) in enumerate(places, 1)
        ),
    )
    listed = {
        code: set(ids_of(Listing(sessions).page(Filters(store=one))))
        for code, one in stores(settings).items()
    }
    expected: dict[str, set[int]] = {}
    for order_id, (market, channel) in zip(ids, places, strict=True):
        expected.setdefault(str(store_code(settings, "eu", market, channel)), set()).add(order_id)
    assert listed == expected


def test_counts_stop_at_their_limit(sessions: Sessions) -> None:
    store(sessions, *(an_order(number) for number in range(1, 5)), a_pending_order(9))
    assert count(sessions, Filters(), limit=4) == Count(4)
    assert count(sessions, Filters(), limit=3) == Count(3, is_more=True)
    assert count_hidden(sessions, limit=1) == Count(1)
    assert [str(Count(10_000, is_more=True)), str(Count(999))] == ["10,000+", "999"]


def test_counts_tell_statuses_and_reasons_in_two_queries(
    sessions: Sessions, statements: list[str]
) -> None:
    store(
        sessions,
        an_order(1),
        a_held_order(2),
        a_held_order(3, hold_code="out_of_stock"),
        a_held_order(4, hold_code="of_another_version"),
        a_pending_order(5),
        a_pending_order(6),
    )
    statements.clear()
    shown = counts(sessions, everything=False)
    assert len(statements) == 2
    assert {status: n.number for status, n in shown.by_status.items() if n.number} == {
        Status.WAITING: 1,
        Status.HELD: 3,
    }
    assert shown.by_reason == {HoldCode.SKU_NOT_FOUND: Count(1), HoldCode.OUT_OF_STOCK: Count(1)}
    assert shown.hidden == Count(2)
    assert counts(sessions, everything=True).by_status[Status.WAITING] == Count(3)


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


def test_links_lead_to_seller_central_and_to_the_admin() -> None:
    settings = some_settings()
    shop = settings.shops["main"].model_copy(update={"admin_url": "https://shop.example/backend"})
    linked = settings.model_copy(update={"shops": {"main": shop}})
    order, unplaced, gone = (
        an_order(1),
        an_order(2, magento_order_id=None),
        an_order(3, account="gone"),
    )
    assert (
        admin_url(linked, order) == "https://shop.example/backend/sales/order/view/order_id/1001/"
    )
    assert [admin_url(linked, unplaced), admin_url(linked, gone), admin_url(settings, order)] == (
        [None] * 3
    )
    assert seller_central_url(GERMANY, "303-1") == (
        "https://sellercentral.amazon.de/orders-v3/order/303-1"
    )
    assert seller_central_url(GERMANY, "a/../b?c") == (
        "https://sellercentral.amazon.de/orders-v3/order/a%2F..%2Fb%3Fc"
    )
    assert seller_central_url("UNNAMED", "303-1") is None


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("41.9700", "EUR", "41.97 EUR"),
        ("1200.0000", "JPY", "1200 JPY"),
        ("0.0050", "EUR", "0.0050 EUR"),
        ("5", None, ""),
        (None, "EUR", ""),
    ],
)
def test_a_price_is_never_rounded(amount: str | None, currency: str | None, shown: str) -> None:
    assert price(Decimal(amount) if amount else None, currency) == shown


def test_a_proof_tells_what_its_parts_lack() -> None:
    parts = {"item-1": Decimal("10.00"), "item-2": Decimal("5.50")}
    tip = {"delivery tip": Decimal("1.00")}
    assert Proof("", parts, tip, Decimal("16.50")).difference == 0
    assert Proof("", parts, {}, Decimal("16.50")).difference == 1


def test_a_whole_number_of_amazons_is_not_searched_by_its_parts(
    sessions: Sessions, statements: list[str]
) -> None:
    Listing(sessions).page(Filters(number="303-0000000-0000005"))
    assert not any("number_parts" in statement for statement in statements)
    Listing(sessions).page(Filters(number="303-0000000-000000"))
    assert any("number_parts" in statement for statement in statements)
