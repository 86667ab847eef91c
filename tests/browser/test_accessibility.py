"""axe-core finds nothing serious on any page, and none is wider than the window, in light and
dark, on a desktop and a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import ViewportSize

from pipeline.base.db import Sessions
from tests.browser.conftest import PHONE, Visit, violations
from tests.browser.pages import PAGES, store_for_pages

DESKTOP: ViewportSize = {"width": 1440, "height": 900}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_no_page_has_a_serious_violation(
    visit: Visit, sessions: Sessions, scheme: str, size: str
) -> None:
    ids = store_for_pages(sessions)
    window = PHONE if size == "phone" else DESKTOP
    page = visit("anna", color_scheme=scheme, viewport=window)
    found = {}
    for name, path in PAGES.items():
        page.goto(path.format(**ids))
        found[name] = violations(page)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > window["width"]:
            found[name].append(f"it is {width} wide")
    page.goto("/settings")
    page.locator("#try-unclear_totals").click()
    found["a setting tried"] = violations(page)
    assert {name: which for name, which in found.items() if which} == {}


def test_neither_have_the_empty_pages_nor_the_login(visit: Visit) -> None:
    page = visit(None, "/login")
    assert violations(page) == []
    page = visit("vera")
    for path in ("/", "/orders", "/held", "/ship-by", "/health", "/bulk", "/sku-map", "/settings"):
        page.goto(path)
        assert violations(page) == []


def test_axe_sees_what_is_wrong(visit: Visit) -> None:
    page = visit("vera")
    page.evaluate("document.querySelector('main').innerHTML = '<img src=\"/static/icon.svg\">'")
    assert [one.split(":")[0] for one in violations(page)] == ["image-alt"]
