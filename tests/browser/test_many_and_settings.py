"""Bulk jobs, SKUs mapped, orders shipped, settings turned."""

from __future__ import annotations

from datetime import timedelta

from playwright.sync_api import expect
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.operations.acts.many_orders import BulkActs
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.tables import Order, Status
from pipeline.products.tables import MappedSku
from pipeline.settings.tables import SettingOverrideRow
from tests.browser.conftest import Visit, violations
from tests.builders import a_vault
from tests.console.builders import NOW, a_held_order, an_order, store

LATER = NOW + timedelta(minutes=15)


def test_ticked_orders_are_dismissed_for_a_reason_and_followed(
    visit: Visit, sessions: Sessions
) -> None:
    store(sessions, *(a_held_order(n, due_at=LATER) for n in (1, 2, 3)))
    page = visit()
    for number in ("0000001", "0000002"):
        page.get_by_label(f"Choose 303-0000000-{number}").check()
    expect(page.locator("#picked")).to_have_text("2 ticked")
    page.locator("#bulk").get_by_role("button", name="Ignore").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ignore 2 orders?")
    expect(page.locator("main")).to_contain_text("83.94 EUR")
    page.get_by_role("button", name="Ignore 2 orders").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ignore 2 orders?")  # says why
    page.locator("#why").fill("placed by hand")
    page.get_by_role("button", name="Ignore 2 orders").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Ignore: 2 orders")
    page.evaluate("window.notReloaded = true")
    assert BulkActs(sessions, a_vault()).go_on(NOW) == 2
    expect(page.locator(".bulk-bar")).to_contain_text("2 done, 0 passed over", timeout=15_000)
    assert page.evaluate("window.notReloaded")
    with sessions() as session:
        statuses = session.scalars(select(Order.status).order_by(Order.external_id)).all()
    assert statuses == [Status.DONE, Status.DONE, Status.HELD]


def test_all_of_a_filter_are_looked_at_until_somebody_stops_it(
    visit: Visit, sessions: Sessions
) -> None:
    count = 120
    store(sessions, *(a_held_order(n, due_at=LATER) for n in range(1, count + 1)))
    page = visit(path="/orders?status=held")
    page.get_by_label("All on this page").check()
    page.get_by_label(f"All {count} of this list").check()
    page.locator("#bulk").get_by_role("button", name="Retry").click()
    page.get_by_role("button", name=f"Retry {count} orders now").click()
    assert BulkActs(sessions, a_vault()).go_on(NOW) == 100  # twenty seconds ahead, five a second
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".bulk-bar")).to_contain_text("100 done, 0 passed over, 20 left")
    expect(page.get_by_text("Stopped by otto")).to_be_visible()
    assert BulkActs(sessions, a_vault()).go_on(NOW + timedelta(minutes=1)) == 0
    page.locator("#all-acts").click()
    expect(page.locator("tbody tr")).to_contain_text("stopped by otto")


def test_one_fix_frees_all_orders_of_a_sku(visit: Visit, sessions: Sessions) -> None:
    store(sessions, *(a_held_order(n, due_at=LATER) for n in (1, 2, 3)))
    page = visit(path="/held")
    row = page.locator("#live tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("125.91 EUR")
    row.get_by_text("Sell it as another product").click()
    row.get_by_label("Magento SKU").fill("CUP-1")
    row.get_by_role("button", name="Map it for all its orders").click()
    expect(
        page.get_by_role("status").filter(has_text="3 orders that waited for it")
    ).to_be_visible()
    with sessions() as session:
        (mapped,) = session.scalars(select(MappedSku)).all()
        due = session.scalars(select(Order.due_at)).all()
    assert (mapped.amazon_sku, mapped.magento_sku, mapped.set_by) == ("MUG-1", "CUP-1", "otto")
    assert [at for at in due if at is None or at > NOW + timedelta(seconds=1)] == []
    page.get_by_role("link", name="SKU map").click()
    page.get_by_role("button", name="Take back that MUG-1 is mapped").click()
    expect(page.get_by_text("No such SKU is mapped by hand")).to_be_visible()


def test_an_order_is_shipped_from_its_page(visit: Visit, sessions: Sessions) -> None:
    (order_id,) = store(sessions, an_order(1))
    page = visit(path=f"/orders/{order_id}")
    page.locator("#act-ship > summary").click()
    page.get_by_label("Carrier", exact=True).select_option("dhl")
    page.get_by_label("Tracking number").fill("00340434161094042557")
    page.get_by_role("button", name="Ship it in Magento").click()
    expect(page.get_by_text("The shipment is requested")).to_be_visible()
    with sessions() as session:
        (requested,) = session.scalars(select(RequestedShipmentRow)).all()
    assert (requested.carrier_code, requested.tracking_number) == ("dhl", "00340434161094042557")
    page.get_by_role("button", name="Take the shipment back").click()
    page.locator("#act-ship > summary").click()
    expect(page.get_by_label("Tracking number")).to_be_visible()


def test_a_setting_is_tried_on_past_orders_then_turned_and_undone(
    visit: Visit, sessions: Sessions
) -> None:
    store(
        sessions,
        a_held_order(1, hold_code="out_of_stock", hold_facts={"skus": "MUG-1"}),
        an_order(2),
    )
    page = visit(path="/settings")
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
    page.get_by_role("button", name="Try “Place it all the same”").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Goods that are out of stock: Hold until in stock → Place it all the same"
    )
    expect(page.locator("main")).to_contain_text("out_of_stock: block → backorder")
    expect(page.locator("tbody tr").first).to_contain_text("41.97 EUR")
    page.get_by_label("Why").fill("the supplier delivers")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="is changed: it applies")).to_be_visible()
    expect(page.locator("#setting-out_of_stock").get_by_text("by otto")).to_be_visible()
    page.get_by_role("button", name="As before").click()
    page.get_by_label("Why").fill("all sold")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("tr").filter(has_text="all sold")).to_be_visible()
    with sessions() as session:
        rows = session.scalars(select(SettingOverrideRow).order_by(SettingOverrideRow.id)).all()
    assert [(row.author, row.value, row.why) for row in rows] == [
        ("otto", "backorder", "the supplier delivers"),
        ("otto", None, "all sold"),
    ]


def test_a_switch_is_turned_by_the_keyboard_marked_and_undone(
    visit: Visit, sessions: Sessions
) -> None:
    page = visit(path="/settings")
    switch = page.get_by_role("switch", name="Confirm without tracking number")
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Confirm without tracking number: off → on"
    )
    page.get_by_label("Why").fill("the carrier gives none")
    page.get_by_role("button", name="Save").click()
    row = page.locator("#setting-confirm_without_tracking")
    expect(row).to_have_class("changed")
    expect(row).to_contain_text("changed here")
    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    assert violations(page) == []
    row.get_by_role("button", name="Undo").click()
    expect(page.locator("main")).to_contain_text("It would be as in the file again.")
    page.get_by_label("Why").fill("it does now")
    page.get_by_role("button", name="Save").click()
    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    expect(row).not_to_have_class("changed")
    with sessions() as session:
        rows = session.scalars(select(SettingOverrideRow).order_by(SettingOverrideRow.id)).all()
    assert [(one.value, one.why) for one in rows] == [
        (True, "the carrier gives none"),
        (None, "it does now"),
    ]


def test_viewers_see_the_settings_and_turn_none(visit: Visit) -> None:
    page = visit("vera", "/settings")
    expect(page.locator("#setting-out_of_stock")).to_be_visible()
    for path in ("/settings", "/sku-map", "/bulk"):
        page.goto(path)
        assert page.locator("main form[method=post]").count() == 0
