"""A claim reads what the database has, and a record writes what the step changed."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import inspect, select, text, update

from pipeline.amazon.feed_documents import FeedKind
from pipeline.base.db import Sessions
from pipeline.base.tables import Base
from pipeline.orders.locking import lock
from pipeline.orders.machine import STEPS, Claim, Orders, wake
from pipeline.orders.outcome import Cancelled, Done, Hold, HoldCode, Wait
from pipeline.orders.package_tables import Shipment
from pipeline.orders.requested_shipment import RequestState
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.states import ConfirmationState
from pipeline.orders.tables import Order, OrderItem, Status
from pipeline.shipping.feed_collecting import collect
from tests.builders import (
    ACCOUNT,
    NOW,
    a_shipment,
    a_vault,
    an_item,
    an_order,
    loaded,
    settings,
    stored,
)

SHIPS, SYNCS = STEPS[-2:]
RAW = {"orderId": "305-0000001-0000001", "words": "ä, 'quoted', 100 %s"}
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def orders(sessions: Sessions) -> Orders:
    return Orders(sessions, a_vault(), settings().timing)


def claimed(orders: Orders, order_id: int, step: str = SYNCS, task: str = "t") -> Claim:
    claim = orders.claim(order_id, step, task_id=task, worker="w", now=NOW)
    assert claim is not None
    return claim


def full() -> Order:
    """An order with a value of every type in every table of it."""
    return an_order(
        raw=None,
        step=SYNCS,
        status=Status.READY,
        shop="main",
        grand_total=Decimal("12345678901.2345"),
        currency="EUR",
        programs=["PRIME", 'with "quotes", {braces}'],
        facts={"channel": "a", "nested": {"list": [1, 2.5, None, True]}},
        total_proof={"lines": {"I1": "1.10"}},
        purchased_at=NOW - timedelta(days=1, microseconds=1),
        magento_order_id=2**40,
        items=[
            an_item(line_total=Decimal("0.1000"), product={"id": 7, "price": 1.5}),
            an_item(external_item_id="I2", transparency_codes=["a,b", '"']),
        ],
        shipments=[a_shipment(71), a_shipment(72, items={}, to_feed={"a": 1}, confirmed_at=NOW)],
    )


def values(row: Base) -> dict[str, Any]:
    """All columns of a row, but those that every claim changes."""
    passing = {"status", "tries", "unfinished", "due_at", "version", "updated_at"}
    return {
        column.name: getattr(row, column.name)
        for column in row.__table__.c
        if column.name not in (passing if isinstance(row, Order) else ())
    }


def test_a_claim_reads_what_the_database_has(sessions: Sessions, orders: Orders) -> None:
    order_id = stored(sessions, full())
    order, kept = claimed(orders, order_id).order, loaded(sessions, order_id)
    assert values(order) == values(kept)
    assert order.status == kept.status == Status.RUNNING
    assert (order.version, order.due_at) == (kept.version, kept.due_at)
    assert [values(item) for item in order.items] == [values(item) for item in kept.items]
    assert [values(one) for one in order.shipments] == [values(one) for one in kept.shipments]
    assert [[values(content) for content in one.items] for one in order.shipments] == [
        [values(content) for content in one.items] for one in kept.shipments
    ]
    assert type(order.items[0].line_total) is Decimal
    # As for a row that a session brought and let go: a later session adds no second row.
    assert inspect(order).detached
    assert all(inspect(item).detached for item in order.items)


def test_a_record_writes_what_the_step_changed_and_nothing_else(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, full())
    claim = claimed(orders, order_id)
    before = loaded(sessions, order_id)
    order = claim.order
    order.grand_total, order.facts = Decimal("0.01"), {"ä": [None, {"b": 1}]}
    order.programs, order.stated_value, order.total_proof = [], {"a": "1"}, None
    order.reserved_until, order.confirm_anyway = LATER, True
    order.items[0].line_total = Decimal("99.9900")
    order.items[1].product = {"id": 8}
    order.items.append(an_item(external_item_id="I3", quantity=1))
    order.shipments[1].confirmation = ConfirmationState.ACCEPTED
    order.shipments[1].to_feed, order.shipments[1].confirmed_at = None, LATER
    # Meanwhile somebody changes a column that the step does not.
    with sessions() as session, session.begin():
        session.execute(
            text("UPDATE order_items SET transparency_codes = '{x}' WHERE external_item_id = 'I1'")
        )
    assert orders.record(claim, Wait("waits", timedelta(minutes=5)), now=NOW)
    after = loaded(sessions, order_id)
    changed = {name for name, value in values(after).items() if value != values(before)[name]}
    assert changed == {
        *("grand_total", "facts", "programs", "stated_value", "total_proof", "reserved_until"),
        *("confirm_anyway", "last_note"),
    }
    assert (after.grand_total, after.facts) == (Decimal("0.01"), {"ä": [None, {"b": 1}]})
    assert (after.programs, after.stated_value, after.total_proof) == ([], {"a": "1"}, None)
    assert (after.status, after.due_at) == (Status.WAITING, LATER)
    first, second, third = after.items
    assert (first.line_total, first.transparency_codes) == (Decimal("99.9900"), ["x"])
    assert (second.product, second.transparency_codes) == ({"id": 8}, ["a,b", '"'])
    assert (third.external_item_id, third.quantity, third.transparency_codes) == ("I3", 1, [])
    assert values(after.shipments[0]) == values(before.shipments[0])
    package = after.shipments[1]
    assert (package.confirmation, package.to_feed, package.confirmed_at) == (
        *("accepted", None),
        LATER,
    )
    with sessions() as session:
        nothing = select(Order.id).where(Order.total_proof.is_(None))
        assert session.scalars(nothing).all() == [order_id]


def test_a_run_that_lost_its_order_records_nothing(sessions: Sessions, orders: Orders) -> None:
    order_id = stored(sessions, full())
    first, second = claimed(orders, order_id), claimed(orders, order_id, task="other")
    for claim in (first, second):
        claim.order.items[0].line_total = Decimal(claim.attempt_id)
        claim.order.items.append(an_item(external_item_id=f"new-{claim.attempt_id}"))
        claim.order.shipments[0].refusal = str(claim.attempt_id)
    assert not orders.record(first, Done(), now=NOW)
    assert loaded(sessions, order_id).status == Status.RUNNING
    assert orders.record(second, Done(), now=NOW)
    after = loaded(sessions, order_id)
    assert after.status == Status.DONE
    assert after.items[0].line_total == second.attempt_id
    assert [item.external_item_id for item in after.items[2:]] == [f"new-{second.attempt_id}"]
    assert after.shipments[0].refusal == str(second.attempt_id)


@pytest.mark.parametrize(
    "outcome", [Wait("waits", timedelta(hours=1)), Hold(HoldCode.OUT_OF_STOCK, "sold out")]
)
@pytest.mark.parametrize("has_news", [False, True])
def test_news_that_come_during_a_run_make_the_order_due_at_once(
    outcome: Wait | Hold, has_news: bool, sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, full())
    claim = claimed(orders, order_id)
    if has_news:
        with sessions() as session, session.begin():
            wake(session, [order_id], NOW)
    assert orders.record(claim, outcome, now=NOW)
    due_at = loaded(sessions, order_id).due_at
    assert due_at is not None
    assert (due_at == NOW) is has_news


def test_a_claim_that_waited_for_a_package_reads_it(sessions: Sessions, orders: Orders) -> None:
    """The statement's own snapshot is older than what it waited for."""
    order_id = stored(sessions, an_order(step=SHIPS, shop="main", items=[an_item()]))
    read: list[Claim] = []
    with sessions() as session, session.begin():
        wake(session, [order_id], NOW)
        waiting = threading.Thread(target=lambda: read.append(claimed(orders, order_id, SHIPS)))
        waiting.start()
        until_somebody_waits(sessions)
        session.add(a_shipment(order_id=order_id))
    waiting.join()
    assert [one.magento_shipment_id for one in read[0].order.shipments] == [71]
    assert read[0].news == 1


