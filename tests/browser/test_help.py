"""The manual, the way into it, the first run and its checks, as a person sees them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from pipeline.base.db import Sessions
from tests.browser.conftest import PHONE, Visit, violations
from tests.console.builders import a_held_order, store


def test_a_code_leads_to_its_words_and_back(visit: Visit, sessions: Sessions) -> None:
    store(sessions, a_held_order(1))
    page = visit(path="/held")
    page.get_by_role("link", name="Help: sku not found").click()
    expect(page).to_have_url(re.compile("/help/hold-codes#sku_not_found$"))
    heading = page.locator("h3#sku_not_found")
    expect(heading).to_be_in_viewport()
    assert heading.evaluate("one => getComputedStyle(one).backgroundColor") != "rgba(0, 0, 0, 0)"
    page.go_back()
    expect(page.get_by_role("heading", name="What holds orders")).to_be_visible()


def test_a_setting_leads_to_its_row(visit: Visit) -> None:
    page = visit(path="/settings")
    page.get_by_role("link", name="Help: unknown_sku").click()
    expect(page.locator('[id="accounts.NAME.settings.unknown_sku"]')).to_be_in_viewport()


def test_the_help_is_searched_and_read(visit: Visit) -> None:
    page = visit("vera")
    page.get_by_role("link", name="Help", exact=True).click()
    page.get_by_label("What are you looking for?").fill("restore backup")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    page.get_by_label("What are you looking for?").fill("backup")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Backup", exact=True).click()
    expect(page.get_by_role("heading", name="Backup", exact=True)).to_be_in_viewport()
    page.get_by_text("On this page").click()
    page.get_by_role("link", name="Logs", exact=True).click()
    expect(page).to_have_url(re.compile("#logs$"))


def test_an_admin_checks_the_connection(visit: Visit, sessions: Sessions) -> None:
    page = visit("anna")
    expect(page.get_by_role("heading", name="Getting started")).to_be_visible()
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_role("heading", name="1 of 3: installation")).to_be_visible()
    expect(page.locator("#checked")).to_contain_text("failed", timeout=60_000)
    expect(page.get_by_text("the broker does not answer")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("link", name="To the first page").click()
    store(sessions, a_held_order(1))
    # The list keeps itself up to date: the walk through goes with the first order.
    expect(page.get_by_role("heading", name="Getting started")).to_be_hidden(timeout=20_000)
    expect(page.get_by_role("heading", name="1 order needs you")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_no_page_has_a_serious_violation_or_is_too_wide(
    visit: Visit, scheme: str, size: str
) -> None:
    options = {"viewport": PHONE} if size == "phone" else {}
    page = visit("anna", color_scheme=scheme, **options)
    found: dict[str, object] = {"/orders": violations(page)}
    for path in ("/help", "/help?q=sku", "/help/connect-magento"):
        page.goto(path)
        found[path] = violations(page)
    for path in ("/help/hold-codes", "/help/settings", "/help/operations", "/help/cli-json"):
        page.goto(path)
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wider > 0:
            found[path] = f"{wider} px too wide"
    assert {path: what for path, what in found.items() if what} == {}
