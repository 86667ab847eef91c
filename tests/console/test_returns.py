"""Returns on the order's page, the page of what is to be refunded, the list and Today."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.finances.tables import TransactionRow
from pipeline.intake.tables import Refund, Watermark
from pipeline.operations.lists.board import Board
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.orders import Listing
from pipeline.operations.lists.returns import (
    Returned,
    WhichReturns,
    latest,
    returns_of,
    unrefunded,
)
from pipeline.orders.tables import Order
from pipeline.returns.tables import Return
from tests.console.builders import NOW, an_order, store
from tests.console.conftest import SignedIn
from tests.console.reading import words_of

TODAY = NOW.date()
"""A Tuesday."""
ASKED, ARRIVED = TODAY - timedelta(days=8), TODAY - timedelta(days=1)


def a_return(external_id: str, **changed: Any) -> Return:
    values = {
        "account": "eu",
        "external_id": external_id,
        "fulfilled_by": "FBM",
        "reference": "Dx1RMA",
        "item": "MUG-BLUE",
        "place": 1,
        "sku": "MUG-BLUE",
        "asin": "B00EXAMPLE",
        "quantity": 2,
        "reason": "AMZ-PG-BAD-DESC",
        "status": "Approved",
        "disposition": "",
        "resolution": "",
        "merchant_rma": "",
        "label_payer": "Seller",
        "is_a_to_z": False,
        "requested_on": ASKED,
        "arrived_on": ARRIVED,
        "currency": "EUR",
        "first_seen_at": NOW,
        "changed_at": NOW,
    }
    return Return(**{**values, **changed})


def a_memo(order_id: int, *skus: str, at: date = ARRIVED, number: int = 1) -> Refund:
    return Refund(
        order_id=order_id,
        magento_creditmemo_id=number,
        refunded_at=datetime(at.year, at.month, at.day, 12, tzinfo=UTC),
        currency="EUR",
        grand_total=Decimal(10),
        shipping=Decimal(0),
        adjustment=Decimal(0),
        lines={f"I{n}": {"sku": sku, "quantity": "1", "total": "10"} for n, sku in enumerate(skus)},
    )


def a_transaction(**changed: Any) -> TransactionRow:
    values = {
        "account": "eu",
        "transaction_id": "T1",
        "kind": "Refund",
        "status": "RELEASED",
        "posted_at": NOW,
        "currency": "EUR",
        "total": Decimal(-10),
        "marketplace_id": "A1PA6795UKMFR9",
        "identifiers": {},
        "items": [["MUG-BLUE", 1, "-10", [], ""]],
        "leaves": [],
        "deferral_reason": "",
        "external_id": "302-5550001-5550001",
        "copy_of": "",
        "is_counted": True,
    }
    return TransactionRow(**{**values, **changed})


def keep(sessions: Sessions, *rows: Any) -> None:
    with sessions() as session, session.begin():
        session.add_all(rows)


def to_refund(sessions: Sessions) -> list[str]:
    """The orders of the returns to refund, by every way to them, which have to agree."""
    listed = [one.external_id for one in unrefunded(sessions, NOW)]
    assert Board(sessions, NOW).standing().to_refund.number == len(listed)
    return listed


def test_what_arrived_first_is_refunded_first(sessions: Sessions) -> None:
    names = ["302-5550001-5550001", "302-5550001-5550002"]
    keep(
        sessions,
        a_return(names[0]),
        a_return(names[1], arrived_on=ARRIVED - timedelta(days=2)),
        a_return(names[1], reference="still on its way", arrived_on=None),
        a_return(names[1], reference="long ago", arrived_on=TODAY - timedelta(days=61)),
        a_return(names[1], reference="at Amazon", fulfilled_by="FBA", requested_on=None),
    )
    assert to_refund(sessions) == [names[1], names[0]]


@pytest.mark.parametrize(
    ("refund", "is_refunded"),
    [
        (lambda order_id: a_memo(order_id, "MUG-BLUE"), True),
        (lambda order_id: a_memo(order_id, "POT", "MUG-BLUE"), True),
        (lambda order_id: a_memo(order_id), True),
        (lambda order_id: a_memo(order_id, at=ASKED), True),
        (lambda order_id: a_memo(order_id, "POT"), False),
        (lambda order_id: a_memo(order_id, "MUG-BLUE", at=ASKED - timedelta(days=1)), False),
    ],
    ids=["its SKU", "among others", "no lines", "on that day", "another SKU", "before the request"],
)
def test_a_credit_memo_refunds_what_it_names(
    sessions: Sessions, refund: Any, is_refunded: bool
) -> None:
    external_id = "302-5550001-5550001"
    (order_id,) = store(sessions, an_order(1, external_id=external_id))
    keep(sessions, a_return(external_id), refund(order_id))
    assert to_refund(sessions) == ([] if is_refunded else [external_id])


@pytest.mark.parametrize(
    ("changed", "is_refunded"),
    [
        ({}, True),
        ({"kind": "REFUND"}, True),
        ({"items": []}, True),
        ({"items": [["POT", 1, "-10", [], ""]]}, False),
        ({"kind": "Shipment"}, False),
        ({"account": "us"}, False),
        ({"posted_at": NOW - timedelta(days=9)}, False),
        ({"is_counted": False}, False),
    ],
)
def test_a_refund_among_amazons_transactions_is_one(
    sessions: Sessions, changed: dict[str, Any], is_refunded: bool
) -> None:
    keep(sessions, a_return("302-5550001-5550001"), a_transaction(**changed))
    assert (to_refund(sessions) == []) is is_refunded


def test_what_amazon_ships_is_due_once_its_refund_would_show(sessions: Sessions) -> None:
    late = TODAY - timedelta(days=3)
    facts: dict[str, Any] = {"fulfilled_by": "FBA", "requested_on": None}
    keep(
        sessions,
        a_return("302-5550001-5550002", arrived_on=late, **facts),
        a_return("302-5550001-5550003", **facts),
        a_return("302-5550001-5550004", account="us", arrived_on=late, **facts),
        a_return("302-5550001-5550001", arrived_on=late, **facts),
        a_transaction(posted_at=NOW - timedelta(days=12)),
        Watermark(name="finances:eu", position=NOW),
    )
    assert to_refund(sessions) == ["302-5550001-5550002"]
    (one,) = unrefunded(sessions, NOW)
    assert (one.refund_by, one.days_left(TODAY)) == (None, None)


@pytest.mark.parametrize(("amount", "is_refunded"), [(None, False), ("0", False), ("0.01", True)])
def test_an_amount_in_amazons_report_is_a_refund(
    sessions: Sessions, amount: str | None, is_refunded: bool
) -> None:
    total = None if amount is None else Decimal(amount)
    keep(sessions, a_return("302-5550001-5550001", refunded_total=total))
    assert (to_refund(sessions) == []) is is_refunded


def test_a_return_of_another_account_is_not_the_orders(sessions: Sessions) -> None:
    external_id = "302-5550001-5550001"
    (order_id,) = store(sessions, an_order(1, external_id=external_id))
    keep(sessions, a_return(external_id, account="us"))
    with sessions() as session:
        order = session.get_one(Order, order_id)
    assert returns_of(sessions, order) == []
    assert not Listing(sessions).matching(Filters(returns=WhichReturns.ANY))


def test_an_order_that_comes_later_has_the_return(sessions: Sessions) -> None:
    keep(sessions, a_return("302-5550001-5550001"))
    assert [one.order_id for one in unrefunded(sessions, NOW)] == [None]
    (order_id,) = store(sessions, an_order(1, external_id="302-5550001-5550001"))
    assert [one.order_id for one in unrefunded(sessions, NOW)] == [order_id]


def test_the_list_is_filtered_by_returns(sessions: Sessions) -> None:
    today = datetime.now(UTC).date()
    ids = store(
        sessions,
        *(an_order(n, external_id=f"302-5550001-555000{n}") for n in (1, 2, 3)),
    )
    keep(
        sessions,
        a_return("302-5550001-5550001", requested_on=today, arrived_on=today),
        a_return("302-5550001-5550002", requested_on=today, arrived_on=None),
    )
    listing = Listing(sessions)
    found = {
        which: sorted(listing.matching(Filters(returns=which)))
        for which in (WhichReturns.ANY, WhichReturns.UNREFUNDED)
    }
    assert found == {WhichReturns.ANY: ids[:2], WhichReturns.UNREFUNDED: ids[:1]}


def test_all_returns_are_listed_the_newest_first(sessions: Sessions) -> None:
    keep(
        sessions,
        a_return("302-5550001-5550001"),
        a_return("302-5550001-5550002", requested_on=TODAY, arrived_on=None),
        a_return("302-5550001-5550003", requested_on=TODAY - timedelta(days=61), arrived_on=None),
    )
    assert [one.external_id[-1] for one in latest(sessions, NOW)] == ["2", "1"]


def test_days_are_left_only_where_the_seller_refunds(sessions: Sessions) -> None:
    keep(
        sessions,
        a_return("302-5550001-5550001"),
        a_return("302-5550001-5550002", fulfilled_by="FBA", requested_on=None),
        a_return("302-5550001-5550003", refunded_total=Decimal(5)),
    )
    left = {one.external_id[-1]: one.days_left(TODAY) for one in latest(sessions, NOW)}
    assert left == {"1": 1, "2": None, "3": None}


def test_the_board_says_how_long_there_is_and_what_it_does_not_know(
    sessions: Sessions, browser: SignedIn
) -> None:
    store(sessions, an_order(1, external_id="302-5550001-5550001"))
    keep(
        sessions,
        a_return("302-5550001-5550001", is_a_to_z=True),
        a_return("302-5550001-5550002", arrived_on=TODAY - timedelta(days=20)),
        a_return("302-5550001-5550003", arrived_on=date(2026, 3, 6)),
    )
    page = browser.get("/returns").text
    words = words_of(page)
    for said in (
        "within 2 business days of its arrival",
        "public holidays are not known here",
        "1 business day left",
        "today is the last day",
        "A-to-z claim",
        "not imported",
    ):
        assert said in words
    assert page.count('class="due late"') == 2


def test_without_a_return_the_board_leads_to_the_orders_with_one(browser: SignedIn) -> None:
    page = browser.get("/returns").text
    assert "No return that Amazon has reported in the last 60 days waits for a refund." in page
    assert 'href="/orders?returns=any"' in page


def test_the_file_has_what_the_page_has(sessions: Sessions, browser: SignedIn) -> None:
    keep(sessions, a_return("302-5550001-5550001", refunded_total=Decimal(0)))
    heading, row = browser.get("/returns.csv").text.removeprefix("\ufeff").splitlines()
    assert dict(zip(heading.split(","), row.split(","), strict=True)) == {
        "account": "eu",
        "amazon_order": "302-5550001-5550001",
        "magento_order": "",
        "sku": "MUG-BLUE",
        "quantity": "2",
        "reason": "AMZ-PG-BAD-DESC",
        "status": "Approved",
        "rma": "Dx1RMA",
        "merchant_rma": "",
        "label_paid_by": "Seller",
        "a_to_z_claim": "no",
        "requested": "2026-03-02",
        "arrived": "2026-03-09",
        "refund_by": "2026-03-11",
        "business_days_left": "1",
        "refunded": "0.00",
    }
    assert browser.get("/returns.xlsx").data.startswith(b"PK")


def test_what_amazon_wrote_is_no_formula_in_the_file(sessions: Sessions, browser: SignedIn) -> None:
    (order_id,) = store(sessions, an_order(1))
    with sessions() as session:
        number = session.get_one(Order, order_id).external_id
    keep(sessions, a_return(number, reason="=1+1", merchant_rma="\t@x", label_payer="-2"))
    text = browser.get("/returns.csv").text
    assert ("'=1+1" in text, "'\t@x" in text, ",'-2," in text) == (True, True, True)
    assert ",=" not in text


def test_the_order_shows_how_far_each_return_is(sessions: Sessions, browser: SignedIn) -> None:
    (order_id,) = store(sessions, an_order(1, external_id="302-5550001-5550001"))
    none = words_of(browser.get(f"/orders/{order_id}").text)
    keep(
        sessions,
        a_return("302-5550001-5550001"),
        a_return("302-5550001-5550001", reference="2", arrived_on=None),
        a_return("302-5550001-5550001", reference="3", arrived_on=None, gone_at=NOW),
        a_return("302-5550001-5550001", reference="4", refunded_total=Decimal("59.98")),
    )
    words = words_of(browser.get(f"/orders/{order_id}").text)
    assert "Label paid by" not in none
    for said in ("refund by 2026-03-11", "withdrawn", "59.98 EUR by Amazon’s report"):
        assert said in words


def test_today_counts_what_is_to_be_refunded(sessions: Sessions, browser: SignedIn) -> None:
    store(sessions, an_order(1))
    keep(sessions, a_return("302-5550001-5550001"))
    assert "1 Returns to refund arrived, not refunded" in words_of(browser.get("/").text)


def test_the_pages_ask_once_however_many_there_are(
    sessions: Sessions, statements: list[str]
) -> None:
    keep(sessions, *(a_return(f"302-5550001-{n:07}") for n in range(50)))
    statements.clear()
    found = unrefunded(sessions, NOW)
    assert (len(found), len(statements)) == (50, 1)
    assert isinstance(found[0], Returned)
