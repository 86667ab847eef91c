"""Orders that Amazon invoices: no confirmation without the place they are shipped from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from celery import Celery

from pipeline.orders.tables import Order
from sandbox.amazon.app import create_app as create_amazon
from sandbox.amazon.builders import a_line
from sandbox.amazon.builders import an_order as amazons_order
from sandbox.amazon.state import open_store
from sandbox.core import Store
from sandbox.magento.app import create_app as create_magento
from sandbox.magento.schema import SCHEMA
from tasks.engine.runtime import build
from tests.builders import settings
from tests.tasks.cancelling.test_cancelled_by_seller import NUMBER, Day, loaded_settings, served
from tests.tasks.conftest import close
from tests.tasks.jobs.test_feeds import WORKED_ON, Clock

HERE, BERLIN = "0590c8d6-here", "1690c8d6-berlin"
Open = Callable[..., Day]


@pytest.fixture
def open_day(app: Celery, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Open]:
    """A day with one such order, and what the account says of its places."""
    with ExitStack() as stack:

        def opened(*, programs: tuple[str, ...] = ("INVOICE_BY_AMAZON",), **account: Any) -> Day:
            day = a_day(app, tmp_path, (database_url, redis_url), account, programs)
            return stack.enter_context(day)

        yield opened


@contextmanager
def a_day(
    app: Celery,
    folder: Path,
    servers: tuple[str, str],
    account: dict[str, Any],
    programs: tuple[str, ...],
) -> Iterator[Day]:
    clock = Clock()
    amazon, shop = open_store(folder / "amazon.sqlite"), Store(folder / "shop.sqlite", SCHEMA)
    with (
        served(create_amazon(amazon, clock=clock)) as amazon_url,
        served(create_magento(shop, bearer=False)) as magento_url,
    ):
        told = loaded_settings(*servers, amazon_url, magento_url, confirm_without_tracking=True)
        own = {**told.accounts["eu"].model_dump(), **account}
        checked = settings(account=own).accounts["eu"]
        parts = build(told.model_copy(update={"accounts": {"eu": checked}}), clock)
        day = Day(app, parts, amazon_url, magento_url, clock)
        day.tell("magento", "products", sku="MUG-BLUE", qty=100)
        order = amazons_order(NUMBER, lines=[a_line("MUG-BLUE", 2)], programs=programs)
        day.tell("amazon", "orders", order=order)
        clock.on(WORKED_ON)
        yield day
        close(parts)
    amazon.close()
    shop.close()


def shipped(day: Day, number: str = "00340434161094000001") -> Order:
    day.work()
    tracks = [{"carrier_code": "dhl", "title": "DHL", "track_number": number}] if number else []
    day.call("POST", f"/order/{day.in_magento()['entity_id']}/ship", {"tracks": tracks})
    return day.work()


def test_it_is_held_before_amazon_says_no_and_the_setting_is_named(open_day: Open) -> None:
    day = open_day()
    order = shipped(day)
    assert (order.status, order.hold_code) == ("held", "setting_missing")
    assert "accounts.eu.supply_source" in (order.hold_reason or "")
    calls = requests.get(f"{day.url('amazon')}/_control/calls", timeout=10).json()
    assert (day.at_amazon(), "confirm_shipment" in calls) == ("UNSHIPPED", False)


@pytest.mark.parametrize(
    "account",
    [
        {"supply_source": HERE},
        {"supply_sources": {"default": HERE}},
        {"supply_source": BERLIN, "supply_sources": {"default": HERE, "berlin": BERLIN}},
    ],
)
def test_the_place_of_the_source_or_the_account_goes_along(
    open_day: Open, account: dict[str, Any]
) -> None:
    day = open_day(**account)
    order = shipped(day)
    assert (order.status, day.at_amazon()) == ("done", "SHIPPED")
    found = requests.get(f"{day.url('amazon')}/_control/orders/{NUMBER}", timeout=10).json()
    (package,) = found["order"]["packages"]
    assert package["shipFromAddress"] == {"name": HERE}


def test_a_source_without_a_place_is_named(open_day: Open) -> None:
    order = shipped(open_day(supply_sources={"berlin": BERLIN}))
    assert order.hold_code == "setting_missing"
    assert "accounts.eu.supply_sources.default" in (order.hold_reason or "")


def test_such_a_package_without_a_number_waits_for_one(open_day: Open) -> None:
    order = shipped(open_day(supply_source=HERE), number="")
    assert (order.status, order.last_note) == (
        "waiting",
        "a package has no tracking number yet, or a text that does not look like one",
    )


def test_of_any_other_order_nothing_is_said(open_day: Open) -> None:
    day = open_day(programs=("PRIME",), supply_source=HERE)
    assert shipped(day).status == "done"
    found = requests.get(f"{day.url('amazon')}/_control/orders/{NUMBER}", timeout=10).json()
    assert "shipFromAddress" not in found["order"]["packages"][0]
