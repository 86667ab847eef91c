"""A package of which nobody knows whether Amazon took its confirmation, against both stand-ins."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from sqlalchemy import update

from pipeline.operations.acts.one_order import Decisions
from pipeline.orders.package_tables import Shipment
from tests.builders import NOW, a_vault
from tests.tasks.cancelling.test_cancelled_by_seller import NUMBER, Day, day  # noqa: F401 - the fixture

# ruff: noqa: F811
TRACK = {"carrier_code": "dhl", "title": "DHL", "track_number": "00340434161094000001"}


@pytest.fixture
def unclear(day: Day) -> Day:
    """The order is shipped in the shop, and the report of its feed could not be read."""
    day.work()
    refusal = {"route": "confirm_shipment", "kind": "status", "status": 503, "times": 4}
    day.tell("amazon", "faults", **refusal)
    day.call("POST", f"/order/{day.in_magento()['entity_id']}/ship", {"tracks": [TRACK]})
    day.work()
    requests.delete(f"{day.url('amazon')}/_control/faults", timeout=10)
    with day.parts.sessions() as session, session.begin():
        values: dict[str, Any] = {"confirmation": "unclear", "refusal": "the report is unusable"}
        session.execute(update(Shipment).values(**values))
    return day


def again(day: Day) -> Any:
    order = day.order()
    day.parts.orders.release(order.id, author="anna", now=day.parts.clients.now())
    return day.work()


def test_it_is_held_and_not_sent_until_a_person_says_so(unclear: Day) -> None:
    for _ in range(2):
        order = again(unclear)
        assert (order.status, order.hold_code) == ("held", "confirmation_lost")
        assert "the report is unusable" in (order.hold_reason or "")
        assert unclear.at_amazon() == "UNSHIPPED"
    Decisions(unclear.parts.sessions, a_vault(), "anna", NOW).confirm_anyway(order.id)
    assert again(unclear).status == "done"
    assert unclear.at_amazon() == "SHIPPED"


def test_what_amazon_shows_meanwhile_counts(unclear: Day) -> None:
    package = {"packageReferenceId": "9", "trackingNumber": TRACK["track_number"]}
    url = f"{unclear.url('amazon')}/_control/orders/{NUMBER}"
    requests.patch(url, json={"packages": [package]}, timeout=10).raise_for_status()
    order = again(unclear)
    assert (order.status, unclear.at_amazon()) == ("done", "UNSHIPPED")
    found = requests.get(url, timeout=10).json()
    assert found["confirmations"] == {}
