"""An order that its seller cancels, all the way, against both stand-ins."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from celery import Celery
from flask import Flask
from sqlalchemy import select

from pipeline.base.http import Method
from pipeline.operations.acts.one_order import Decisions
from pipeline.orders.tables import Order, Status
from pipeline.settings.model import Settings
from sandbox.amazon.app import create_app as create_amazon
from sandbox.amazon.builders import a_line
from sandbox.amazon.builders import an_order as amazons_order
from sandbox.amazon.state import open_store
from sandbox.core import Store, make
from sandbox.magento.app import create_app as create_magento
from sandbox.magento.schema import SCHEMA
from tasks.engine.runtime import Runtime, build
from tasks.jobs.feeds import run_feeds
from tasks.jobs.search_and_sweep import poll_amazon
from tasks.jobs.watch_shop import watch_shipments
from tasks.workflow import WORKFLOW
from tests.builders import ACCOUNT, NOW, SHOP, a_vault, settings
from tests.tasks.conftest import close
from tests.tasks.jobs.test_feeds import WORKED_ON, Clock

NUMBER = "028-0000001-0000001"


@contextmanager
def served(app: Flask) -> Iterator[str]:
    server = make(app, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Day:
    """One account and one shop, worked by hand: each method is what beat or a worker would do."""

    def __init__(self, app: Celery, parts: Runtime, amazon: str, magento: str, clock: Clock):
        self._app, self.parts, self._clock = app, parts, clock
        self._urls = {"amazon": amazon, "magento": magento}

    def tell(self, remote: str, what: str, **body: Any) -> Any:
        answer = requests.post(f"{self._urls[remote]}/_control/{what}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def url(self, remote: str) -> str:
        return self._urls[remote]

    def call(self, method: Method, path: str, body: Any) -> Any:
        """A signed call to the shop, as its own people's programs make them."""
        api = self.parts.clients.shops[SHOP].orders._api
        return api.send(method, path, lambda made: made, body=body)

    def at_amazon(self) -> str:
        url = f"{self._urls['amazon']}/_control/orders/{NUMBER}"
        order = requests.get(url, timeout=10).json()["order"]
        return str(order["fulfillment"]["fulfillmentStatus"])

    def in_magento(self) -> Any:
        orders = requests.get(f"{self._urls['magento']}/_control/orders", timeout=10).json()
        (order,) = [one for one in orders if one["ext_order_id"] == NUMBER]
        return order

    def order(self) -> Order:
        with self.parts.sessions() as session:
            return session.scalars(select(Order).where(Order.external_id == NUMBER)).one()

    def work(self) -> Order:
        """Poll, watch, and take the order as far as it goes."""
        poll_amazon(self._app, self.parts, ACCOUNT)
        watch_shipments(self._app, self.parts, SHOP)
        for _ in range(9):
            order = self.order()
            step, _ = WORKFLOW[order.step]
            if not self.parts.runner.run(order.step, step, order.id, "a-task"):
                break
        return self.order()

    def feeds(self) -> None:
        """The feed job, until Amazon has done what the feed says."""
        run_feeds(self.parts, ACCOUNT)
        self._clock.on(WORKED_ON)
        run_feeds(self.parts, ACCOUNT)
        self._clock.on(timedelta(minutes=3))


@contextmanager
def a_day(
    app: Celery, folder: Path, database_url: str, redis_url: str, **marketplace: Any
) -> Iterator[Day]:
    """A day with one order of two mugs on Amazon, and the operator's settings."""
    clock = Clock()
    amazon, shop = open_store(folder / "amazon.sqlite"), Store(folder / "shop.sqlite", SCHEMA)
    with (
        served(create_amazon(amazon, clock=clock)) as amazon_url,
        served(create_magento(shop, bearer=False)) as magento_url,
    ):
        urls = (database_url, redis_url, amazon_url, magento_url)
        parts = build(loaded_settings(*urls, **marketplace), clock)
        day = Day(app, parts, amazon_url, magento_url, clock)
        day.tell("magento", "products", sku="MUG-BLUE", qty=100)
        order = amazons_order(NUMBER, lines=[a_line("MUG-BLUE", 2)])
        day.tell("amazon", "orders", order=order)
        clock.on(timedelta(minutes=3))
        yield day
        close(parts)
    amazon.close()
    shop.close()


@pytest.fixture
def day(app: Celery, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Day]:
    with a_day(app, tmp_path, database_url, redis_url, invoice="leave") as day:
        yield day


def loaded_settings(
    database_url: str, redis_url: str, amazon: str, magento: str, **marketplace: Any
) -> Settings:
    return settings(
        database_url=database_url,
        redis_url=redis_url,
        marketplace=marketplace,
        account={
            "seller_id": "A1SELLER",
            "base_url": amazon,
            "token_url": amazon,
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            "refresh_token": "Atzr|sandbox-main",
        },
        shop={
            "base_url": magento,
            "auth": "oauth",
            "consumer_key": "sandbox-ck",
            "consumer_secret": "sandbox-cs",
            "access_token": "sandbox-at",
            "access_token_secret": "sandbox-ats",
        },
    )


def test_what_the_shop_cancels_is_cancelled_on_amazon(day: Day) -> None:
    assert (day.work().step, day.at_amazon()) == ("ship_order", "UNSHIPPED")
    day.tell("magento", "cancel", entity_id=day.in_magento()["entity_id"])
    order = day.work()
    assert (order.status, order.cancel_reason, order.cancellation) == (
        Status.WAITING,
        "NoInventory",
        "asked",
    )
    day.feeds()
    assert day.at_amazon() == "CANCELLED"
    order = day.work()
    assert (order.status, order.last_note) == (
        Status.CANCELLED,
        "cancelled on Amazon and in Magento",
    )


def test_what_a_person_cancels_here_is_cancelled_on_both_sides(day: Day) -> None:
    order = day.work()
    assert day.in_magento()["state"] == "new"
    Decisions(day.parts.sessions, a_vault(), "anna", NOW).cancel(order.id, "BuyerCanceled")
    assert day.work().last_note == "the cancellation goes to Amazon with the next feed"
    assert day.in_magento()["state"] == "new"
    day.feeds()
    order = day.work()
    assert (order.status, day.at_amazon()) == (Status.CANCELLED, "CANCELLED")
    assert day.in_magento()["state"] == "canceled"


def test_without_a_lease_no_feed_is_touched(day: Day) -> None:
    order = day.work()
    Decisions(day.parts.sessions, a_vault(), "anna", NOW).cancel(order.id, "BuyerCanceled")
    with day.parts.leases.hold(f"feeds:{ACCOUNT}", "another") as theirs:
        assert theirs
        run_feeds(day.parts, ACCOUNT)
        assert day.order().cancellation == "asked"
    run_feeds(day.parts, ACCOUNT)
    assert day.order().cancellation == "sent"
