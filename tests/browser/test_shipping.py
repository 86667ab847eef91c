"""Many orders shipped by a file, and one in several parcels."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.operations.acts.many_orders import BulkActs
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from tests.browser.conftest import PHONE, Visit, violations
from tests.builders import a_vault
from tests.buyers_orders import NAME, taken_in
from tests.console.builders import NOW, an_item, an_order, store
from tests.console.test_paper import READY

FIRST, SECOND = "303-0000000-0000001", "303-0000000-0000002"
FILE = (
    f"Order;Carrier;Tracking;Items\r\n{FIRST};dhl;A1;MUG-1=2\r\n{SECOND};dpd;B1;\r\n9-9;dhl;C1;\r\n"
)


def requested(sessions: Sessions) -> list[tuple[str, str]]:
    with sessions() as session:
        rows = session.scalars(select(RequestedShipmentRow).order_by(RequestedShipmentRow.id))
        return [(row.tracking_number, row.state) for row in rows]


def test_a_file_is_uploaded_shipped_and_taken_back(
    visit: Visit, sessions: Sessions, tmp_path: Path
) -> None:
    store(sessions, an_order(1), an_order(2))
    file = tmp_path / "shipments.csv"
    file.write_bytes(FILE.encode("cp1252"))
    page = visit(path="/ship")
    with page.expect_download() as download:
        page.get_by_role("link", name="Template").click()
    assert download.value.suggested_filename == "shipments.csv"
    page.get_by_label("Shipments as CSV").set_input_files(file)
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ship 2 parcels of 2 orders?")
    expect(page.get_by_role("table", name="Rows that are left out")).to_contain_text(
        "no order has this number"
    )
    assert violations(page) == []
    assert requested(sessions) == []
    page.get_by_role("button", name="Ship 2 parcels").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Ship 2 parcels")
    page.evaluate("window.notReloaded = true")
    assert BulkActs(sessions, a_vault()).go_on(NOW) == 2
    expect(page.locator(".bulk-bar")).to_contain_text("2 requested", timeout=15_000)
    assert page.evaluate("window.notReloaded")
    assert violations(page) == []
    assert requested(sessions) == [("A1", "open"), ("B1", "open")]
    page.get_by_role("button", name="Take back what has not gone out").click()
    expect(page.get_by_role("status").filter(has_text="2 parcels are taken back")).to_be_visible()
    assert requested(sessions) == [("A1", "ended"), ("B1", "ended")]


def test_an_order_is_shipped_in_two_parcels_on_a_phone(visit: Visit, sessions: Sessions) -> None:
    long = "MUG-" + "EXTRAORDINARILY-LONG-" * 4
    (order_id,) = store(sessions, an_order(1, items=[an_item(1), an_item(2, sku=long)]))
    page = visit(path=f"/orders/{order_id}/ship", viewport=PHONE)
    for n, carrier, number in ((1, "dhl", "A1"), (2, "dpd", "A2")):
        parcel = page.get_by_role("group", name=f"Parcel {n}")
        parcel.get_by_label("Carrier", exact=True).select_option(carrier)
        parcel.get_by_label("Tracking number").fill(number)
    page.get_by_label(f"Units of {long} in parcel 1").fill("0")
    page.get_by_label(f"Units of {long} in parcel 2").fill("2")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert violations(page) == []
    page.get_by_role("button", name="Ship these parcels").click()
    expect(page.get_by_text("The shipment is requested")).to_be_visible()
    assert requested(sessions) == [("A1", "open"), ("A2", "open")]


def test_a_pick_list_and_packing_slips_are_printed(visit: Visit, sessions: Sessions) -> None:
    order_id = taken_in(sessions, **READY, items=[an_item(1), an_item(2)])
    page = visit(path=f"/print?order={order_id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Print for 1 order")
    assert violations(page) == []
    page.get_by_role("link", name="Open the pick list").click()
    expect(page.get_by_role("table", name="Pick list")).to_contain_text("MUG-2")
    assert violations(page) == []
    assert NAME not in page.content()
    page.get_by_role("link", name="Back", exact=True).click()
    page.get_by_role("button", name="Open the packing slips").click()
    expect(page.get_by_role("article")).to_contain_text(NAME)
    assert violations(page) == []
    page.emulate_media(media="print")
    expect(page.get_by_role("article")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_hidden()
    expect(page.locator("header")).to_be_hidden()


def test_an_admin_adds_pauses_and_removes_an_endpoint(visit: Visit) -> None:
    page = visit("anna", "/webhooks")
    page.get_by_label("Name").fill("erp")
    page.get_by_label("URL").fill("http://127.0.0.1:1/hook")
    page.get_by_label("order.held").uncheck()
    page.get_by_role("button", name="Add the endpoint").click()
    expect(page.get_by_role("status").filter(has_text="whsec_")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("link", name="erp").click()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("alert")).to_contain_text("The endpoint did not take the test")
    expect(page.get_by_role("table", name="Deliveries")).to_contain_text("given up")
    assert violations(page) == []
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".page-head")).to_contain_text("paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".page-head")).to_contain_text("works")
    page.get_by_text("Remove this endpoint").click()
    page.get_by_role("button", name="Remove the endpoint").click()
    expect(page.get_by_text("No other system is told yet")).to_be_visible()
