"""A shipment that a person asks for: when it may be, what is written, and what ends it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.operations.acts.one_order import Decisions, NotPossible
from pipeline.operations.acts.ship import Parcel, ShipmentRequests, requested_of
from pipeline.orders.machine import Claim, Orders
from pipeline.orders.outcome import Cancelled, Done, Hold, HoldCode, Outcome, Skipped, Wait
from pipeline.orders.requested_shipment import RequestState, requested_shipment_key
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.tables import Effect, EffectState, Note, Order, OrderItem, Status
from tests.builders import (
    NOW,
    a_raw_order,
    a_shipment,
    a_vault,
    an_item,
    an_order,
    loaded,
    settings,
    stored,
    title_of,
)

LATER = timedelta(hours=1)


def waiting(sessions: Sessions, **changes: Any) -> int:
    """An order of two mugs that waits for the warehouse."""
    facts = {
        "step": "ship_order",
        "status": Status.WAITING,
        "due_at": NOW + LATER,
        "magento_order_id": 900,
        "magento_state": "processing",
        "items": [an_item(magento_item_id=501)],
        "raw": a_raw_order(),
    }
    return stored(sessions, an_order(**{**facts, **changes}))


def requests(sessions: Sessions) -> ShipmentRequests:
    return ShipmentRequests(sessions, a_vault(), "otto", NOW)


def asked(sessions: Sessions, **changes: Any) -> int:
    order_id = waiting(sessions, **changes)
    requests(sessions).ask(order_id, Parcel("dhl", "0034"))
    return order_id


def requested_shipment_of(sessions: Sessions, order_id: int) -> RequestedShipmentRow:
    return requested_of(sessions, order_id)[0]


def stands(sessions: Sessions, order_id: int) -> tuple[str, str, int | None]:
    requested = requested_shipment_of(sessions, order_id)
    return requested.state, requested.why, requested.magento_shipment_id


def notes(sessions: Sessions) -> list[tuple[str, str]]:
    with sessions() as session:
        return [
            (note.author, note.text) for note in session.scalars(select(Note).order_by(Note.id))
        ]


def sent(sessions: Sessions, order_id: int, state: EffectState) -> None:
    """A worker has begun the shipment."""
    order, requested = loaded(sessions, order_id), requested_shipment_of(sessions, order_id)
    key = requested_shipment_key(order.account, order.external_id, requested.id)
    with sessions() as session, session.begin():
        session.add(
            Effect(order_id=order_id, key=key, kind="shipment", state=state, intended_at=NOW)
        )


def refused(sessions: Sessions, order_id: int) -> None:
    """Magento has refused it."""
    sent(sessions, order_id, EffectState.REFUSED)
    with sessions() as session, session.begin():
        requested = session.scalars(select(RequestedShipmentRow)).one()
        requested.state, requested.why = RequestState.REFUSED, "no stock"


def machine(sessions: Sessions) -> Orders:
    return Orders(sessions, a_vault(), settings().timing)


def claim(sessions: Sessions, order_id: int, step: str = "ship_order") -> Claim:
    claimed = machine(sessions).claim(order_id, step, task_id="t", worker="w", now=NOW)
    assert claimed is not None
    return claimed


@pytest.mark.parametrize(
    ("carrier", "title", "number", "kept"),
    [
        ("dhl", "", " 0034 0434\n1 ", ("dhl", "DHL", "0034 0434 1", "DHL")),
        ("royalmail", "Swift", "RM1", ("royalmail", "Swift", "RM1", "Royal Mail")),
        ("custom", " Swift  Post ", "S-1", ("custom", "Swift Post", "S-1", "another carrier")),
    ],
)
def test_a_wish_is_written_noted_and_the_order_woken(
    sessions: Sessions, carrier: str, title: str, number: str, kept: tuple[str, str, str, str]
) -> None:
    order_id = waiting(sessions)
    requests(sessions).ask(order_id, Parcel(carrier, number, title))
    requested = requested_shipment_of(sessions, order_id)
    *asked_for, noted_as = kept
    assert [
        requested.carrier_code,
        title_of(sessions, order_id, requested.carrier_title),
        requested.tracking_number,
    ] == asked_for
    assert "Swift" not in requested.carrier_title
    assert (requested.author, requested.asked_at, requested.state) == ("otto", NOW, "open")
    assert notes(sessions) == [("otto", f"requested a shipment with {noted_as} {kept[2]}")]
    order = loaded(sessions, order_id)
    # A step that runs right now keeps its claim.
    assert (order.due_at, order.news, order.version) == (NOW, 1, 1)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": Status.DONE}, "it is done here"),
        ({"fulfilled_by": "FBA"}, "Amazon fulfils it"),
        ({"programs": ["AMAZON_EASY_SHIP"]}, "Amazon's carrier collects it"),
        ({"remote_status": "SHIPPED"}, "it is SHIPPED on Amazon"),
        ({"remote_status": "CANCELLED"}, "it is CANCELLED on Amazon"),
        (
            {"step": "create_order"},
            "it is not ready to be shipped in Magento: its step is create_order",
        ),
        (
            {"magento_order_id": None},
            "it is not ready to be shipped in Magento: its step is ship_order",
        ),
        ({"magento_state": "canceled"}, "its Magento order is canceled"),
        ({"magento_state": "holded"}, "its Magento order is holded"),
        ({"cancellation": "asked"}, "Amazon is being asked to cancel it"),
        ({"shipments": [{}]}, "all of it is shipped in Magento already"),
        ({"shipments": [{"items": {501: 1}}]}, "a package of it has that tracking number already"),
    ],
)
def test_what_cannot_be_shipped_from_here_is_said_and_changes_nothing(
    sessions: Sessions, changes: dict[str, Any], why: str
) -> None:
    shipments = [
        a_shipment(tracking_number="00 34", **columns) for columns in changes.get("shipments", ())
    ]
    order_id = waiting(sessions, **{**changes, "shipments": shipments})
    with pytest.raises(NotPossible) as said:
        requests(sessions).ask(order_id, Parcel("dhl", "0034"))
    assert str(said.value) == why
    assert requested_of(sessions, order_id) == []
    assert (notes(sessions), loaded(sessions, order_id).news) == ([], 0)


@pytest.mark.parametrize(
    ("carrier", "number", "title", "why"),
    [
        ("pigeon", "1", "", 'there is no carrier "pigeon": give custom, and a title'),
        ("custom", "1", "  ", "name the carrier in its title"),
        ("dhl", " \n", "", "give a tracking number"),
        ("dhl", "1" * 101, "", "the tracking number has 100 characters at most"),
        ("dhl", "1\x1b[2J", "", "the tracking number has 100 characters at most"),
        ("custom", "1", "x" * 101, "the carrier's title has 100 characters at most"),
    ],
)
def test_carrier_and_number_are_checked(
    sessions: Sessions, carrier: str, number: str, title: str, why: str
) -> None:
    order_id = waiting(sessions)
    with pytest.raises(NotPossible) as said:
        requests(sessions).ask(order_id, Parcel(carrier, number, title))
    assert str(said.value).startswith(why)
    assert requested_of(sessions, order_id) == []


def test_the_rest_of_a_partly_shipped_order_can_be_shipped(sessions: Sessions) -> None:
    package = a_shipment(items={501: 1})
    order_id = asked(sessions, step="sync_tracking", shipments=[package])
    assert stands(sessions, order_id) == ("open", "", None)


def test_nothing_is_asked_twice(sessions: Sessions) -> None:
    order_id = asked(sessions)
    with pytest.raises(NotPossible, match="has been requested already"):
        requests(sessions).ask(order_id, Parcel("ups", "1Z"))
    assert len(notes(sessions)) == 1


def test_a_shipment_is_taken_back_and_asked_for_again(sessions: Sessions) -> None:
    order_id = asked(sessions)
    requests(sessions).withdraw(order_id)
    assert stands(sessions, order_id) == ("ended", "taken back", None)
    assert notes(sessions)[-1] == ("otto", "took back the shipment under 0034")
    assert loaded(sessions, order_id).news == 2
    with pytest.raises(NotPossible, match="no shipment that could be taken back"):
        requests(sessions).withdraw(order_id)
    requests(sessions).ask(order_id, Parcel("ups", "1Z"))
    assert stands(sessions, order_id) == ("open", "", None)


@pytest.mark.parametrize("state", [EffectState.INTENDED, EffectState.UNKNOWN, EffectState.DONE])
def test_what_was_sent_cannot_be_taken_back(sessions: Sessions, state: EffectState) -> None:
    order_id = asked(sessions)
    sent(sessions, order_id, state)
    with pytest.raises(NotPossible, match="has been sent to Magento already"):
        requests(sessions).withdraw(order_id)
    assert stands(sessions, order_id) == ("open", "", None)


def test_what_a_step_has_in_hand_cannot_be_taken_back(sessions: Sessions) -> None:
    order_id = asked(sessions)
    claim(sessions, order_id)
    with pytest.raises(NotPossible, match="a step is running right now"):
        requests(sessions).withdraw(order_id)
    assert stands(sessions, order_id) == ("open", "", None)


def test_a_refused_shipment_is_taken_back_or_replaced_by_another(sessions: Sessions) -> None:
    order_id = asked(sessions)
    refused(sessions, order_id)
    requests(sessions).ask(order_id, Parcel("ups", "1Z"))
    assert stands(sessions, order_id) == ("open", "", None)
    with sessions() as session:
        rows = session.scalars(select(RequestedShipmentRow).order_by(RequestedShipmentRow.id)).all()
        assert [(one.state, one.why) for one in rows] == [
            ("ended", "requested again"),
            ("open", ""),
        ]
    requests(sessions).withdraw(order_id)
    assert stands(sessions, order_id) == ("ended", "taken back", None)


def test_an_order_that_is_to_be_shipped_is_not_cancelled(sessions: Sessions) -> None:
    order_id = asked(sessions)
    with pytest.raises(NotPossible, match="its shipment has been requested"):
        Decisions(sessions, a_vault(), "otto", NOW).cancel(order_id, "NoInventory")
    assert loaded(sessions, order_id).cancellation is None


def test_a_step_has_the_wish_in_hand_and_what_it_makes_of_it_is_kept(sessions: Sessions) -> None:
    order_id = asked(sessions)
    held = claim(sessions, order_id)
    (requested,) = held.order.requested_shipments
    assert (requested.carrier_code, requested.tracking_number) == ("dhl", "0034")
    requested.state, requested.magento_shipment_id = RequestState.DONE, 71
    assert machine(sessions).record(held, Wait("shipped", LATER), now=NOW)
    assert stands(sessions, order_id) == ("done", "", 71)
    with sessions() as session, session.begin():
        session.get_one(Order, order_id).due_at = NOW
    assert claim(sessions, order_id).order.requested_shipments == []


def test_what_an_outdated_worker_makes_of_it_is_not_kept(sessions: Sessions) -> None:
    order_id = asked(sessions)
    held = claim(sessions, order_id)
    with sessions() as session, session.begin():
        session.get_one(Order, order_id).last_note = "another worker was here"
    (requested,) = held.order.requested_shipments
    requested.state = RequestState.DONE
    assert not machine(sessions).record(held, Wait("shipped", LATER), now=NOW)
    assert stands(sessions, order_id) == ("open", "", None)


@pytest.mark.parametrize(
    ("outcome", "ends"),
    [
        (Done(), ("ended", "the order has ended", None)),
        (Skipped("nothing of ours"), ("ended", "nothing of ours", None)),
        (Cancelled("cancelled on Amazon"), ("ended", "cancelled on Amazon", None)),
        (Wait("units left to ship: 2", LATER), ("open", "", None)),
        (Hold(HoldCode.CARRIER_UNMAPPED, "no such carrier"), ("open", "", None)),
    ],
)
def test_an_order_that_ends_keeps_no_wish_open(
    sessions: Sessions, outcome: Outcome, ends: tuple[str, str, int | None]
) -> None:
    order_id = asked(sessions, step="sync_tracking")
    held = claim(sessions, order_id, "sync_tracking")
    assert machine(sessions).record(held, outcome, now=NOW)
    assert stands(sessions, order_id) == ends


def test_a_dismissed_order_keeps_no_wish_open(sessions: Sessions) -> None:
    order_id = asked(sessions)
    Decisions(sessions, a_vault(), "otto", NOW).dismiss(order_id, "packed by hand")
    assert stands(sessions, order_id) == ("ended", "dismissed it", None)


def two_lines() -> list[OrderItem]:
    return [
        an_item(magento_item_id=501),
        an_item(magento_item_id=502, external_item_id="I2", sku="CUP", quantity=1),
    ]


def all_requests(sessions: Sessions) -> list[tuple[str, str, Any]]:
    with sessions() as session:
        rows = session.scalars(select(RequestedShipmentRow).order_by(RequestedShipmentRow.id))
        return [(row.tracking_number, row.state, row.units) for row in rows]


def test_several_parcels_are_one_wish(sessions: Sessions) -> None:
    order_id = waiting(sessions, items=two_lines())
    parcels = Parcel("dhl", "A1", units={"I1": 1}), Parcel("ups", "B1", units={"I1": 1, "I2": 1})
    requests(sessions).ask(order_id, *parcels)
    assert all_requests(sessions) == [
        ("A1", "open", {"I1": 1}),
        ("B1", "open", {"I1": 1, "I2": 1}),
    ]
    assert notes(sessions) == [("otto", "requested 2 shipments with DHL A1, UPS B1")]
    assert loaded(sessions, order_id).news == 1
    with pytest.raises(NotPossible, match="has been requested already"):
        requests(sessions).ask(order_id, Parcel("dhl", "C1", units={"I1": 1}))
    requests(sessions).withdraw(order_id)
    assert [state for _, state, _ in all_requests(sessions)] == ["ended", "ended"]
    assert notes(sessions)[-1] == ("otto", "took back the shipment under A1, B1")


@pytest.mark.parametrize(
    ("parcels", "why"),
    [
        ([], "there is no parcel"),
        ([Parcel("dhl", "A1"), Parcel("dhl", "A2")], "give the units of each"),
        ([Parcel("dhl", "A1", units={})], "the parcel A1 is empty"),
        ([Parcel("dhl", "A1", units={"I1": 0})], "the parcel A1 is empty"),
        ([Parcel("dhl", "A1", units={"I1": 3})], "2 of MUG-BLUE are left to ship, not 3"),
        ([Parcel("dhl", "A1", units={"I9": 1})], "0 of I9 are left to ship, not 1"),
        (
            [Parcel("dhl", "A1", units={"I1": 1}), Parcel("ups", "a 1", units={"I1": 1})],
            "a package of it has that tracking number already",
        ),
        (
            [Parcel("dhl", "A1", units={"I1": 2}), Parcel("dhl", "A2", units={"I1": 1})],
            "2 of MUG-BLUE are left to ship, not 3",
        ),
        (
            [Parcel("dhl", f"A{n}", units={"I1": 1}) for n in range(21)],
            "an order has 20 parcels at a time at most",
        ),
    ],
)
def test_parcels_are_checked_together(sessions: Sessions, parcels: list[Parcel], why: str) -> None:
    order_id = waiting(sessions, items=two_lines())
    with pytest.raises(NotPossible, match=why):
        requests(sessions).ask(order_id, *parcels)
    assert all_requests(sessions) == []
    assert notes(sessions) == []


def test_what_is_shipped_already_is_subtracted(sessions: Sessions) -> None:
    order_id = waiting(sessions, items=two_lines(), shipments=[a_shipment(items={501: 1})])
    with pytest.raises(NotPossible, match="1 of MUG-BLUE are left to ship, not 2"):
        requests(sessions).ask(order_id, Parcel("dhl", "A1", units={"I1": 2}))
    requests(sessions).ask(order_id, Parcel("dhl", "A1", units={"I1": 1}))
    assert all_requests(sessions) == [("A1", "open", {"I1": 1})]


def test_a_parcel_that_went_out_stays_when_the_rest_is_taken_back(sessions: Sessions) -> None:
    order_id = waiting(sessions, items=two_lines())
    requests(sessions).ask(
        order_id, Parcel("dhl", "A1", units={"I1": 2}), Parcel("dhl", "A2", units={"I2": 1})
    )
    with sessions() as session:
        first = session.scalars(select(RequestedShipmentRow.id)).first()
    assert first is not None
    order = loaded(sessions, order_id)
    key = requested_shipment_key(order.account, order.external_id, first)
    with sessions() as session, session.begin():
        session.add(
            Effect(order_id=order_id, key=key, kind="shipment", state="unknown", intended_at=NOW)
        )
    requests(sessions).withdraw(order_id)
    assert [state for _, state, _ in all_requests(sessions)] == ["open", "ended"]
    assert notes(sessions)[-1] == ("otto", "took back the shipment under A2")
