"""A browser in Berlin that wants German: the pages in its zone and language, by itself."""

from __future__ import annotations

from datetime import UTC, datetime

from playwright.sync_api import expect

from pipeline.base.db import Sessions
from tests.browser.conftest import Visit, violations
from tests.console.builders import a_held_order, store
from tests.console.signing_in import PASSWORD

EVENING = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)


def test_the_browsers_zone_and_language_are_those_of_the_pages(
    visit: Visit, sessions: Sessions
) -> None:
    (order_id,) = store(sessions, a_held_order(1, ship_by_at=EVENING))
    page = visit(None, "/login", locale="de-DE", timezone_id="Europe/Berlin")
    assert violations(page) == []
    page.get_by_label("Name").fill("otto")
    page.get_by_label("Passwort").fill(PASSWORD)
    page.get_by_role("button", name="Anmelden").click()
    page.goto(f"/orders/{order_id}")
    expect(page.locator("footer")).to_contain_text("Europe/Berlin")
    shown = page.locator('time[datetime^="2026-03-10T23:30"]').first
    expect(shown).to_have_text("11.03.2026 00:30")
    expect(shown).to_have_attribute("title", "2026-03-10 23:30 UTC")


def test_a_person_chooses_another_language_and_zone(visit: Visit) -> None:
    page = visit("vera", "/account", locale="en-GB", timezone_id="UTC")
    page.get_by_label("Language").select_option("Deutsch")
    page.get_by_label("Time zone").select_option("Asia/Kolkata")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_have_text("Ihre Einstellungen sind gespeichert.")
    expect(page.locator("footer")).to_contain_text("Asia/Kolkata")
    expect(page.locator("main")).to_contain_text("10.03.2026 17:30")


def test_the_login_has_a_switch_of_language(visit: Visit) -> None:
    page = visit(None, "/login", locale="en-US")
    page.get_by_role("link", name="Deutsch").click()
    expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
