"""A feed locks orders before their packages, as everybody does, and never ends in a deadlock."""

from __future__ import annotations

import threading

from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError

from pipeline.amazon.feed_documents import FeedKind
from pipeline.base.db import Sessions
from pipeline.orders.locking import lock
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import Order, Status
from pipeline.shipping.feeds import Feeds
from tests.builders import ACCOUNT, NOW, a_shipment, a_vault, an_item, an_order, stored

BODY = {
    "order": "028-0000000-0000001",
    "reference": "1",
    "date": "2026-11-22T12:00:00Z",
    "carrier_code": "UPS",
    "carrier_name": "",
    "tracking": "1Z",
    "items": {"I1": 1},
}


def test_collecting_waits_for_an_order_and_holds_none_of_its_packages(sessions: Sessions) -> None:
    order_id = stored(
        sessions,
        an_order(
            status=Status.WAITING,
            step="confirm_shipment",
            items=[an_item()],
            shipments=[
                a_shipment(
                    confirmation="feed",
                    to_feed=BODY,
                )
            ],
        ),
    )
    failed: list[Exception] = []

    def collect() -> None:
        try:
            assert (
                Feeds(sessions, a_vault()).collect(ACCOUNT, FeedKind.CONFIRMATIONS, NOW) is not None
            )
        except OperationalError as error:
            failed.append(error)

    thread = threading.Thread(target=collect)
    with sessions() as session, session.begin():
        lock(session, [order_id])
        thread.start()
        waits = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        with sessions() as other:
            while not other.scalar(waits) and thread.is_alive():
                other.rollback()
        # What a step does with an order that it has locked.
        change = update(Shipment).where(Shipment.order_id == order_id).values(tracking_number="1Z")
        session.execute(change)
    thread.join()
    assert failed == []
    with sessions() as session:
        assert session.scalars(select(Shipment.confirmation)).all() == ["sent"]
        assert session.get_one(Order, order_id).status == Status.WAITING
