"""`/`: Today, the first page."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from openpyxl import load_workbook

from pipeline.base.clock import utc_now
from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.console.app import create_app
from pipeline.finances.store import Transactions
from pipeline.intake.tables import Watermark
from pipeline.monitoring.reconcile.tables import Difference, Reconciliation
from pipeline.operations.lists.counts import count
from pipeline.operations.lists.filters import Filters, ShipBy
from pipeline.operations.today.attention import Held, ToShip, held, to_ship
from pipeline.operations.today.comparison import accounts
from pipeline.settings.model import Settings
from tests.console.builders import (
    NOW,
    a_held_order,
    a_pending_order,
    an_effect,
    an_order,
    some_settings,
    store,
)
from tests.console.conftest import SignedIn
from tests.console.reading import words_of
from tests.console.signing_in import Clock
from tests.finances.test_recent_sums import SALE, of

SELECTS = 16
"""However many orders, reasons and accounts there are."""


def two_accounts() -> Settings:
    settings = some_settings()
    eu = settings.accounts["eu"]
    shops = {**settings.shops, "second": settings.shops["main"]}
    us = eu.model_copy(update={"shop": "second", "seller_id": "A2SELLER"})
    return settings.model_copy(update={"shops": shops, "accounts": {"eu": eu, "us": us}})


def a_comparison(sessions: Sessions, account: str, orders: int, *kinds: tuple[str, str]) -> None:
    """A comparison that ended an hour ago, with open differences: each a kind and a treatment."""
    run = Reconciliation(
        account=account,
        author="beat",
        state="done",
        after_at=NOW,
        before_at=NOW,
        due_at=NOW,
        created_at=NOW,
        ended_at=NOW - timedelta(hours=1),
        orders_seen=orders,
    )
    with sessions() as session, session.begin():
        session.add(run)
        session.flush()
        for number, (kind, treatment) in enumerate(kinds):
            session.add(
                Difference(
                    account=account,
                    external_id=f"303-{number}",
                    kind=kind,
                    detail="",
                    treatment=treatment,
                    reconciliation_id=run.id,
                    found_at=NOW,
                )
            )
        session.add(Watermark(name=f"amazon:{account}", position=NOW, read_at=NOW))


@pytest.mark.parametrize(
    "query", ["status=held&sort=ship_by", "_external=1&_scheme=ftp", "sku=MUG+%26+CO&fragment=1"]
)
def test_an_old_bookmark_of_the_list_leads_to_the_list(viewer: SignedIn, query: str) -> None:
    reply = viewer.get(f"/?{query}")
    assert (reply.status_code, reply.headers["Location"]) == (302, f"/orders?{query}")


def test_before_the_first_order_an_admin_is_led_and_others_are_told(
    browser: SignedIn, viewer: SignedIn, sessions: Sessions
) -> None:
    assert "Getting started" in browser.get("/").text
    page = words_of(viewer.get("/").text)
    assert "No orders yet." in page
    assert "The last 30 days" not in page
    store(sessions, an_order(1))
    page = words_of(browser.get("/").text)
    assert "Getting started" not in page
    assert "Nothing needs you right now" in page
    assert "The last 30 days" in page


def test_what_is_held_is_told_by_reason_with_its_worth_the_most_urgent_first(
    sessions: Sessions, viewer: SignedIn
) -> None:
    soon, later = NOW + timedelta(hours=1), NOW + timedelta(hours=9)
    pounds = {"currency": "GBP", "grand_total": Decimal("7.00")}
    store(
        sessions,
        a_held_order(1, ship_by_at=later),
        a_held_order(1, account="us", ship_by_at=later, **pounds),
        a_held_order(2, hold_code="out_of_stock", ship_by_at=soon),
        a_held_order(3, hold_code="out_of_stock", ship_by_at=None, grand_total=None, currency=None),
        a_held_order(4, hold_code="refund_refused", remote_status="SHIPPED"),
        a_held_order(5, shown=False),
    )
    with sessions() as session:
        assert held(session) == [
            Held("out_of_stock", 2, {"EUR": Decimal("41.97")}, soon),
            Held("sku_not_found", 2, {"EUR": Decimal("41.97"), "GBP": Decimal(7)}, later),
            Held("refund_refused", 1, {"EUR": Decimal("41.97")}, None),
        ]
    page = viewer.get("/").text
    assert "5 orders need you 125.91 EUR · 7.00 GBP" in words_of(page)
    assert 'href="/held?code=out_of_stock"' in page


def test_the_figures_are_those_of_the_lists_they_lead_to(
    sessions: Sessions, viewer: SignedIn
) -> None:
    now = utc_now()
    hours = (-1, 1, 23, 25, 47, 49)
    store(
        sessions,
        *(an_order(n, ship_by_at=now + timedelta(hours=h)) for n, h in enumerate(hours, 1)),
        an_order(8, ship_by_at=now - timedelta(hours=1), fulfilled_by="FBA"),
        a_pending_order(9, ship_by_at=now - timedelta(hours=1)),
    )
    with sessions() as session:
        assert to_ship(session, now) == ToShip(1, 2, 4, is_any=True)
    shown = (ShipBy.OVERDUE, ShipBy.DAY, ShipBy.TWO_DAYS)
    assert [count(sessions, Filters(ship_by=when)).number for when in shown] == [1, 2, 4]
    page = viewer.get("/").text
    assert 'id="late" class="stat" href="/orders?ship_by=overdue"' in page
    assert 'href="/orders?ship_by=two_days"' in page


def test_each_account_has_its_own_import_and_comparison(sessions: Sessions) -> None:
    settings = two_accounts()
    a_comparison(sessions, "eu", 999)
    with sessions() as session, session.begin():
        session.query(Watermark).delete()
    a_comparison(sessions, "eu", 40, ("total", "held"), ("total", "waits"), ("status", "accepted"))
    with sessions() as session:
        eu, us = accounts(session, settings)
    assert (eu.orders, eu.differences, eu.for_a_person) == (40, {"status": 1, "total": 2}, 1)
    assert not eu.is_equal
    assert (us.name, us.shop, us.imported_at, us.compared_at) == ("us", "second", None, None)
    a_comparison(sessions, "us", 7)
    with sessions() as session:
        _, us = accounts(session, settings)
    assert (us.is_equal, us.orders, us.imported_at) == (True, 7, NOW)


def test_the_page_takes_as_many_queries_for_many_orders_as_for_one(
    sessions: Sessions, statements: list[str]
) -> None:
    for settings, orders in ((some_settings(), 1), (two_accounts(), 40)):
        browser = SignedIn(create_app(settings, sessions, lambda: NOW), sessions, f"p{orders}")
        store(
            sessions,
            *(a_held_order(orders * 100 + n, hold_code=f"code_{n}") for n in range(orders)),
        )
        browser.get("/")
        statements.clear()
        assert browser.get("/").status_code == 200
        assert len(statements) == SELECTS


@pytest.fixture
def fresh(sessions: Sessions, clock: Clock) -> Flask:
    """A console that keeps no figures yet."""
    return create_app(two_accounts(), sessions, clock)


def test_the_figures_are_kept_for_a_minute(
    fresh: Flask, sessions: Sessions, clock: Clock, statements: list[str]
) -> None:
    clock.at = NOW
    browser = SignedIn(fresh, sessions)

    def today() -> int:
        shown = browser.get("/today/figures.json").json
        assert shown is not None
        assert [len(values) for chart in shown["charts"] for _, values in chart["series"]] == [
            *([30] * sum(len(chart["series"]) for chart in shown["charts"])),
        ]
        assert shown["days"][-1] == "2026-03-10"
        return int(sum(values[-1] for _, values in shown["charts"][0]["series"]))

    assert today() == 0
    store(sessions, an_order(1), an_order(1, account="us"))
    assert today() == 0
    assert browser.get("/today/figures").status_code == 200
    clock.pass_(seconds=61)
    statements.clear()
    assert today() == 2
    assert sum("percentile_cont" in one for one in statements) == 2


def test_the_months_are_a_file(sessions: Sessions, viewer: SignedIn) -> None:
    store(
        sessions,
        an_order(1, grand_total=Decimal("10.10"), ship_by_at=NOW),
        an_order(1, account="us", currency="JPY", grand_total=Decimal(900), fulfilled_by="FBA"),
    )
    reply = viewer.get("/today/months.csv")
    assert reply.headers["Content-Disposition"] == 'attachment; filename="months-20260310.csv"'
    rows = list(csv.DictReader(reply.data.decode("utf-8-sig").splitlines()))
    assert [
        [row[name] for name in ("month", "currency", "channel", "orders", "total")] for row in rows
    ] == [
        ["2026-03", "EUR", "FBM", "1", "10.10"],
        ["2026-03", "JPY", "FBA", "1", "900"],
    ]
    assert (rows[0]["due_to_ship"], rows[0]["shipped_on_time"]) == ("1", "0")


def test_the_numbers_of_the_months_are_numbers_in_a_spreadsheet(
    sessions: Sessions, viewer: SignedIn
) -> None:
    (order_id,) = store(sessions, an_order(1, ship_by_at=NOW, purchased_at=NOW))
    made = an_effect(order_id, 0, ended_at=NOW + timedelta(minutes=12, seconds=18))
    with sessions() as session, session.begin():
        session.add(made)
    reply = viewer.get("/today/months.csv?format=local", headers={"Accept-Language": "de"})
    (row,) = csv.DictReader(reply.data.decode("utf-8-sig").splitlines(), delimiter=";")
    assert (row["orders"], row["to_magento_median_min"]) == ("1", "12,3")
    assert row["to_confirmed_median_min"] == ""
    book = load_workbook(io.BytesIO(viewer.get("/today/months.xlsx").data)).worksheets[0]
    heading, values = book.iter_rows(values_only=True)
    cells = dict(zip(heading, values, strict=True))
    assert (cells["orders"], cells["due_to_ship"], cells["to_magento_median_min"]) == (1, 1, 12.3)
    assert cells["to_confirmed_median_min"] is None


def fees_on(browser: SignedIn) -> str:
    """The words of the card of Amazon's fees."""
    _, _, card = words_of(browser.get("/").text).partition("Amazon’s fees ")
    return card.partition("See them as tables")[0].replace("\xa0", " ")


