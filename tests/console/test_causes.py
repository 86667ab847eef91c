"""Held orders by what holds them, and freeing all of a group."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from operator import itemgetter

from sqlalchemy import text

from pipeline.base.db import Sessions
from pipeline.operations.lists.causes import PAGE_SIZE, Cause, HeldAs, causes, held_by_code
from pipeline.operations.lists.remedies import FIXES
from pipeline.operations.lists.selection import held_by
from pipeline.operations.today.attention import held
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Order
from tests.console.builders import NOW, a_held_order, an_order, store
from tests.console.conftest import SignedIn
from tests.console.reading import words_of


def held_for(number: int, skus: str, **changed: object) -> Order:
    return a_held_order(number, hold_facts={"skus": skus}, **changed)


def chosen(sessions: Sessions, sku: str) -> list[int]:
    """Ids of the orders that lack the SKU, by their turns."""
    turns = held_by("sku_not_found", sku).turns()
    with sessions() as session:
        rows = session.execute(turns).all()
    return [row.id for row in sorted(rows, key=itemgetter(1))]


def test_one_sku_holds_many_orders_and_two_skus_one(
    sessions: Sessions, statements: list[str]
) -> None:
    first, second, both = store(
        sessions,
        held_for(1, "MUG", ship_by_at=NOW + timedelta(hours=9), grand_total=Decimal("10.50")),
        held_for(2, "MUG", ship_by_at=NOW + timedelta(hours=5), account="us", currency="PLN"),
        held_for(3, "MUG, POT", ship_by_at=NOW + timedelta(hours=7), grand_total=Decimal("2")),
        an_order(4),
    )[:3]
    statements.clear()
    assert causes(sessions) == [
        Cause(
            code="sku_not_found",
            fact="MUG",
            is_sku=True,
            orders=3,
            totals={"EUR": Decimal("12.50"), "PLN": Decimal("41.97")},
            ship_by_at=NOW + timedelta(hours=5),
            named=[
                (second, "303-0000000-0000002"),
                (both, "303-0000000-0000003"),
                (first, "303-0000000-0000001"),
            ],
            accounts=["eu", "us"],
        ),
        Cause(
            code="sku_not_found",
            fact="POT",
            is_sku=True,
            orders=1,
            totals={"EUR": Decimal("2")},
            ship_by_at=NOW + timedelta(hours=7),
            named=[(both, "303-0000000-0000003")],
            accounts=["eu"],
        ),
    ]
    assert len(statements) == 1
    assert chosen(sessions, "MUG") == [second, both, first]
    assert chosen(sessions, "MU") == []


def test_what_is_an_orders_own_is_one_group_and_a_shared_sentence_another(
    sessions: Sessions,
) -> None:
    def held(number: int, code: HoldCode, reason: str) -> Order:
        facts = {"invoiced": str(number)}
        return a_held_order(
            number, hold_code=code, hold_reason=reason, hold_facts=facts, ship_by_at=None
        )

    store(
        sessions,
        held(1, HoldCode.TOTALS_DIFFER, "Magento has 1.00"),
        held(2, HoldCode.TOTALS_DIFFER, "Magento has 2.00"),
        held(3, HoldCode.STORE_UNKNOWN, 'no store view "de"'),
        held(4, HoldCode.STORE_UNKNOWN, 'no store view "fr"'),
        held(5, HoldCode.STORE_UNKNOWN, 'no store view "de"'),
    )
    assert [
        (cause.code, cause.fact, cause.orders, cause.ship_by_at) for cause in causes(sessions)
    ] == [
        ("store_unknown", 'no store view "de"', 2, None),
        ("totals_differ", "", 2, None),
        ("store_unknown", 'no store view "fr"', 1, None),
    ]


def test_what_amazon_ships_or_has_as_shipped_is_not_urgent(sessions: Sessions) -> None:
    store(
        sessions,
        held_for(1, "MUG", fulfilled_by="FBA"),
        held_for(2, "MUG", remote_status="SHIPPED"),
    )
    (cause,) = causes(sessions)
    assert (cause.orders, cause.ship_by_at) == (2, None)


def test_every_reason_says_what_to_do() -> None:
    assert set(FIXES) == set(HoldCode)


def test_the_page_says_what_holds_how_much_and_leads_to_an_act_on_all_of_it(
    sessions: Sessions, operator: SignedIn
) -> None:
    store(
        sessions,
        held_for(1, "MUG & CO", ship_by_at=NOW + timedelta(hours=9)),
        held_for(2, "MUG & CO"),
        held_for(3, "POT"),
    )
    page = operator.get("/held").text
    assert (
        "sku not found ? MUG & CO 2 orders 303-0000000-0000002 303-0000000-0000001 83.94 EUR "
        "10 Mar 17:00 in 5 h Add the product to the shop, map the SKU, or correct it at Amazon. "
        "Retry all 2 Ignore all 2"
    ) in words_of(page)
    assert 'href="/orders?status=held&amp;reason=sku_not_found&amp;sku=MUG+%26+CO"' in page
    form = page.partition('action="/bulk/new"')[2].partition("</form>")[0]
    assert re.findall(r'name="(\w+)" value="([^"]*)"', form) == [
        ("cause", "sku_not_found"),
        ("fact", "MUG &amp; CO"),
        ("act", "release"),
        ("act", "dismiss"),
    ]


def test_what_would_be_placed_twice_is_not_freed_together(
    sessions: Sessions, operator: SignedIn
) -> None:
    store(sessions, a_held_order(1, hold_code=HoldCode.IN_MAGENTO_ALREADY))
    page = operator.get("/held").text
    assert "Retry it" not in page
    assert "Ignore it" in page


def test_a_viewer_sees_causes_and_frees_none(sessions: Sessions, viewer: SignedIn) -> None:
    store(sessions, held_for(1, "MUG"))
    page = viewer.get("/held").text
    assert "sku not found" in page
    assert "/bulk/new" not in page


def test_nothing_held_is_said_so(viewer: SignedIn) -> None:
    assert "No order is held." in viewer.get("/held").text


CAUSES, ORDERS = 400, 5_000


def test_the_board_is_whole_at_5000_orders_over_400_causes(
    sessions: Sessions, operator: SignedIn, statements: list[str]
) -> None:
    """Every order is on some page, each number is the database's, and a page stays small."""
    with sessions() as session, session.begin():
        session.execute(text(HELD_ORDERS), {"orders": ORDERS, "causes": CAUSES, "now": NOW})
        (orders, worth) = session.execute(
            text("SELECT count(*), sum(grand_total) FROM orders WHERE status = 'held'")
        ).one()
    shown: list[tuple[str, str, int]] = []
    links, page, totals = [], "/held", Decimal(0)
    while page:
        statements.clear()
        reply = operator.get(page, headers={"Accept-Encoding": "gzip"})
        assert len(reply.data) <= 60_000
        assert len(statements) < 12
        html = gzip.decompress(reply.data).decode()
        links += re.findall(r'id="cause-\d+" href="[^"]*">(\d+) orders?</a>', html)
        number = len(shown) // PAGE_SIZE + 1
        for cause in causes(sessions, page=number):
            shown.append((cause.code, cause.fact, cause.orders))
            totals += cause.totals["EUR"]
        following = re.search(r'id="next" rel="next" href="([^"]*)"', html)
        page = unescape(following[1]) if following else ""
    assert len(set(shown)) == len(shown) == CAUSES
    assert sum(number for *_, number in shown) == sum(map(int, links)) == orders == ORDERS
    assert totals == worth
    by_code = held_by_code(sessions)
    assert [(one.code, one.orders, one.causes) for one in by_code] == [
        ("sku_not_found", ORDERS // 2, CAUSES // 2),
        ("store_unknown", ORDERS // 2, CAUSES // 2),
    ]
    words = words_of(operator.get("/held?code=store_unknown&page=4").text)
    assert "any reason 2,500 sku not found 200 causes 2,500 store unknown 200 causes" in words
    assert "Page 4 of 4 Previous page" in words


HELD_ORDERS = """
INSERT INTO orders (account, external_id, marketplace_id, fulfilled_by, step, status, tries,
    unfinished, news, version, hold_code, hold_reason, hold_facts, remote_status, remote_updated_at,
    purchased_at, ship_by_at, currency, grand_total, shown)
SELECT 'eu', 'order-' || n, 'A1PA6795UKMFR9', 'FBM', 'enrich_order', 'held', 0, 0, 0, 1,
    CASE WHEN n % 2 = 0 THEN 'sku_not_found' ELSE 'store_unknown' END,
    'no store view ' || n % :causes,
    CASE WHEN n % 2 = 0 THEN jsonb_build_object('skus', 'SKU-' || n % :causes) ELSE '{}' END,
    'UNSHIPPED', :now, :now, CAST(:now AS timestamptz) + n * interval '1 minute', 'EUR',
    n * 0.07, true
FROM generate_series(1, :orders) n
"""


def test_an_order_that_lacks_two_skus_is_one_order_of_its_code(sessions: Sessions) -> None:
    store(sessions, held_for(1, "MUG, POT"), held_for(2, "MUG"))
    assert held_by_code(sessions) == [HeldAs("sku_not_found", orders=2, causes=2)]


def test_a_page_beyond_the_last_and_an_odd_number_are_answered(
    sessions: Sessions, operator: SignedIn
) -> None:
    store(sessions, held_for(1, "MUG"))
    assert "no causes on this page any more" in operator.get("/held?page=9").text
    assert "no causes on this page any more" in operator.get("/held?page=" + "9" * 30).text
    assert "No order is held for this reason." in operator.get("/held?code=currency").text
    for odd in ("0", "-3", "x", ""):
        assert "MUG" in operator.get(f"/held?page={odd}").text


def test_a_hidden_order_counts_on_no_page(sessions: Sessions) -> None:
    store(sessions, held_for(1, "MUG"), held_for(2, "MUG", shown=False))
    assert [(one.fact, one.orders) for one in causes(sessions)] == [("MUG", 1)]
    assert held_by_code(sessions) == [HeldAs("sku_not_found", 1, 1)]
    with sessions() as session:
        assert [one.orders for one in held(session)] == [1]
