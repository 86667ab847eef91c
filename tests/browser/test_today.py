"""Today as a person uses it: from what needs them to the list, and through the charts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pipeline.base.db import Sessions
from tests.browser.conftest import PHONE, Visit, violations
from tests.console.builders import NOW, a_held_order, a_shipped_order, an_effect, an_order, store

CHARTS = 5


def stored(sessions: Sessions) -> None:
    """Orders of three days, some held, with their times to Magento and to the confirmation."""
    shipped = a_shipped_order(3, ship_by_at=NOW - timedelta(days=2))
    shipped.shipments[0].shop = "main"
    ids = store(
        sessions,
        an_order(1),
        an_order(2, fulfilled_by="FBA", purchased_at=NOW - timedelta(days=1)),
        shipped,
        a_held_order(4),
        a_held_order(5, hold_code="out_of_stock", purchased_at=NOW - timedelta(days=2)),
    )
    with sessions() as session, session.begin():
        session.add_all([an_effect(one, 5) for one in ids[:3]])


def drawn(page: Page) -> None:
    expect(page.locator("#charts[data-drawn]")).to_be_attached()


def test_what_needs_a_person_leads_to_the_orders(visit: Visit, sessions: Sessions) -> None:
    stored(sessions)
    page = visit(path="/")
    expect(page.get_by_role("heading", name="2 orders need you")).to_be_visible()
    page.locator("#reason-out_of_stock").click()
    assert page.url.endswith("/held?code=out_of_stock")
    page.go_back()
    page.locator("#late").click()
    assert page.url.endswith("/orders?ship_by=overdue")


def test_news_appear_without_reload_and_leave_the_charts_alone(
    visit: Visit, sessions: Sessions
) -> None:
    store(sessions, an_order(1))
    page = visit(path="/")
    drawn(page)
    expect(page.get_by_role("heading", name="Nothing needs you right now")).to_be_visible()
    page.evaluate("document.getElementById('charts').kept = true")
    store(sessions, a_held_order(2))
    expect(page.get_by_role("heading", name="1 order needs you")).to_be_visible(timeout=15_000)
    assert page.evaluate("document.getElementById('charts').kept")


def test_each_chart_is_a_table_too(visit: Visit, sessions: Sessions) -> None:
    stored(sessions)
    page = visit(path="/")
    drawn(page)
    expect(page.locator("#charts canvas")).to_have_count(CHARTS)
    page.locator("#table-orders summary").click()
    rows = page.locator("#table-orders tbody tr")
    expect(rows).to_have_count(30)
    assert rows.last.inner_text().split("\t")[1:] == ["3", "0"]
    page.locator("#chart-orders .u-over").hover(position={"x": 5, "y": 5})
    expect(page.locator("#chart-orders .legend b").first).to_have_text("0")


def test_without_scripts_the_figures_are_a_page_of_tables(visit: Visit, sessions: Sessions) -> None:
    stored(sessions)
    page = visit(path="/", java_script_enabled=False)
    page.get_by_role("link", name="See them as tables").click()
    expect(page.get_by_role("table")).to_have_count(CHARTS)


def test_the_months_are_saved_as_a_file(visit: Visit, sessions: Sessions, tmp_path: Path) -> None:
    stored(sessions)
    page = visit(path="/")
    page.get_by_text("Months").click()
    with page.expect_download() as download:
        page.locator("#months-csv").click()
    download.value.save_as(tmp_path / "months.csv")
    assert "2026-03,EUR,FBM,4,0," in (tmp_path / "months.csv").read_text(encoding="utf-8-sig")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_nothing_serious_and_nothing_too_wide(
    visit: Visit, sessions: Sessions, scheme: str, size: str
) -> None:
    stored(sessions)
    options = {"viewport": PHONE} if size == "phone" else {}
    page = visit("anna", path="/", color_scheme=scheme, **options)
    drawn(page)
    for summary in page.locator("#charts summary").all():
        summary.click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.goto("/today/figures")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
