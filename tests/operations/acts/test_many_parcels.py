"""A file's parcels as a bulk act: requested in turn, followed row by row, taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from pipeline.base.db import Sessions
from pipeline.base.vault import Vault
from pipeline.operations.acts.many_orders import BulkActs
from pipeline.operations.acts.many_parcels import TakenBack, begin_shipping, take_parcels_back
from pipeline.operations.acts.one_order import NotPossible
from pipeline.operations.acts.ship import Parcel, ShipmentRequests
from pipeline.operations.acts.shipping_check import check_rows
from pipeline.operations.acts.shipping_file import read_file
from pipeline.operations.acts.tables import BulkAct, BulkParcel
from pipeline.operations.lists.parcels import RowState, parcels_of
from pipeline.orders.package_tables import Shipment
from pipeline.orders.requested_shipment import RequestState, requested_shipment_key
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.tables import Effect, Note, Order, OrderPrivate, Status
from tests.builders import NOW, a_raw_order, a_shipment, a_vault, loaded, stored
from tests.operations.acts.test_shipping_check import HEAD, waiting

FILE = HEAD + "028-1,dhl,A1,MUG-BLUE=3\n028-1,custom: Swift Post,A2,CUP=1\n028-2,ups,B1,\n"


def begun(sessions: Sessions, text: str = FILE, vault: Vault | None = None) -> int:
    rows = check_rows(sessions, read_file(text.encode()))
    return begin_shipping(sessions, vault or a_vault(), rows, author="otto", now=NOW, token="t")


def two_orders(sessions: Sessions) -> tuple[int, int]:
    soon = NOW + timedelta(hours=1)
    first = stored(sessions, waiting("028-1", due_at=soon, raw=a_raw_order()))
    later = NOW + timedelta(hours=1)
    return first, stored(sessions, waiting("028-2", magento_increment_id="2", due_at=later))


def states(sessions: Sessions, act_id: int) -> list[tuple[int, RowState, str]]:
    with sessions() as session:
        act = session.get_one(BulkAct, act_id)
    return [(row.line, row.state, row.why) for row in parcels_of(sessions, act).rows]


def requested(sessions: Sessions) -> list[tuple[int, str, str, object]]:
    with sessions() as session:
        rows = session.scalars(select(RequestedShipmentRow).order_by(RequestedShipmentRow.id))
        return [(row.order_id, row.tracking_number, row.state, row.units) for row in rows]


def titles(sessions: Sessions) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(BulkParcel.carrier_title).order_by(BulkParcel.row)))


def change(sessions: Sessions, number: str, **values: object) -> None:
    with sessions() as session, session.begin():
        session.execute(
            update(RequestedShipmentRow)
            .where(RequestedShipmentRow.tracking_number == number)
            .values(**values)
        )


def go_on(sessions: Sessions) -> int:
    return BulkActs(sessions, a_vault()).go_on(NOW)


def test_the_orders_get_their_parcels_in_turn(sessions: Sessions) -> None:
    first, second = two_orders(sessions)
    act_id = begun(sessions)
    assert states(sessions, act_id) == [(n, RowState.IN_LINE, "") for n in (2, 3, 4)]
    assert [title[:7] for title in titles(sessions)] == ["DHL", "sealed:", "UPS"]
    assert go_on(sessions) == 2
    assert requested(sessions) == [
        (first, "A1", "open", {"I1": 2, "I2": 1}),
        (first, "A2", "open", {"I3": 1}),
        (second, "B1", "open", None),
    ]
    assert titles(sessions) == ["", "", ""]
    assert states(sessions, act_id) == [(n, RowState.REQUESTED, "") for n in (2, 3, 4)]
    due = [loaded(sessions, id_).due_at for id_ in (first, second)]
    assert due == [NOW, NOW + timedelta(milliseconds=200)]
    with sessions() as session:
        notes = session.scalars(select(Note.text).order_by(Note.id)).all()
        act = session.get_one(BulkAct, act_id)
        assert (act.orders, act.done, act.passed_over, act.ended_at) == (2, 2, 0, NOW)
    assert notes == [
        "requested 2 shipments with DHL A1, another carrier A2",
        "requested a shipment with UPS B1",
    ]


def test_an_order_without_a_key_for_its_title_stops_no_other(sessions: Sessions) -> None:
    first, second = two_orders(sessions)
    with sessions() as session, session.begin():
        session.execute(delete(OrderPrivate).where(OrderPrivate.order_id == first))
    act_id = begun(sessions)
    assert go_on(sessions) == 2
    assert [order_id for order_id, *_ in requested(sessions)] == [second]
    assert states(sessions, act_id)[0][1:] == (
        RowState.PASSED_OVER,
        "name the carrier in its title",
    )


def test_nothing_begins_where_the_process_lacks_the_key_for_a_title(sessions: Sessions) -> None:
    two_orders(sessions)
    with pytest.raises(NotPossible, match="which this process lacks"):
        begun(sessions, vault=Vault(bytes(32)))
    with sessions() as session:
        assert session.scalars(select(BulkAct)).all() == []


def test_a_process_that_lacks_the_key_leaves_the_parcels_to_another(sessions: Sessions) -> None:
    two_orders(sessions)
    act_id = begun(sessions)
    assert BulkActs(sessions, Vault(bytes(32))).go_on(NOW) == 0
    assert states(sessions, act_id) == [(n, RowState.IN_LINE, "") for n in (2, 3, 4)]
    assert titles(sessions)[1].startswith("sealed:")
    assert go_on(sessions) == 2
    assert len(requested(sessions)) == 3


def test_a_person_is_told_that_the_process_lacks_the_key_for_a_title(sessions: Sessions) -> None:
    first, _ = two_orders(sessions)
    requests = ShipmentRequests(sessions, Vault(bytes(32)), "otto", NOW)
    with pytest.raises(NotPossible, match="which this process lacks"):
        requests.ask(first, Parcel("custom", "A1", "Swift Post"))
    assert requested(sessions) == []


def test_a_form_sent_twice_ships_once(sessions: Sessions) -> None:
    two_orders(sessions)
    assert begun(sessions) == begun(sessions)
    assert go_on(sessions) == 2
    assert len(requested(sessions)) == 3


def test_what_has_changed_before_its_turn_is_passed_over(sessions: Sessions) -> None:
    first, second = two_orders(sessions)
    act_id = begun(sessions)
    with sessions() as session, session.begin():
        session.execute(update(Order).where(Order.id == first).values(status=Status.DONE))
    assert go_on(sessions) == 2
    assert [order_id for order_id, *_ in requested(sessions)] == [second]
    assert states(sessions, act_id) == [
        (2, RowState.PASSED_OVER, "it is done here"),
        (3, RowState.PASSED_OVER, "it is done here"),
        (4, RowState.REQUESTED, ""),
    ]
    assert titles(sessions) == ["", "", ""]


def test_each_row_says_how_far_its_parcel_is(sessions: Sessions) -> None:
    first, second = two_orders(sessions)
    act_id = begun(sessions)
    go_on(sessions)
    change(sessions, "A1", state=RequestState.DONE, magento_shipment_id=71)
    change(sessions, "A2", state=RequestState.REFUSED, why="no stock")
    change(sessions, "B1", state=RequestState.DONE, magento_shipment_id=72)
    with sessions() as session, session.begin():
        package: Shipment = a_shipment(72, confirmation="accepted")
        package.order_id = second
        session.add(package)
    assert states(sessions, act_id) == [
        (2, RowState.SHIPPED, ""),
        (3, RowState.REFUSED, "no stock"),
        (4, RowState.CONFIRMED, ""),
    ]
    assert first != second


def test_what_has_not_gone_out_is_taken_back(sessions: Sessions) -> None:
    first, second = two_orders(sessions)
    act_id = begun(sessions)
    go_on(sessions)
    with sessions() as session, session.begin():
        sent = session.scalars(
            select(RequestedShipmentRow.id).where(RequestedShipmentRow.tracking_number == "A1")
        ).one()
        order = session.get_one(Order, first)
        key = requested_shipment_key(order.account, order.external_id, sent)
        session.add(
            Effect(order_id=first, key=key, kind="shipment", state="intended", intended_at=NOW)
        )
    acts = BulkActs(sessions, a_vault())
    taken = take_parcels_back(acts, sessions, act_id, author="anna", now=NOW)
    assert taken == TakenBack(2, 1)
    assert [(number, state) for _, number, state, _ in requested(sessions)] == [
        ("A1", "open"),
        ("A2", "ended"),
        ("B1", "ended"),
    ]
    assert states(sessions, act_id)[2] == (4, RowState.NOT_MADE, "taken back")
    assert loaded(sessions, second).due_at == NOW
    assert take_parcels_back(acts, sessions, act_id, author="anna", now=NOW) == TakenBack(0, 1)


def test_taking_back_stops_the_act_and_leaves_what_others_asked_for(sessions: Sessions) -> None:
    first, _ = two_orders(sessions)
    act_id = begun(sessions)
    acts = BulkActs(sessions, a_vault())
    assert take_parcels_back(acts, sessions, act_id, author="anna", now=NOW) == TakenBack(0, 0)
    assert go_on(sessions) == 0
    assert (requested(sessions), titles(sessions)) == ([], ["", "", ""])
    assert states(sessions, act_id) == [(n, RowState.NOT_REACHED, "") for n in (2, 3, 4)]
    assert loaded(sessions, first).news == 0
    assert take_parcels_back(acts, sessions, 99, author="anna", now=NOW) is None


def test_nothing_begins_without_a_row(sessions: Sessions) -> None:
    with pytest.raises(NotPossible, match="no row of the file can be shipped"):
        begun(sessions, HEAD + "028-9,dhl,A1,\n")
    with sessions() as session:
        assert session.scalars(select(BulkAct)).all() == []
