"""Small inputs that went wrong elsewhere, as they were collected, each with its right value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from celery import Celery
from sqlalchemy import select

from pipeline.amazon.feed_documents import MessageOutcome, read, results
from pipeline.orders.tables import Order, Status
from tasks.jobs.search_and_sweep import poll_amazon
from tasks.workflow import WORKFLOW
from tests.builders import ACCOUNT
from tests.cases import case_file
from tests.cli.conftest import simulate
from tests.cli.simulating import Simulate, kinds
from tests.tasks.cancelling.test_cancelled_by_seller import NUMBER, Day, a_day
from tests.tasks.conftest import app

__all__ = ["app", "simulate"]


def case(begins: str) -> Path:
    return case_file(f"{begins}-")


def told(begins: str) -> Any:
    return json.loads(case(begins).read_text(encoding="utf-8"))


@pytest.fixture
def day(app: Celery, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Day]:
    with a_day(app, tmp_path, database_url, redis_url, invoice="create") as day:
        yield day


def worked(day: Day, number: str, app: Celery) -> Order:
    """Poll, and take this order as far as it goes."""
    poll_amazon(app, day.parts, ACCOUNT)
    named = select(Order).where(Order.external_id == number)
    for _ in range(9):
        with day.parts.sessions() as session:
            order = session.scalars(named).one()
        if not day.parts.runner.run(order.step, WORKFLOW[order.step][0], order.id, "a-task"):
            break
    with day.parts.sessions() as session:
        return session.scalars(named).one()


def in_shop(day: Day, entity_id: int | None) -> Any:
    return day.call("GET", f"/orders/{entity_id}", None)


@pytest.mark.parametrize(("begins", "paid"), [("A1", "19.80"), ("A2", "13.00")])
def test_all_that_was_paid_is_given_back(day: Day, app: Celery, begins: str, paid: str) -> None:
    raw = told(begins)["order"]
    number = raw["orderId"]
    at = day.parts.clients.now() - timedelta(minutes=1)
    raw |= {"createdTime": at.isoformat(), "lastUpdatedTime": at.isoformat()}
    day.tell("magento", "products", sku=raw["orderItems"][0]["product"]["sellerSku"], qty=10)
    day.tell("amazon", "orders", order=raw)
    day._clock.on(timedelta(minutes=3))
    placed = worked(day, number, app)
    before = in_shop(day, placed.magento_order_id)
    assert (before["state"], Decimal(str(before["total_paid"]))) == ("processing", Decimal(paid))
    day.tell("amazon", f"orders/{number}/status", status="CANCELLED")
    day._clock.on(timedelta(minutes=3))
    assert worked(day, number, app).status == Status.CANCELLED
    after = in_shop(day, placed.magento_order_id)
    assert (after["state"], Decimal(str(after["total_refunded"]))) == ("closed", Decimal(paid))


def test_an_edit_is_no_cancellation(
    app: Celery, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    columns = told("C")["magento_order_columns_after_edit"]
    with a_day(app, tmp_path, database_url, redis_url, invoice="leave") as day:
        placed = day.work()
        parent = placed.magento_order_id
        child = day.tell("magento", "edit", increment_id=placed.magento_increment_id)
        shown = in_shop(day, parent)
        assert shown["state"] == columns["state"]
        assert str(shown["relation_child_id"]).isdigit()
        assert shown["relation_child_real_id"].endswith(columns["relation_child_real_id"][-2:])
        order = day.work()
        assert order.magento_increment_id == child["increment_id"]
        assert (order.status, order.cancellation) == (Status.WAITING, None)
        day.feeds()
        orders = requests.get(f"{day.url('amazon')}/_control/orders/{NUMBER}", timeout=10).json()
        assert orders["order"]["fulfillment"]["fulfillmentStatus"] == "UNSHIPPED"


def bodies(simulate: Simulate, raws: list[Any]) -> list[Any]:
    """What Magento would be sent of each order."""
    result = simulate(raws, "--json", "--show-buyer")
    assert result.exit_code == 0, result.output
    made = []
    for order in json.loads(result.stdout)["orders"]:
        assert kinds(order)[0] == "order"
        steps = [request for step in order["steps"] for request in step["requests"]]
        made.append(steps[0]["body"]["entity"])
    return made


@pytest.mark.parametrize(
    ("begins", "street"),
    [
        ("E1", ["Avenida Boa Viagem, 1000", "Boa Viagem"]),
        ("E2", ["Avenida Nossa Senhora de Copacabana, 200", "Copacabana"]),
        ("E3", ["Avenida 7 de Setembro, 12", "7"]),
    ],
)
def test_a_part_of_the_address_is_told_beside_the_street(
    simulate: Simulate, begins: str, street: list[str]
) -> None:
    (entity,) = bodies(simulate, [told(begins)["order"]])
    (assigned,) = entity["extension_attributes"]["shipping_assignments"]
    assert entity["billing_address"]["street"] == street
    assert assigned["shipping"]["address"]["street"] == street


def test_the_rate_is_the_one_that_was_charged(simulate: Simulate) -> None:
    entities = bodies(simulate, told("G")["orders"])
    shown = [
        ([tax["percent"] for tax in entity["extension_attributes"]["taxes"]], entity["tax_amount"])
        for entity in entities
    ]
    assert shown == [([8.25], 1.65), ([8.25], 0.82), ([8.875], 1.77), ([8.25], 6.76)]


@pytest.mark.parametrize("begins", ["F1", "F2", "F3"])
def test_a_report_in_another_charset_is_read(begins: str) -> None:
    results_read = results(read(case(begins).read_bytes()), [1, 2])
    outcomes = [results_read[one].outcome for one in (1, 2)]
    assert outcomes == [MessageOutcome.ACCEPTED, MessageOutcome.REFUSED]
