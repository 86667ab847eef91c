"""What a downgrade leaves is what the earlier version understands."""

from __future__ import annotations

from alembic import command
from sqlalchemy import text

from pipeline.base import db
from pipeline.operations.acts.tables import BulkAct, BulkActOrder, BulkParcel
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from tests.builders import NOW, a_shipment, an_order, stored

SEALED = "sealed:QUJD_-0="


def test_without_parcels_no_bulk_job_ships_and_no_title_is_sealed(own_database_url: str) -> None:
    sessions = db.sessions_for(db.engine_for(own_database_url))
    packages = [
        a_shipment(
            71, carrier_title=SEALED, confirmation="accepted", confirmed_as=f"custom/{SEALED}/A1"
        ),
        a_shipment(
            72,
            carrier_title=SEALED,
            confirmation="feed",
            to_feed={"announcement": f"custom/{SEALED}/A2", "carrierName": SEALED},
        ),
        a_shipment(73, carrier_title="DHL", confirmed_as="dhl/DHL/A3"),
    ]
    order_id = stored(sessions, an_order(shipments=packages))
    other = stored(sessions, an_order())
    with sessions() as session, session.begin():
        for act in ("ship", "release"):
            row = BulkAct(
                token=act, author="otto", act=act, chosen="x", why="", orders=1, asked_at=NOW,
                due_at=NOW,
            )  # fmt: skip
            session.add(row)
            session.flush()
            session.add(BulkActOrder(act_id=row.id, turn=1, order_id=order_id))
            if act == "ship":
                parcel = {"carrier_code": "dhl", "carrier_title": "", "tracking_number": "A1"}
                session.add(BulkParcel(act_id=row.id, row=2, order_id=order_id, **parcel))
        session.add_all(
            RequestedShipmentRow(
                order_id=id_, asked_at=NOW, author="otto", carrier_code="custom",
                carrier_title=title, tracking_number="A1", state=state,
            )
            for id_, title, state in (
                (order_id, SEALED, "done"),
                (order_id, SEALED, "open"),
                (other, "DHL", "open"),
            )
        )  # fmt: skip
    command.downgrade(db.alembic_config(own_database_url), "0025")
    with sessions() as session:
        acts = session.execute(text("SELECT act FROM bulk_acts")).scalars().all()
        orders = session.execute(text("SELECT count(*) FROM bulk_act_orders")).scalar_one()
        requests = session.execute(
            text("SELECT state, why, carrier_title FROM requested_shipments ORDER BY id")
        ).all()
        left = session.execute(
            text(
                "SELECT carrier_title, confirmation, confirmed_as, to_feed FROM shipments"
                " ORDER BY magento_shipment_id"
            )
        ).all()
    assert (acts, orders) == (["release"], 1)
    assert [tuple(row) for row in requests] == [
        ("done", "", ""),
        ("ended", "taken back", ""),
        ("open", "", "DHL"),
    ]
    # What Amazon was told counts as told still.
    assert [tuple(row) for row in left] == [
        ("", "accepted", "custom//A1", None),
        ("", "queued", None, None),
        ("DHL", "queued", "dhl/DHL/A3", None),
    ]
