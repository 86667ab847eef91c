"""The Orders tab as a person uses it."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from pipeline.base.db import Sessions
from pipeline.orders.tables import Order
from tests.browser.conftest import PHONE, Visit
from tests.console.builders import (
    NOW,
    a_held_order,
    a_pending_order,
    a_shipped_order,
    an_item,
    an_order,
    store,
)


def numbers(page: Page) -> list[str]:
    """The last digits of Amazon's number of each order that is shown."""
    cells = page.locator("table.orders tbody a[id^=order-]").all_inner_texts()
    return [cell.strip()[-2:] for cell in cells]


def test_filters_combine_and_the_address_is_the_view(visit: Visit, sessions: Sessions) -> None:
    store(
        sessions,
        an_order(1, grand_total=Decimal("12.34")),
        an_order(2, grand_total=Decimal("12.35")),
        a_held_order(3, grand_total=Decimal("12.34")),
        a_pending_order(4),
    )
    page = visit()
    assert numbers(page) == ["01", "02", "03"]
    page.locator("#filters summary").click()
    page.get_by_label("Status", exact=True).select_option("waiting")
    page.get_by_label("Currency").fill("EUR")
    page.get_by_label("Total to").fill("12.34")
    page.get_by_role("button", name="Show", exact=True).click()
    assert numbers(page) == ["01"]
    assert "status=waiting" in page.url
    assert "max=12.34" in page.url
    saved = page.url
    page.locator("#clear").click()
    expect(page.locator("table.orders tbody tr")).to_have_count(3)
    page.goto(saved)
    assert numbers(page) == ["01"]
    page.locator("#filters summary").click()
    assert page.get_by_label("Total to").input_value() == "12.34"


def test_pending_orders_are_shown_on_request(visit: Visit, sessions: Sessions) -> None:
    store(sessions, an_order(1), a_pending_order(2))
    page = visit()
    assert numbers(page) == ["01"]
    page.get_by_role("link", name="Show 1 pending order").click()
    expect(page.locator("table.orders tbody tr")).to_have_count(2)


def test_it_sorts_the_whole_set_and_pages_through_it(visit: Visit, sessions: Sessions) -> None:
    count = 75
    store(sessions, *(an_order(n, grand_total=Decimal(n)) for n in range(1, count + 1)))
    page = visit()
    page.locator("#sort-total").click()
    assert numbers(page)[:2] == ["75", "74"]
    seen = numbers(page)
    while (following := page.locator("#next")).count():
        following.click()
        page.wait_for_load_state()
        seen += numbers(page)
    assert seen == [f"{n:02}" for n in range(count, 0, -1)]
    page.locator("#first").click()
    assert numbers(page)[0] == "75"


