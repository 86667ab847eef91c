"""Packages from the shop to Amazon, all the way, against both stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from celery import Celery

from pipeline.orders.tables import Status
from tasks.jobs.watch_shop import watch_confirmed
from tests.builders import SHOP, loaded
from tests.tasks.cancelling.test_cancelled_by_seller import NUMBER, Day, a_day

DHL = {"track_number": "0034", "title": "DHL", "carrier_code": "dhl"}
UPS = {"track_number": "1Z99", "title": "UPS", "carrier_code": "ups"}


@pytest.fixture
def day(app: Celery, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Day]:
    with a_day(app, tmp_path, database_url, redis_url, confirm_without_tracking=True) as day:
        assert day.work().step == "ship_order"
        yield day


def ship(day: Day, *tracks: dict[str, str], **more: Any) -> int:
    entity_id = day.in_magento()["entity_id"]
    made = day.tell("magento", "ship", entity_id=entity_id, tracks=list(tracks), **more)
    return int(made["shipment_id"])


def at_amazon(day: Day) -> list[tuple[str, str | None, int]]:
    """Reference, number and units of each package."""
    url = f"{day.url('amazon')}/_control/orders/{NUMBER}"
    packages = requests.get(url, timeout=10).json()["order"].get("packages", [])
    return [
        (
            package["packageReferenceId"],
            package.get("trackingNumber"),
            sum(item["quantity"] for item in package["packageItems"]),
        )
        for package in packages
    ]


def test_two_tracks_of_one_shipment_are_two_packages(day: Day) -> None:
    first = ship(day, DHL, UPS)
    order = day.work()
    assert (order.status, day.at_amazon()) == (Status.DONE, "SHIPPED")
    assert at_amazon(day) == [(str(first), "0034", 1), (str(10**10 + first), "1Z99", 1)]
    assert day.in_magento()["status"] == "complete"
    # The shop has it in words too, and nobody got a mail.
    words = "Told Amazon:\nDHL 0034: 1 x MUG-BLUE\nUPS 1Z99: 1 x MUG-BLUE"
    entity_id = day.in_magento()["entity_id"]
    assert day.parts.clients.shops[SHOP].orders.find_comment(entity_id, words) is not None
    assert requests.get(f"{day.url('magento')}/_control/mails", timeout=10).json() == []


def test_two_shipments_are_two_packages_from_whatever_source(day: Day) -> None:
    (item,) = (item for item in day.in_magento()["items"] if item["sku"] == "MUG-BLUE")
    part = [{"order_item_id": item["item_id"], "qty": 1}]
    first, second = ship(day, DHL, items=part), ship(day, UPS, items=part)
    assert day.work().status == Status.DONE
    assert at_amazon(day) == [(str(first), "0034", 1), (str(second), "1Z99", 1)]


def test_a_shipment_made_anew_gets_the_package_of_the_deleted_one(day: Day, app: Celery) -> None:
    first = ship(day, DHL)
    assert day.work().status == Status.DONE
    day.tell("magento", "delete_shipment", shipment_id=first)
    watch_confirmed(app, day.parts, SHOP)
    held = day.work()
    assert (held.status, held.hold_code) == (Status.HELD, "shipment_changed")
    entity_id = day.in_magento()["entity_id"]
    (item,) = (item for item in day.in_magento()["items"] if item["sku"] == "MUG-BLUE")
    anew = {
        "order_id": entity_id,
        "items": [{"order_item_id": item["item_id"], "qty": 2}],
        "tracks": [UPS],
    }
    day.call("POST", "/shipment", {"entity": anew})
    assert day.work().status == Status.DONE
    assert at_amazon(day) == [(str(first), "1Z99", 2)]


def test_a_shipment_without_a_number_is_told_by_feed_and_its_number_later(
    day: Day, app: Celery
) -> None:
    first = ship(day)
    waiting = day.work()
    assert (waiting.status, waiting.last_note) == (
        Status.WAITING,
        "the confirmation goes to Amazon with the next feed",
    )
    day.feeds()
    assert at_amazon(day) == [(str(first), None, 2)]
    assert day.work().status == Status.DONE
    day.tell("magento", "track", shipment_id=first, **DHL)
    watch_confirmed(app, day.parts, SHOP)
    order = day.work()
    assert order.status == Status.DONE
    assert at_amazon(day) == [(str(first), "0034", 2)]
    (package,) = loaded(day.parts.sessions, order.id).shipments
    assert package.confirmed_as == "dhl/DHL/0034"
