"""The card of an order's money: unknown names, and having it read from Amazon from there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.quota import Lane
from pipeline.console.app import create_app
from pipeline.finances.money_reads import MoneyReads
from pipeline.finances.store import Transactions
from pipeline.finances.tables import MoneyRead
from tests.builders import ACCOUNT, an_order, stored
from tests.console.builders import NOW, some_settings
from tests.console.conftest import SignedIn
from tests.console.reading import words_of
from tests.finances.test_recent_sums import SALE, of

OTHER = "us"
BUTTON = "Read it from Amazon now"


@pytest.fixture
def twin_ids(sessions: Sessions) -> tuple[int, int]:
    """Two shipped orders with the same number, of two accounts."""
    number = "302-5550001-5550001"
    made = [
        an_order(account=account, external_id=number, remote_status="SHIPPED")
        for account in (ACCOUNT, OTHER)
    ]
    ours, others = (stored(sessions, order) for order in made)
    return ours, others


def rows(sessions: Sessions) -> list[MoneyRead]:
    with sessions() as session:
        return list(session.scalars(select(MoneyRead).order_by(MoneyRead.account)))


def test_pressing_twice_asks_once_and_the_page_says_what_happens(
    sessions: Sessions, operator: SignedIn, twin_ids: tuple[int, int]
) -> None:
    page = f"/orders/{twin_ids[0]}"
    assert BUTTON in operator.get(page).text
    for _ in range(2):
        done = operator.post(f"{page}/read-money", {})
        assert done.status_code == 303
    shown = words_of(operator.get(done.headers["Location"]).text)
    assert "it is here in a minute or two" in shown
    assert "Amazon is asked for this order’s money within a few minutes." in shown
    assert BUTTON not in shown
    [row] = rows(sessions)
    assert (row.account, row.lane, row.asked_at, row.due_at) == (ACCOUNT, Lane.NEW, NOW, NOW)


def test_the_page_says_when_it_was_read_or_why_not(
    sessions: Sessions, operator: SignedIn, twin_ids: tuple[int, int]
) -> None:
    reads, page = MoneyReads(sessions), f"/orders/{twin_ids[0]}"
    for account in (ACCOUNT, OTHER):
        asked_at = NOW - timedelta(minutes=9)
        reads.ask(account, ["302-5550001-5550001"], asked_at, Lane.NEW)
    [wanted] = reads.due(ACCOUNT, NOW, 9)
    reads.failed(wanted, "InternalFailure", NOW + timedelta(minutes=1))
    assert "The last try failed: InternalFailure" in words_of(operator.get(page).text)
    reads.failed(wanted, "InvalidInput", None)
    shown = words_of(operator.get(page).text)
    assert "Amazon gave no usable answer: InvalidInput" in shown
    assert BUTTON in shown
    reads.done(wanted, NOW - timedelta(minutes=2))
    shown = words_of(operator.get(page).text)
    assert "Read from Amazon 2 min ago." in shown
    assert BUTTON in shown
    assert "within a few minutes" in words_of(operator.get(f"/orders/{twin_ids[1]}").text)


def test_who_only_looks_cannot_have_it_read(
    sessions: Sessions, viewer: SignedIn, twin_ids: tuple[int, int]
) -> None:
    page = f"/orders/{twin_ids[0]}"
    assert BUTTON not in viewer.get(page).text
    assert viewer.post(f"{page}/read-money", {}).status_code == 403
    assert rows(sessions) == []


def test_an_account_whose_money_is_not_read_has_no_button(
    sessions: Sessions, twin_ids: tuple[int, int]
) -> None:
    settings = some_settings()
    off = settings.accounts[ACCOUNT].model_copy(update={"finances": "off"})
    changed = settings.model_copy(update={"accounts": {**settings.accounts, ACCOUNT: off}})
    app: Flask = create_app(changed, sessions, lambda: NOW)
    admin = SignedIn(app, sessions)
    page = f"/orders/{twin_ids[0]}"
    assert BUTTON not in admin.get(page).text
    refused = admin.post(f"{page}/read-money", {})
    assert (refused.status_code, "no money is read for the account" in refused.text) == (409, True)
    assert rows(sessions) == []


def test_names_that_are_not_known_are_listed_with_their_sums(
    sessions: Sessions, viewer: SignedIn, twin_ids: tuple[int, int]
) -> None:
    odd = of(*SALE, ("Surprises", "NewLevy", "-1.10"), ("Surprises", "NewLevy", "-0.20"))
    Transactions(sessions).store(ACCOUNT, [odd], NOW)
    other = of(*SALE, ("Surprises", "AnotherLevy", "-7.00"))
    Transactions(sessions).store(OTHER, [other], NOW)
    shown = words_of(viewer.get(f"/orders/{twin_ids[0]}").text)
    assert "with names that are not known here: NewLevy 2 × (-1.30" in shown.replace("−", "-")
    assert "AnotherLevy" not in shown