def test_a_claim_that_waited_for_a_feed_sees_what_is_in_it(
    sessions: Sessions, orders: Orders
) -> None:
    order = full()
    for package in order.shipments:
        package.confirmation, package.tracking_number = ConfirmationState.FEED, "1Z"
        package.to_feed = {
            **{"order": order.external_id, "reference": package.package_reference},
            **{"date": "2026-03-01T00:00:00Z", "carrier_code": "UPS", "carrier_name": ""},
            **{"tracking": "1Z", "items": {"I1": 1}},
        }
    order_id = stored(sessions, order)
    read: list[Claim] = []
    with sessions() as session, session.begin():
        feed = collect(session, ACCOUNT, FeedKind.CONFIRMATIONS, NOW)
        assert feed is not None
        waiting = threading.Thread(target=lambda: read.append(claimed(orders, order_id)))
        waiting.start()
        until_somebody_waits(sessions)
    waiting.join()
    assert [package.feed_id for package in read[0].order.shipments] == [feed.id, feed.id]


def test_packages_that_changed_otherwise_keep_what_others_wrote(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, full())
    claim = claimed(orders, order_id)
    first, second = claim.order.shipments
    first.confirmation, first.to_feed = ConfirmationState.FEED, {"m": 1}
    second.to_feed = {"m": 2}
    with sessions() as session, session.begin():
        sent = update(Shipment).where(Shipment.id == second.id).values(confirmation="sent")
        session.execute(sent)
    assert orders.record(claim, Wait("waits", timedelta(0)), now=NOW)
    after = loaded(sessions, order_id).shipments
    assert [package.confirmation for package in after] == ["feed", "sent"]
    assert [package.to_feed for package in after] == [{"m": 1}, {"m": 2}]


