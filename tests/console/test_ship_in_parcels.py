"""`/orders/ID/ship`: an order in several parcels."""

from __future__ import annotations

from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.orders.carrier_title import SEALED
from pipeline.orders.package_tables import Shipment, ShipmentItem
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from tests.builders import a_raw_item, a_raw_order, a_report, stored, title_of
from tests.console.builders import NOW, a_held_order, an_item, an_order, store
from tests.console.conftest import SignedIn
from tests.console.reading import words_of

FORM = {
    **{"parcels": "2", "carrier-1": "dhl", "tracking-1": "A1", "units-1-0": "1"},
    **{"carrier-2": "custom", "title-2": "Swift", "tracking-2": "A2"},
    **{"units-2-0": "1", "units-2-1": "2"},
}


def requested(sessions: Sessions) -> list[tuple[str, str, object]]:
    with sessions() as session:
        rows = session.scalars(select(RequestedShipmentRow).order_by(RequestedShipmentRow.id))
        return [(row.tracking_number, row.carrier_title, row.units) for row in rows]


def test_an_order_is_shipped_in_two_parcels(sessions: Sessions, operator: SignedIn) -> None:
    order = an_order(1, items=[an_item(1), an_item(2)])
    order.report = a_report(a_raw_order(order.external_id, orderItems=[a_raw_item()]))
    order_id = stored(sessions, order)
    page = operator.get(f"/orders/{order_id}").text
    assert f'href="/orders/{order_id}/ship">In several parcels</a>' in page
    page = operator.get(f"/orders/{order_id}/ship").text
    assert 'name="units-2-1"' in page
    done = operator.post(f"/orders/{order_id}/parcels", FORM)
    assert (done.status_code, done.headers["Location"]) == (303, f"/orders/{order_id}?said=ship")
    first, second = requested(sessions)
    assert first == ("A1", "DHL", {"item-1": 1})
    number, title, units = second
    assert (number, units) == ("A2", {"item-1": 1, "item-2": 2})
    assert title.startswith(SEALED)
    assert title_of(sessions, order_id, title) == "Swift"
    page = words_of(operator.get(done.headers["Location"]).text)
    assert "a shipment with custom A2: to be made 1 × MUG-1 , 2 × MUG-2 , requested by otto" in page
    assert "a shipment with DHL A1: to be made 1 × MUG-1 , requested by otto" in page
    page = operator.get(f"/orders/{order_id}/ship").text
    assert "A2 custom 1 × MUG-1, 2 × MUG-2 requested" in words_of(page)
    assert operator.post(f"/orders/{order_id}/withdraw-shipment").status_code == 303
    assert words_of(operator.get(f"/orders/{order_id}").text).count(": not made") == 2


def test_what_is_shipped_is_subtracted_and_mistakes_are_said(
    sessions: Sessions, operator: SignedIn
) -> None:
    shipped = Shipment(
        magento_shipment_id=7,
        package_reference="7",
        shipped_at=NOW,
        carrier_code="dhl",
        carrier_title="DHL",
        tracking_number="Z1",
        confirmation="queued",
        items=[ShipmentItem(magento_item_id=501, quantity=1)],
    )
    items = [an_item(1), an_item(2)]
    (order_id,) = store(sessions, an_order(1, items=items, shipments=[shipped]))
    page = operator.get(f"/orders/{order_id}/ship?parcels=3").text
    assert 'name="units-1-0" type="number" min="0" max="1"' in page
    assert 'name="units-3-0"' in page
    reply = operator.post(f"/orders/{order_id}/parcels", FORM)
    assert reply.status_code == 409
    assert "1 of MUG-1 are left to ship, not 2" in words_of(reply.text)
    assert 'value="A2"' in reply.text
    reply = operator.post(f"/orders/{order_id}/parcels", {**FORM, "units-1-0": "-1"})
    assert "“-1” is no number of units" in words_of(reply.text)
    reply = operator.post(f"/orders/{order_id}/parcels", {"parcels": "2"})
    assert "there is no parcel" in words_of(reply.text)
    assert requested(sessions) == []


def test_the_page_says_why_an_order_cannot_be_shipped(
    sessions: Sessions, operator: SignedIn
) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    page = operator.get(f"/orders/{order_id}/ship").text
    assert "cannot be shipped from here: it is not ready" in words_of(page)
    assert "units-1-0" not in page
    assert operator.get("/orders/999/ship").status_code == 404


def test_viewers_ship_nothing(sessions: Sessions, viewer: SignedIn) -> None:
    (order_id,) = store(sessions, an_order(1))
    assert viewer.get(f"/orders/{order_id}/ship").status_code == 403
    assert viewer.post(f"/orders/{order_id}/parcels", FORM).status_code == 403
    assert requested(sessions) == []
