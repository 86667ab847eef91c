"""Held orders by what holds them, and freeing all of a group."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from operator import itemgetter

from pipeline.base.db import Sessions
from pipeline.operations.lists.causes import Cause, causes
from pipeline.operations.lists.remedies import FIXES
from pipeline.operations.lists.selection import held_by
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
            totals={"PLN": Decimal("41.97"), "EUR": Decimal("12.50")},
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
        "sku not found ? MUG & CO 2 303-0000000-0000002 , 303-0000000-0000001 83.94 EUR "
        "10 Mar 17:00 in 5 h Add the product to the shop, map the SKU, or correct it at Amazon. "
        "Retry all 2 Ignore all 2"
    ) in words_of(page)
    assert 'href="/?status=held&amp;reason=sku_not_found&amp;sku=MUG+%26+CO"' in page
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