def test_a_request_that_comes_while_the_order_ends_is_ended(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, full())
    claim = claimed(orders, order_id)
    ends = Cancelled("Amazon cancelled it")
    with sessions() as session, session.begin():
        lock(session, [order_id])
        waiting = threading.Thread(target=lambda: orders.record(claim, ends, now=NOW))
        waiting.start()
        until_somebody_waits(sessions)
        session.add(a_request(order_id))
        wake(session, [order_id], NOW)
    waiting.join()
    assert loaded(sessions, order_id).status == Status.CANCELLED
    with sessions() as session:
        row = session.scalars(select(RequestedShipmentRow)).one()
    assert (row.state, row.why) == (RequestState.ENDED, "Amazon cancelled it")


def a_request(order_id: int) -> RequestedShipmentRow:
    return RequestedShipmentRow(
        **{"order_id": order_id, "asked_at": NOW, "author": "anna"},
        **{"carrier_code": "ups", "carrier_title": "UPS", "tracking_number": "1Z"},
    )


def until_somebody_waits(sessions: Sessions) -> None:
    waits = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(2000):
        with sessions() as session:
            if session.scalar(waits):
                return
            session.execute(text("SELECT pg_sleep(0.01)"))
    raise AssertionError("the claim does not wait for the transaction")


@pytest.mark.parametrize("state", [RequestState.OPEN, RequestState.DONE])
@pytest.mark.parametrize("ends", [False, True])
def test_a_requested_shipment_is_recorded_with_its_order(
    state: RequestState, ends: bool, sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, full())
    with sessions() as session, session.begin():
        session.add(a_request(order_id))
    claim = claimed(orders, order_id)
    (requested,) = claim.order.requested_shipments
    assert (requested.carrier_code, requested.tracking_number) == ("ups", "1Z")
    requested.state, requested.magento_shipment_id = state, 5
    assert orders.record(claim, Done() if ends else Wait("waits", timedelta(0)), now=NOW)
    with sessions() as session:
        row = session.scalars(select(RequestedShipmentRow)).one()
    ended = ends and state == RequestState.OPEN
    assert row.state == (RequestState.ENDED if ended else state)
    assert row.magento_shipment_id == 5
    assert row.why == ("the order has ended" if ended else "")


def test_a_line_is_inserted_once_however_often_it_is_recorded(
    sessions: Sessions, orders: Orders
) -> None:
    order_id = stored(sessions, an_order(step=SYNCS, shop="main"))
    claim = claimed(orders, order_id)
    with sessions() as session, session.begin():
        session.add(OrderItem(order_id=order_id, **values_of_a_line()))
    claim.order.items.append(OrderItem(**values_of_a_line()))
    assert orders.record(claim, Done(), now=NOW)
    assert len(loaded(sessions, order_id).items) == 1


def values_of_a_line() -> dict[str, Any]:
    return {"external_item_id": "I1", "sku": "MUG", "title": "Mug", "quantity": 1}
