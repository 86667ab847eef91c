"""An order's page: what comes first, the menu, who holds it, and its way by milestones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from pipeline.base.db import Sessions
from pipeline.orders.tables import Order, Status
from tests.browser.conftest import PHONE, Visit, violations
from tests.console.builders import (
    NOW,
    a_held_order,
    a_note,
    a_shipped_order,
    an_attempt,
    an_effect,
    an_item,
    an_order,
    store,
    store_with_keys,
)
from tests.console.test_order_page import notes

LONG = "A-SKU-WITHOUT-ANY-BLANK-THAT-GOES-ON-" + "0123456789" * 6


@pytest.mark.parametrize(
    ("order", "primary"),
    [
        (lambda: a_held_order(1), ["Retry"]),
        (lambda: an_order(1), ["Ship"]),
        (lambda: an_order(1, kept_back="anna"), ["Retry"]),
        (
            lambda: a_held_order(
                1, hold_code="totals_unclear", hold_facts={"amazon_tells": "no total"}
            ),
            ["Save it and retry the order"],
        ),
        (lambda: an_order(1, status=Status.DONE, dismissed_at=NOW), ["Resume"]),
        (lambda: a_shipped_order(1), []),
    ],
)
def test_one_act_comes_first_by_the_orders_state(
    visit: Visit, sessions: Sessions, order: Callable[[], Order], primary: list[str]
) -> None:
    (order_id,) = store(sessions, order())
    page = visit(path=f"/orders/{order_id}")
    expect(page.locator(".primary:visible")).to_have_text(primary)


def test_the_menu_works_by_keyboard_and_what_is_dangerous_comes_last(
    visit: Visit, sessions: Sessions
) -> None:
    (order_id,) = store_with_keys(sessions, a_held_order(1))
    page = visit(path=f"/orders/{order_id}")
    page.locator("#more > summary").focus()
    page.keyboard.press("Enter")
    offered = page.locator("#more > div > details > summary")
    expect(offered).to_have_text(
        ["Hold", "Run again from…", "Cancel the order at Amazon", "Ignore the order"]
    )
    expect(page.locator("#more .danger:visible")).to_have_text(
        ["Cancel the order at Amazon", "Ignore the order"]
    )
    page.keyboard.press("Tab")
    expect(page.locator("#act-hold > summary")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("the buyer wants another colour")
    assert violations(page) == []
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="The order is held before")).to_be_visible()
    assert notes(sessions) == [("otto", "held it")]


def test_an_order_is_held_by_a_person_and_retried(visit: Visit, sessions: Sessions) -> None:
    (order_id,) = store(sessions, an_order(1))
    page = visit(path=f"/orders/{order_id}")
    page.get_by_text("More", exact=True).click()
    page.get_by_text("Hold", exact=True).click()
    page.get_by_label("Why; it stands still").fill("asked the buyer")
    page.get_by_role("button", name="Hold it").click()
    expect(page.get_by_role("region", name="Who holds it")).to_contain_text("otto holds this order")
    expect(page.locator(".deed")).to_contain_text("otto held it")
    assert violations(page) == []
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("region", name="Who holds it")).to_have_count(0)
    expect(page.locator(".deed").first).to_contain_text("otto released")


def test_runs_and_writes_are_folded_under_their_milestones(
    visit: Visit, sessions: Sessions
) -> None:
    (order_id,) = store(sessions, a_shipped_order(3))
    with sessions() as session, session.begin():
        session.add_all(
            [
                an_attempt(order_id, 150, step="verify_order", outcome="done", detail=None),
                an_attempt(order_id, 141, step="create_order", outcome="done", request_id="req-7"),
                an_effect(order_id, 140),
                an_attempt(order_id, 51, step="ship_order", times=9),
                a_note(order_id, 120, "anna", "released"),
            ]
        )
    page = visit("vera", f"/orders/{order_id}")
    expect(page.locator(".milestones > li .what")).to_contain_text(
        [
            *("Confirmed to Amazon", "Shipped", "anna released"),
            *("In Magento", "Verified", "Imported", "Placed on Amazon"),
        ]
    )
    placed = page.locator(".in_magento")
    expect(placed).to_contain_text("after 10 min")
    expect(placed.get_by_text("req-7")).to_be_hidden()
    placed.locator("summary").click()
    expect(placed.get_by_text("req-7")).to_be_visible()
    expect(page.locator(".shipped summary")).to_have_text("9 runs")
    assert violations(page) == []


def test_what_is_typed_stays_while_the_page_is_fetched_anew(
    visit: Visit, sessions: Sessions
) -> None:
    (order_id,) = store(sessions, an_order(1))
    page = visit(path=f"/orders/{order_id}")
    page.clock.install()
    page.reload()
    page.locator("#act-ship > summary").click()
    page.get_by_label("Tracking number").fill("0034")
    page.get_by_label("Tracking number").blur()
    with sessions() as session, session.begin():
        session.get_one(Order, order_id).last_note = "waiting for the courier"
    page.clock.run_for(12_000)
    page.wait_for_timeout(200)
    expect(page.get_by_label("Tracking number")).to_have_value("0034")
    page.get_by_label("Tracking number").fill("")
    page.get_by_label("Tracking number").blur()
    page.clock.run_for(6_000)
    expect(page.get_by_text("waiting for the courier")).to_be_visible()
    expect(page.get_by_label("Tracking number")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_is_wider_than_the_window(visit: Visit, sessions: Sessions, width: int) -> None:
    items = [an_item(1), an_item(2, sku=LONG, title=LONG)]
    facts = {"skus": LONG}
    held = a_held_order(1, items=items, hold_facts=facts, hold_reason=f"{LONG} is not there")
    (order_id,) = store(sessions, held)
    page = visit(path=f"/orders/{order_id}", viewport={"width": width, "height": PHONE["height"]})
    page.locator("#more > summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto("/settings")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_number_is_copied(visit: Visit, sessions: Sessions) -> None:
    (order_id,) = store(sessions, a_held_order(1, due_at=NOW + timedelta(minutes=5)))
    page = visit(path=f"/orders/{order_id}", permissions=["clipboard-read", "clipboard-write"])
    copy = page.get_by_role("button", name="Copy the number")
    copy.click()
    expect(copy.locator("[role=status]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "303-0000000-0000001"