def test_the_csv_is_exactly_what_is_filtered(
    visit: Visit, sessions: Sessions, tmp_path: Path
) -> None:
    store(sessions, an_order(1), an_order(2), a_held_order(3))
    page = visit(path="/orders?status=waiting")
    page.get_by_text("Export").click()
    with page.expect_download() as download:
        page.locator("#csv").click()
    download.value.save_as(tmp_path / "orders.csv")
    text = (tmp_path / "orders.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.reader(text.splitlines()))
    assert len(rows) == 3
    assert {cell[-2:] for row in rows[1:] for cell in row if cell.startswith("303-")} == {
        "01",
        "02",
    }


def test_a_change_appears_without_reload(visit: Visit, sessions: Sessions) -> None:
    (order_id,) = store(sessions, an_order(1))
    page = visit()
    page.evaluate("window.notReloaded = true")
    with sessions() as session, session.begin():
        session.execute(
            update(Order).where(Order.id == order_id).values(last_note="the parcel has left")
        )
    expect(page.get_by_text("the parcel has left")).to_be_visible(timeout=15_000)
    assert page.evaluate("window.notReloaded")


def test_it_says_what_is_wrong_and_what_is_empty(visit: Visit, sessions: Sessions) -> None:
    page = visit()
    expect(page.locator(".empty")).to_contain_text("No orders yet")
    store(sessions, an_order(1))
    page.goto("/orders?number=999-9999999-9999999")
    expect(page.locator(".empty")).to_contain_text("No order matches the filters")
    page.goto("/orders?min=abc")
    expect(page.locator("#min-mistake")).to_be_visible()
    assert page.get_by_label("Total from").input_value() == "abc"


@pytest.mark.parametrize("width", [PHONE["width"], 1440])
def test_no_page_is_wider_than_the_window(visit: Visit, sessions: Sessions, width: int) -> None:
    long = [an_item(sku="SKU-" + "X" * 116)]
    held, _ = store(
        sessions,
        a_held_order(
            1, items=long, hold_facts={"skus": long[0].sku}, hold_reason=f"{long[0].sku} !"
        ),
        a_shipped_order(2, ship_by_at=NOW),
    )
    page = visit(viewport={"width": width, "height": 844})
    for path in ("/orders", "/held", "/ship-by", "/sku-map", f"/orders/{held}", "/orders?min=x"):
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        cut = "(all) => all.filter((one) => one.scrollWidth > one.clientWidth).length"
        assert page.locator(".wide").evaluate_all(cut) == 0, path


def test_the_first_order_is_above_the_fold_of_a_phone(visit: Visit, sessions: Sessions) -> None:
    store(sessions, an_order(1), a_held_order(2))
    page = visit("anna", path="/orders?status=held", viewport=PHONE)
    assert numbers(page) == ["02"]
    row = page.locator("table.orders tbody tr").first.bounding_box()
    assert row is not None
    assert row["y"] + row["height"] <= PHONE["height"]


def test_a_row_has_two_lines_and_says_all_of_a_long_reason(
    visit: Visit, sessions: Sessions
) -> None:
    why = "the lines and adjustments differ from the total by a cent, " * 4
    store(sessions, a_held_order(1, hold_reason=why), an_order(2))
    page = visit(path="/orders")
    heights = [row.bounding_box() for row in page.locator("table.orders tbody tr").all()]
    assert all(row is not None and row["height"] < 70 for row in heights)
    assert page.locator("table.orders .is-note span").first.get_attribute("title") == why


def test_each_chosen_filter_is_a_chip_that_takes_it_away(visit: Visit, sessions: Sessions) -> None:
    store(sessions, an_order(1), an_order(2, fulfilled_by="FBA"))
    page = visit(path="/orders?status=waiting&sku=mug-1&channel=FBA&sort=ship_by")
    expect(page.locator(".chips .chip")).to_have_text(
        ["SKU mug-1", "Channel FBA", "Sorted by ship-by, next first"]
    )
    page.locator("#without-channel").click()
    expect(page.locator("table.orders tbody tr")).to_have_count(2)
    assert page.url.endswith("/orders?status=waiting&sku=mug-1&sort=ship_by")


@pytest.mark.parametrize("script", [True, False])
def test_the_bar_of_acts_appears_when_something_is_ticked(
    visit: Visit, sessions: Sessions, script: bool
) -> None:
    held, _ = store(sessions, a_held_order(1), an_order(2))
    page = visit(path="/orders", java_script_enabled=script)
    expect(page.locator("#release-many")).to_be_hidden()
    page.locator(f"#pick-{held}").check()
    page.locator("#release-many").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Retry 1 order now?")


def test_the_keyboard_alone_opens_an_order(visit: Visit, sessions: Sessions) -> None:
    (order_id,) = store(sessions, an_order(1))
    page = visit()
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == f"order-{order_id}":
            break
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/orders/{order_id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("303-0000000-0000001")


def test_the_first_order_is_within_ten_tabs(visit: Visit, sessions: Sessions) -> None:
    store(sessions, an_order(1), an_order(2))
    page = visit()
    pressed = 0
    for key in ("Tab", "Tab", "Enter", "Tab", "Tab"):
        page.keyboard.press(key)
        pressed += 1
        if page.evaluate("document.activeElement.id").startswith("order-"):
            break
    assert page.evaluate("document.activeElement.id").startswith("order-")
    assert pressed <= 10


def test_the_way_back_from_an_order_keeps_the_list_as_it_was(
    visit: Visit, sessions: Sessions
) -> None:
    store(sessions, an_order(1), a_held_order(2))
    page = visit(path="/orders?status=held&sort=ship_by")
    page.locator("a[id^=order-]").click()
    page.get_by_role("button", name="Retry", exact=True).click()
    expect(page.get_by_text("The order is retried now.")).to_be_visible()
    page.locator("#back").click()
    expect(page.locator("table.orders tbody tr")).to_have_count(1)
    assert page.url.endswith("/orders?status=held&sort=ship_by")


def test_one_box_finds_an_order_by_any_of_its_numbers(visit: Visit, sessions: Sessions) -> None:
    store(sessions, a_shipped_order(18), an_order(2), an_order(3))
    page = visit()
    for typed in ("0000018", "18", "94015902", "mug-1", "303-0000000-0000002, 000000003"):
        page.get_by_label("Search", exact=True).fill(typed)
        page.get_by_role("button", name="Search", exact=True).click()
        expected = {"mug-1": ["02", "03", "18"], "303-0000000-0000002, 000000003": ["02", "03"]}
        assert numbers(page) == expected.get(typed, ["18"])
