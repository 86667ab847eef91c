"""A report's promise, departure and delivery reach the order's row, and with them its delivery."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from pipeline.amazon.client import Amazon
from pipeline.base.db import Sessions
from pipeline.intake.store import Intake
from pipeline.orders.tables import Order
from pipeline.settings.model import Timing
from tests.builders import ACCOUNT, NOW, a_raw_order, a_vault, loaded, settings

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PROMISED = NOW + DAY * 5  # as every raw order of the tests says


def take_in(sessions: Sessions, raw: dict[str, Any], now: datetime = NOW) -> int:
    account = settings().accounts[ACCOUNT]
    channel = Amazon(ACCOUNT, account, now=lambda: now)
    stored = Intake(sessions, a_vault(), Timing()).store(ACCOUNT, account, channel, [raw], now)
    [order_id] = [*stored.new, *stored.woken]
    return order_id


def a_package(status: str, shipped_at: datetime = NOW - DAY, **changes: Any) -> dict[str, Any]:
    return {
        "packageReferenceId": "1",
        "packageStatus": {"status": status},
        "shipTime": shipped_at.isoformat(),
        **changes,
    }


def without_promise(**changes: Any) -> dict[str, Any]:
    fulfillment = {"fulfillmentStatus": "SHIPPED", "fulfilledBy": "MERCHANT"}
    return a_raw_order(fulfillment=fulfillment, **changes)


def days(order: Order) -> tuple[datetime | None, ...]:
    return order.deliver_by_at, order.shipped_at, order.delivered_at, order.delivery_at


def test_a_new_order_has_its_promise_before_any_step(sessions: Sessions) -> None:
    order = loaded(sessions, take_in(sessions, a_raw_order()))
    assert days(order) == (PROMISED, None, None, PROMISED)


def test_without_a_promise_the_last_package_counts(sessions: Sessions) -> None:
    packages = [a_package("IN_TRANSIT", NOW - DAY * at) for at in (3, 2, 4)]
    order = loaded(sessions, take_in(sessions, without_promise(packages=packages)))
    assert days(order) == (None, NOW - DAY * 2, None, NOW)


def test_amazons_own_shipment_has_no_package(sessions: Sessions) -> None:
    order = loaded(sessions, take_in(sessions, without_promise(updated_at=NOW - HOUR)))
    assert days(order) == (None, NOW - HOUR, None, NOW - HOUR + DAY * 2)


@pytest.mark.parametrize(
    ("statuses", "order_status", "is_delivered"),
    [
        (["DELIVERED"], "SHIPPED", True),
        (["DELIVERED", "DELIVERED"], "SHIPPED", True),
        (["DELIVERED", "CANCELLED"], "SHIPPED", True),
        (["DELIVERED", "IN_TRANSIT"], "SHIPPED", False),
        (["DELIVERED"], "PARTIALLY_SHIPPED", False),
        (["CANCELLED"], "SHIPPED", False),
        (["UNDELIVERABLE"], "SHIPPED", False),
        ([], "SHIPPED", False),
    ],
)
def test_an_order_is_delivered_with_its_last_package(
    sessions: Sessions, statuses: list[str], order_status: str, is_delivered: bool
) -> None:
    packages = [a_package(status) for status in statuses]
    order_id = take_in(sessions, a_raw_order(status=order_status, packages=packages))
    order = loaded(sessions, order_id)
    assert (order.delivered_at, order.delivery_at) == (
        (NOW, NOW) if is_delivered else (None, PROMISED)
    )


def test_the_first_report_of_a_delivery_counts(sessions: Sessions) -> None:
    raw = a_raw_order(status="SHIPPED", packages=[a_package("IN_TRANSIT")], updated_at=NOW - DAY)
    order_id = take_in(sessions, raw)
    assert loaded(sessions, order_id).delivered_at is None

    def again(updated_at: datetime, status: str) -> None:
        newer = {**raw, "lastUpdatedTime": updated_at.isoformat()}
        take_in(sessions, {**newer, "packages": [a_package(status)]}, updated_at)

    for updated_at, status in ((NOW, "DELIVERED"), (NOW + DAY, "DELIVERED"), (NOW + DAY * 2, "?")):
        again(updated_at, status)
        order = loaded(sessions, order_id)
        assert (order.delivered_at, order.delivery_at) == (NOW, NOW)


def test_a_later_promise_counts_and_a_lost_one_stays(sessions: Sessions) -> None:
    raw = a_raw_order(updated_at=NOW - DAY)
    order_id = take_in(sessions, raw)
    window = {"latestDateTime": (NOW + DAY * 9).isoformat()}
    later = {**raw["fulfillment"], "deliverByWindow": window}
    none_ = {**raw["fulfillment"], "deliverByWindow": {}}
    for updated_at, fulfillment in ((NOW, later), (NOW + HOUR, none_)):
        newer = {**raw, "lastUpdatedTime": updated_at.isoformat(), "fulfillment": fulfillment}
        take_in(sessions, newer, updated_at)
        assert loaded(sessions, order_id).delivery_at == NOW + DAY * 9


def test_a_report_that_cannot_be_read_has_its_promise_all_the_same(sessions: Sessions) -> None:
    order = loaded(sessions, take_in(sessions, a_raw_order(orderItems=[])))
    assert days(order) == (PROMISED, None, None, PROMISED)


@pytest.mark.parametrize("odd", [None, 7, "x", [], [None], {"latestDateTime": "never"}])
def test_odd_values_are_no_delivery(sessions: Sessions, odd: Any) -> None:
    fulfillment = {"fulfillmentStatus": "SHIPPED", "fulfilledBy": "MERCHANT"}
    raw = a_raw_order(fulfillment={**fulfillment, "deliverByWindow": odd}, packages=odd)
    order = loaded(sessions, take_in(sessions, raw))
    assert days(order) == (None, NOW, None, NOW + DAY * 2)
