"""axe-core finds nothing serious on any page, in light and dark, on a desktop and a phone."""

from __future__ import annotations

import pytest

from pipeline.base.db import Sessions
from pipeline.operations.acts.many_orders import BulkActs
from pipeline.operations.acts.map_sku import SkuDecisions
from pipeline.operations.lists.filters import Filters
from pipeline.orders.tables import Status
from pipeline.settings.overrides import SettingOverride, save
from tests.browser.conftest import PHONE, Visit, violations
from tests.builders import a_vault, signed
from tests.console.builders import (
    NOW,
    a_held_order,
    a_note,
    a_pending_order,
    a_shipped_order,
    an_attempt,
    an_effect,
    an_order,
    store,
)
from tests.console.bulk import begin

PAGES = {
    "today": "/",
    "orders": "/orders",
    "orders, filtered": "/orders?status=held&all=1",
    "orders, filters that are wrong": "/orders?min=abc&from=never",
    "an order that is held": "/orders/{held}",
    "an order that was shipped": "/orders/{shipped}",
    "held by cause": "/held",
    "ship-by": "/ship-by",
    "health": "/health",
    "a question about many orders": "/bulk/new?act=dismiss&whole=1",
    "many orders, followed": "/bulk/{act}",
    "bulk jobs": "/bulk",
    "mine": "/mine",
    "activity": "/activity",
    "saved views": "/views",
    "columns": "/orders/columns",
    "ship by file": "/ship",
    "an order in parcels": "/orders/{held}/ship",
    "print": "/print?order={waiting}",
    "webhooks": "/webhooks",
    "SKU map": "/sku-map",
    "settings": "/settings",
    "people": "/people",
    "tokens": "/tokens",
    "security log": "/security-log",
    "a person": "/people/1",
    "account": "/account",
    "password": "/account/password",
    "second factor": "/account/second-factor",
    "my sign-ins": "/account/sign-ins",
    "nothing here": "/orders/999999",
}


def _stored(sessions: Sessions) -> dict[str, int]:
    held, shipped, waiting, _ = store(
        sessions, a_held_order(1), a_shipped_order(2), an_order(3), a_pending_order(4)
    )
    with sessions() as session, session.begin():
        session.add_all(
            [an_attempt(held, 5), an_effect(shipped, 4), a_note(held, 3, "otto", "asked the shop")]
        )
    act = begin(sessions, Filters(status=Status.HELD))
    BulkActs(sessions, a_vault()).go_on(NOW)
    SkuDecisions(sessions, ["eu"], "otto", NOW).sell_as("eu", "POT-1", "POT")
    save(
        sessions,
        SettingOverride("eu", None, "out_of_stock", "backorder"),
        why="as told",
        by=signed("otto", NOW),
    )
    return {"held": held, "shipped": shipped, "waiting": waiting, "act": act}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_no_page_has_a_serious_violation(
    visit: Visit, sessions: Sessions, scheme: str, size: str
) -> None:
    ids = _stored(sessions)
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