def sold(sessions: Sessions, account: str, fee: str, **others: Any) -> None:
    """A sale that Amazon posted: 100.00 and this fee."""
    sale = of(*SALE[:-1], ("AmazonFees", "Commission", fee), **others)
    Transactions(sessions).store(account, [sale], NOW)


def test_amazons_fees_are_shown_by_account_and_currency(sessions: Sessions) -> None:
    browser = SignedIn(create_app(two_accounts(), sessions, lambda: NOW), sessions)
    store(sessions, an_order(1))
    sold(sessions, "eu", "-15.00")
    sold(sessions, "eu", "-20.00", currency="SEK", transaction_id="t2")
    sold(sessions, "us", "-12.34")
    sold(sessions, "eu", "-99.00", transaction_id="old", posted_at=NOW - timedelta(days=31))
    card = fees_on(browser)
    for words in (
        "eu 100.00 EUR 15.00 EUR 15 %",
        "eu 100.00 SEK 20.00 SEK 20 %",
        "us 100.00 EUR 12.34 EUR 12.3 %",
    ):
        assert words in card


def test_amazons_fees_say_why_there_are_none(sessions: Sessions) -> None:
    settings = two_accounts()
    off = settings.accounts["us"].model_copy(update={"finances": "off"})
    accounts_now = {**settings.accounts, "us": off}
    changed = settings.model_copy(update={"accounts": accounts_now})
    browser = SignedIn(create_app(changed, sessions, lambda: NOW), sessions)
    store(sessions, an_order(1))
    card = fees_on(browser)
    assert "eu None yet: Amazon has posted no sale in these 30 days." in card
    assert "us None: reading money is switched off" in card
    Incidents(sessions).open("finances:us", "of another account", NOW, account="us")
    assert "eu None yet" in fees_on(browser)
    Incidents(sessions).open("finances:eu", "no role", NOW, account="eu")
    assert "eu None: Amazon’s transactions cannot be read." in fees_on(browser)


def test_names_that_are_not_known_are_shown_with_the_fees(
    sessions: Sessions, viewer: SignedIn
) -> None:
    store(sessions, an_order(1))
    odd = of(("Surprises", "NewLevy", "-1.10"), ("Surprises", "NewLevy", "-1.00"))
    Transactions(sessions).store("eu", [odd], NOW)
    card = fees_on(viewer)
    assert "names are not known here, counted as other amounts: NewLevy 2 ×" in card


def test_the_part_that_refreshes_itself_reads_no_fees(
    sessions: Sessions, viewer: SignedIn, statements: list[str]
) -> None:
    store(sessions, an_order(1))
    for path, reads in (("/", 1), ("/?fragment=1", 0)):
        statements.clear()
        viewer.get(path)
        assert len([one for one in statements if "sum(transactions.fees)" in one]) == reads
