"""Amazon's money as a person meets it: an order's card with its button, and the fees on Today."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

from pipeline.base.db import Sessions
from pipeline.base.quota import Lane
from pipeline.finances.money_reads import MoneyReads
from pipeline.finances.store import Transactions
from pipeline.finances.tables import MoneyRead
from pipeline.orders.tables import Order
from tests.browser.conftest import PHONE, Visit, violations
from tests.console.builders import NOW, a_shipped_order, store
from tests.finances.test_recent_sums import SALE, of

BUTTON = "Read it from Amazon now"
WAITS = "Amazon is asked for this order’s money within a few minutes."


def a_sold_order(sessions: Sessions) -> tuple[int, str]:
    """A shipped order whose money has a name that is not known; its id and its number."""
    [order_id] = store(sessions, a_shipped_order(1))
    with sessions() as session:
        number = session.get_one(Order, order_id).external_id
    odd = of(*SALE, ("Surprises", "NewLevy", "-1.10"), number=number, status="DEFERRED")
    Transactions(sessions).store("eu", [odd], NOW)
    return order_id, number


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without"])
def test_an_operator_has_the_money_of_an_order_read(
    visit: Visit, sessions: Sessions, script: bool
) -> None:
    order_id, number = a_sold_order(sessions)
    page = visit(path=f"/orders/{order_id}", java_script_enabled=script)
    before = visit(path=f"/orders/{order_id}", java_script_enabled=False)
    page.get_by_role("button", name=BUTTON).click()
    expect(page.get_by_text(WAITS)).to_be_visible()
    expect(page.get_by_role("button", name=BUTTON)).to_have_count(0)
    # Another browser still has the page of before.
    before.get_by_role("button", name=BUTTON).click()
    expect(before.get_by_text(WAITS)).to_be_visible()
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(MoneyRead)) == 1
    reads = MoneyReads(sessions)
    [wanted] = reads.due("eu", NOW + timedelta(days=9), 9)
    assert (wanted.external_id, wanted.lane) == (number, Lane.NEW)
    reads.done(wanted, NOW)
    page.reload()
    expect(page.get_by_role("button", name=BUTTON)).to_be_visible()


@pytest.mark.parametrize("options", [{}, {"viewport": PHONE}], ids=["desk", "phone"])
def test_the_cards_of_money_can_be_used_by_everybody(
    visit: Visit, sessions: Sessions, options: dict[str, object]
) -> None:
    order_id, _ = a_sold_order(sessions)
    for path, heading in ((f"/orders/{order_id}", "Money at Amazon"), ("/", "Amazon’s fees")):
        page = visit(path=path, **options)
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
