"""An order shipped from its page: the form, who may use it, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.orders.requested_shipment import RequestState
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.tables import Note, Status
from tests.console.builders import NOW, a_held_order, a_shipped_order, an_order, store
from tests.console.conftest import SignedIn
from tests.console.reading import words_of

FORM = {"carrier": "dhl", "tracking": "0034", "title": ""}
SHIP, BACK = 'id="act-ship"', "Take the shipment back"


def a_requested_shipment(sessions: Sessions, order_id: int, **changes: Any) -> None:
    facts = {
        "order_id": order_id,
        "asked_at": NOW,
        "author": "anna",
        "carrier_code": "custom",
        "carrier_title": "Swift Post",
        "tracking_number": "S-1",
    }
    with sessions() as session, session.begin():
        session.add(RequestedShipmentRow(**{**facts, **changes}))


def requested(sessions: Sessions) -> list[tuple[str, str, str, str]]:
    with sessions() as session:
        rows = session.scalars(select(RequestedShipmentRow).order_by(RequestedShipmentRow.id))
        return [(one.carrier_code, one.tracking_number, one.author, one.state) for one in rows]


def notes(sessions: Sessions) -> list[tuple[str, str]]:
    with sessions() as session:
        return [
            (note.author, note.text) for note in session.scalars(select(Note).order_by(Note.id))
        ]


def test_an_operator_ships_an_order_and_takes_that_back(
    sessions: Sessions, operator: SignedIn
) -> None:
    (order_id,) = store(sessions, an_order(1))
    page = operator.get(f"/orders/{order_id}").text
    assert SHIP in page
    assert '<option value="royalmail" translate="no">Royal Mail</option>' in page
    assert '<option value="evri" translate="no">Hermes (evri)</option>' in page
    done = operator.post(f"/orders/{order_id}/ship", FORM)
    assert (done.status_code, done.headers["Location"]) == (303, f"/orders/{order_id}?said=ship")
    assert requested(sessions) == [("dhl", "0034", "otto", "open")]
    assert notes(sessions) == [("otto", "requested a shipment with DHL 0034")]
    page = operator.get(done.headers["Location"]).text
    assert "The shipment is requested. The order is retried now." in page
    assert "a shipment with DHL 0034: to be made requested by otto" in words_of(page)
    assert SHIP not in page
    assert "Ask Amazon to cancel it" not in page
    assert BACK in page
    done = operator.post(f"/orders/{order_id}/withdraw-shipment")
    assert done.status_code == 303
    assert requested(sessions) == [("dhl", "0034", "otto", "ended")]
    assert notes(sessions)[-1] == ("otto", "took back the shipment under 0034")
    page = operator.get(done.headers["Location"]).text
    assert "The shipment is taken back. The order is retried now." in page
    assert "not made taken back , requested by otto" in words_of(page)
    assert SHIP in page
    assert BACK not in page


def test_a_viewer_sees_it_and_cannot_do_it(sessions: Sessions, viewer: SignedIn) -> None:
    (order_id,) = store(sessions, an_order(1))
    a_requested_shipment(sessions, order_id)
    page = viewer.get(f"/orders/{order_id}").text
    assert "a shipment with custom S-1: to be made" in words_of(page)
    assert SHIP not in page
    assert BACK not in page
    for act in ("ship", "withdraw-shipment"):
        assert viewer.post(f"/orders/{order_id}/{act}", FORM).status_code == 403
    assert requested(sessions) == [("custom", "S-1", "anna", "open")]
    assert notes(sessions) == []


def test_a_refused_shipment_is_shown_with_its_form_filled_in(
    sessions: Sessions, operator: SignedIn
) -> None:
    held = {"status": Status.HELD, "hold_code": "shipment_refused", "hold_reason": "no stock"}
    (order_id, other) = store(sessions, an_order(1, **held), an_order(2, **held))
    a_requested_shipment(
        sessions, order_id, state=RequestState.REFUSED, why="no stock", carrier_title="Hermes"
    )
    a_requested_shipment(sessions, other, state=RequestState.REFUSED, carrier_title="sealed:AAAA")
    # What somebody typed as a title is for those who ask for the buyer's data.
    page = operator.get(f"/orders/{other}").text
    assert 'name="title" maxlength="100" autocomplete="off" value=""' in page
    assert "sealed:" not in page
    page = operator.get(f"/orders/{order_id}").text
    assert "S-1: refused no stock , requested by anna" in words_of(page)
    assert BACK in page
    assert '<option value="custom" selected>' in page
    assert 'name="title" maxlength="100" autocomplete="off" value="Hermes"' in page
    assert 'autocomplete="off" required value="S-1"' in page
    assert operator.post(f"/orders/{order_id}/ship", FORM).status_code == 303
    assert [one[3] for one in requested(sessions)] == ["ended", "refused", "open"]


def test_what_cannot_be_done_is_said_and_stays_in_the_form(
    sessions: Sessions, operator: SignedIn
) -> None:
    (order_id,) = store(sessions, an_order(1))
    reply = operator.post(f"/orders/{order_id}/ship", {"carrier": "custom", "tracking": "0034"})
    assert reply.status_code == 409
    assert "Nothing was changed: name the carrier in its title." in reply.text
    assert '<option value="custom" selected>' in reply.text
    assert 'required value="0034"' in reply.text
    assert (requested(sessions), notes(sessions)) == ([], [])


@pytest.mark.parametrize("order", [a_held_order, a_shipped_order])
def test_the_form_is_not_there_where_nothing_can_be_shipped(
    sessions: Sessions, operator: SignedIn, order: Any
) -> None:
    (order_id,) = store(sessions, order(1))
    page = operator.get(f"/orders/{order_id}").text
    assert SHIP not in page
    assert "Requested from Magento" not in page
    reply = operator.post(f"/orders/{order_id}/ship", FORM)
    assert reply.status_code == 409
    assert (requested(sessions), notes(sessions)) == ([], [])
