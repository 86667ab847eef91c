"""axe-core finds nothing serious on any page, in light and dark, on a desktop and a phone."""

from __future__ import annotations

import pytest

from pipeline.base.db import Sessions
from tests.browser.conftest import PHONE, Visit, violations
from tests.browser.pages import PAGES, store_for_pages


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_no_page_has_a_serious_violation(
    visit: Visit, sessions: Sessions, scheme: str, size: str
) -> None:
    ids = store_for_pages(sessions)
    options = {"viewport": PHONE} if size == "phone" else {}
    page = visit("anna", color_scheme=scheme, **options)
    found = {}
    for name, path in PAGES.items():
        page.goto(path.format(**ids))
        found[name] = violations(page)
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
