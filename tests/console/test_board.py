"""What has to leave soon, what Amazon does not know yet, and the counts in the navigation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pipeline.base.db import Sessions
from pipeline.operations.lists.board import Board, Class
from pipeline.orders.package_tables import Shipment, ShipmentItem
from pipeline.orders.tables import Order, Status
from tests.console.builders import NOW, a_held_order, a_shipped_order, an_item, an_order, store
from tests.console.conftest import SignedIn
from tests.console.reading import words_of


def due_in(number: int, minutes: float, **changed: Any) -> Order:
    return an_order(number, ship_by_at=NOW + timedelta(minutes=minutes), **changed)


def a_package(quantity: int = 2, minutes_ago: float = 40, **changed: Any) -> Shipment:
    values: dict[str, Any] = {
        "magento_shipment_id": 77,
        "package_reference": "77",
        "shipped_at": NOW - timedelta(minutes=minutes_ago),
        "tracking_number": "0034",
        "confirmation": "queued",
        "items": [ShipmentItem(magento_item_id=501, quantity=quantity)],
    }
    return Shipment(**{**values, **changed})


def test_what_leaves_next_comes_first_with_its_class(sessions: Sessions) -> None:
    late, hour, hours, day = store(
        sessions,
        due_in(1, -1),
        due_in(2, 60),
        due_in(3, 61),
        due_in(4, 24 * 60, status=Status.HELD, hold_code="out_of_stock", hold_reason="no mugs"),
        due_in(5, 24 * 60 + 1),
    )[:4]
    board = Board(sessions, NOW)
    assert [(order.id, order.class_at(NOW), order.note) for order in board.to_ship()] == [
        (late, Class.LATE, "waiting for the warehouse"),
        (hour, Class.HOUR, "waiting for the warehouse"),
        (hours, Class.HOURS, "waiting for the warehouse"),
        (day, Class.DAY, "no mugs"),
    ]
    assert board.by_class() == {Class.LATE: 1, Class.HOUR: 1, Class.HOURS: 1, Class.DAY: 1}


def test_only_what_is_ours_and_has_not_left_is_on_it(sessions: Sessions) -> None:
    partly, unknown = store(
        sessions,
        due_in(1, 30, step="sync_tracking", shipments=[a_package(quantity=1)]),
        due_in(2, 40, step="import_order", items=[]),
        due_in(3, 30, shipments=[a_package()]),
        due_in(4, 30, fulfilled_by="FBA"),
        due_in(5, 30, remote_status="PENDING"),
        due_in(6, 30, remote_status="SHIPPED"),
        due_in(7, 30, status=Status.DONE),
        due_in(8, 30, items=[an_item(quantity_fulfilled_before=2)]),
        an_order(9, ship_by_at=None),
    )[:2]
    board = Board(sessions, NOW)
    assert [(order.id, order.left) for order in board.to_ship()] == [(partly, 1), (unknown, 0)]
    assert sum(board.by_class().values()) == 2


def test_a_package_that_amazon_has_not_taken_is_listed_with_the_reason(sessions: Sessions) -> None:
    def sent(number: int, package: Shipment, **changed: Any) -> Order:
        at = {"step": "sync_tracking", "last_note": "Amazon does not answer", **changed}
        return an_order(number, shipments=[package], **at)

    refused, queued = store(
        sessions,
        sent(1, a_package(confirmation="refused", refusal="no such carrier", minutes_ago=99)),
        sent(2, a_package(minutes_ago=15)),
        sent(3, a_package(minutes_ago=14)),
        sent(4, a_package(confirmation="accepted")),
        sent(5, a_package(), programs=["FBM_SHIP_PLUS"]),
        sent(6, a_package(), status=Status.DONE),
        sent(7, a_package(), fulfilled_by="FBA"),
    )[:2]
    page = Board(sessions, NOW).unconfirmed()
    assert [(one.id, one.confirmation, one.reason) for one in page] == [
        (refused, "refused", "no such carrier"),
        (queued, "queued", "Amazon does not answer"),
    ]


def test_the_page_and_the_navigation_say_so(sessions: Sessions, viewer: SignedIn) -> None:
    store(
        sessions,
        due_in(1, -30),
        a_held_order(2),
        due_in(3, 30, step="sync_tracking", shipments=[a_package()]),
        a_shipped_order(4),
    )
    page = viewer.get("/ship-by")
    words = words_of(page.text)
    assert page.status_code == 200
    assert "Orders Held 1 Ship by 2 1 unconfirmed" in words
    assert "1 late 0 within 1 h 1 within 6 h 0 within 24 h" in words
    assert "303-0000000-0000001 10 Mar 11:30 late, 30 min ago 2 waiting ship order" in words
    assert "303-0000000-0000003 77 0034 10 Mar 11:20 40 min ago" in words
    assert "1 unconfirmed" in words_of(viewer.get("/").text)


def test_an_idle_day_is_said_to_be_one(viewer: SignedIn) -> None:
    words = words_of(viewer.get("/ship-by").text)
    assert "Nothing has to leave within 24 hours." in words
    assert "Amazon knows of every package that left more than 15 minutes ago." in words
    assert "Orders Held Ship by Returns Mine" in words
    assert "unconfirmed" not in words
