"""Each change of an order queues its event in the change's own transaction, and only then."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from pipeline.base.db import Sessions
from pipeline.intake.tables import Refund
from pipeline.orders.machine import STEPS, Orders
from pipeline.orders.outcome import Cancelled, Done, Hold, HoldCode, Wait
from pipeline.orders.package_tables import Shipment
from pipeline.orders.state_changes import hold_until_news
from pipeline.orders.tables import Order, Status
from pipeline.webhooks.endpoints import Endpoints
from pipeline.webhooks.tables import EventType, WebhookDelivery
from tests.builders import NOW, a_shipment, a_vault, an_order, settings, signed, stored
from tests.colliding import twins
from tests.webhooks.conftest import Rig

NOWHERE = "http://127.0.0.1:1"
CREATE = "create_order"


@pytest.fixture
def orders(sessions: Sessions) -> Orders:
    return Orders(sessions, a_vault(), settings().timing)


def run(orders: Orders, order_id: int, step: str, outcome: Any, **changes: Any) -> None:
    """A run of a step that changes these facts."""
    claim = orders.claim(order_id, step, task_id="t", worker="w", now=NOW)
    assert claim is not None
    for name, value in changes.items():
        setattr(claim.order, name, value)
    assert orders.record(claim, outcome, now=NOW)


def ready(sessions: Sessions, step: str = CREATE, **changes: Any) -> int:
    return stored(sessions, an_order(step=step, status=Status.READY, due_at=NOW, **changes))


def test_without_an_endpoint_nothing_is_queued(
    sessions: Sessions, orders: Orders, rig: Rig
) -> None:
    run(orders, ready(sessions), CREATE, Done(), magento_order_id=7)
    run(orders, ready(sessions), CREATE, Hold(HoldCode.CURRENCY, "no rate"))
    assert rig.queued() == []


def test_an_order_that_got_into_the_shop_is_told_with_its_facts(
    sessions: Sessions, orders: Orders, rig: Rig
) -> None:
    rig.add("erp", NOWHERE)
    two = twins(
        sessions,
        step=CREATE,
        status=Status.READY,
        magento_order_id=None,
        currency="EUR",
        grand_total=Decimal("20.50"),
    )
    run(orders, two.ours, CREATE, Done(), magento_order_id=900, magento_increment_id="000000900")
    (queued,) = rig.queued()
    assert (queued.type, queued.order_id, queued.ended_at) == ("order.placed", two.ours, None)
    assert queued.event_id.startswith("evt_")
    assert queued.data == {
        "order_id": two.ours,
        "account": "eu",
        "number": two.number,
        "marketplace_id": "A1PA6795UKMFR9",
        "fulfilled_by": "FBM",
        "shop": None,
        "magento_order_id": 900,
        "magento_number": "000000900",
        "step": "ship_order",
        "status": "ready",
        "amazon_status": "UNSHIPPED",
        "hold_code": None,
        "total": {"amount": "20.5000", "currency": "EUR"},
    }


def test_a_hold_is_told_once_and_again_only_for_another_reason(
    sessions: Sessions, orders: Orders, rig: Rig
) -> None:
    rig.add("erp", NOWHERE)
    order_id = ready(sessions)
    held = ("order.held", order_id)
    for outcome, told in (
        (Hold(HoldCode.CURRENCY, "no rate"), 1),
        (Hold(HoldCode.CURRENCY, "no rate"), 1),
        (Hold(HoldCode.CURRENCY, "in other words"), 1),
        (Hold(HoldCode.TOTALS_DIFFER, "0.01"), 2),
        (Wait("for the warehouse", timedelta(0)), 2),
        (Hold(HoldCode.TOTALS_DIFFER, "0.01"), 3),
    ):
        run(orders, order_id, CREATE, outcome)
        with sessions() as session, session.begin():
            session.execute(update(Order).values(due_at=NOW))
        assert rig.told() == [held] * told
    assert [each.data["hold_code"] for each in rig.queued()] == [
        "currency",
        "totals_differ",
        "totals_differ",
    ]
    assert not any("0.01" in str(each.data) for each in rig.queued())


def test_a_hold_that_no_step_sees_is_told(sessions: Sessions, rig: Rig) -> None:
    rig.add("erp", NOWHERE)
    two = twins(sessions, status=Status.DONE, due_at=None)
    with sessions() as session, session.begin():
        hold_until_news(session, two.ours, Hold(HoldCode.MISSING_IN_MAGENTO, "it is gone"))
    assert rig.told() == [("order.held", two.ours)]


def test_a_cancelled_order_is_told(sessions: Sessions, orders: Orders, rig: Rig) -> None:
    rig.add("erp", NOWHERE)
    order_id = ready(sessions)
    run(orders, order_id, CREATE, Cancelled("Amazon cancelled it"))
    assert rig.told() == [("order.cancelled", order_id)]


def test_packages_are_told_when_they_are_made_and_when_amazon_knows_them(
    sessions: Sessions, orders: Orders, rig: Rig
) -> None:
    rig.add("erp", NOWHERE)
    two = twins(
        sessions,
        step=STEPS[-1],
        status=Status.READY,
        shipments=lambda: [a_shipment(71), a_shipment(72, items={})],
    )
    assert rig.told() == [
        *[("order.shipped", two.ours)] * 2,
        *[("order.shipped", two.others)] * 2,
    ]
    claim = orders.claim(two.ours, STEPS[-1], task_id="t", worker="w", now=NOW)
    assert claim is not None
    claim.order.shipments[0].confirmation = "sent"
    claim.order.shipments[1].confirmation = "accepted"
    claim.order.shipments[1].confirmed_at = NOW
    assert orders.record(claim, Done(), now=NOW)
    (confirmed,) = rig.queued()[4:]
    assert (confirmed.type, confirmed.order_id) == ("order.confirmed", two.ours)
    with sessions() as session:
        package = session.get_one(Shipment, confirmed.data["shipment"]["id"])
    assert (package.order_id, package.magento_shipment_id) == (two.ours, 72)
    assert confirmed.data["shipment"]["confirmation"] == "accepted"
    assert "tracking_number" not in confirmed.data["shipment"]


def test_a_credit_memo_is_told(sessions: Sessions, rig: Rig) -> None:
    rig.add("erp", NOWHERE)
    two = twins(sessions)
    with sessions() as session, session.begin():
        session.add(
            Refund(
                order_id=two.others,
                magento_creditmemo_id=5,
                refunded_at=NOW,
                currency="EUR",
                grand_total=Decimal("3.50"),
                shipping=Decimal(0),
                adjustment=Decimal(0),
                lines={},
            )
        )
    (queued,) = rig.queued()
    assert (queued.type, queued.order_id) == ("order.refunded", two.others)
    assert queued.data["account"] == "na"
    assert queued.data["refund"] | {"id": 0} == {
        "id": 0,
        "magento_creditmemo_id": 5,
        "amount": "3.5000",
        "currency": "EUR",
    }


def test_an_event_is_queued_for_each_endpoint_that_wants_it(
    sessions: Sessions, orders: Orders, rig: Rig
) -> None:
    rig.add("all", NOWHERE)
    rig.add("placed", NOWHERE, EventType.PLACED)
    rig.add("held", NOWHERE, EventType.HELD)
    rig.add("paused", NOWHERE)
    Endpoints(sessions, a_vault()).set_active("paused", False, signed())
    run(orders, ready(sessions), CREATE, Done(), magento_order_id=7)
    one, other = rig.queued()
    assert (one.type, other.type) == ("order.placed", "order.placed")
    assert one.event_id == other.event_id
    assert [one.endpoint_id, other.endpoint_id] == [1, 2]
    run(orders, ready(sessions), CREATE, Done(), magento_order_id=8)
    assert len({each.event_id for each in rig.queued()}) == 2


def test_a_change_that_is_taken_back_queues_nothing(sessions: Sessions, rig: Rig) -> None:
    rig.add("erp", NOWHERE)
    two = twins(sessions)
    with sessions() as session:
        session.execute(
            update(Order)
            .where(Order.id == two.ours)
            .values(status=Status.HELD, hold_code="currency")
        )
        assert session.scalars(select(WebhookDelivery.type)).all() == ["order.held"]
        session.rollback()
    assert rig.queued() == []


def test_many_orders_in_one_statement_are_all_told(sessions: Sessions, rig: Rig) -> None:
    rig.add("erp", NOWHERE)
    two = twins(sessions)
    with sessions() as session, session.begin():
        session.execute(update(Order).values(status=Status.CANCELLED, due_at=None))
    assert sorted(rig.told()) == [("order.cancelled", two.ours), ("order.cancelled", two.others)]
