"""The rows of a shipping file, checked against the orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.operations.acts.ship import Parcel, ShipmentRequests
from pipeline.operations.acts.shipping_check import OTHER_ROW, CheckedRow, check_rows
from pipeline.operations.acts.shipping_file import read_file
from pipeline.orders.tables import Order, Status
from tests.builders import NOW, a_shipment, a_vault, an_item, an_order, stored

HEAD = "order,carrier,tracking,items\n"


def waiting(number: str = "028-1", **changes: Any) -> Order:
    """Two blue mugs on a line, one on another, and a cup: in the shop, and not shipped."""
    facts = {
        "external_id": number,
        "step": "ship_order",
        "status": Status.WAITING,
        "magento_order_id": 900,
        "magento_increment_id": "000000018",
        "magento_state": "processing",
        "items": [
            an_item(magento_item_id=501),
            an_item(magento_item_id=502, external_item_id="I2", quantity=1),
            an_item(magento_item_id=503, external_item_id="I3", sku="CUP", quantity=1),
        ],
    }
    return an_order(**{**facts, **changes})


def checked(sessions: Sessions, *lines: str) -> Sequence[CheckedRow]:
    return check_rows(sessions, read_file((HEAD + "\n".join(lines)).encode()))


def mistakes(sessions: Sessions, *lines: str) -> list[str]:
    return [each.mistake for each in checked(sessions, *lines)]


@pytest.mark.parametrize("number", ["028-1", "000000018"])
def test_an_order_is_known_by_amazons_number_or_magentos(sessions: Sessions, number: str) -> None:
    order_id = stored(sessions, waiting())
    (each,) = checked(sessions, f"{number},DHL,0034 1,")
    assert (each.order_id, each.external_id, each.mistake) == (order_id, "028-1", "")
    assert each.parcel == Parcel("dhl", "0034 1", "DHL")


def test_several_rows_are_parcels_with_the_units_of_several_lines(sessions: Sessions) -> None:
    stored(sessions, waiting())
    rows = checked(sessions, "028-1,dhl,A1,mug-blue=2", "028-1,custom: Swift Post,B1,MUG-BLUE;CUP")
    assert [each.mistake for each in rows] == ["", ""]
    assert [each.parcel for each in rows] == [
        Parcel("dhl", "A1", "DHL", {"I1": 2}),
        Parcel("custom", "B1", "Swift Post", {"I2": 1, "I3": 1}),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("028-9,dhl,A1,", "no order has this number"),
        ("028-1,pigeon,A1,", "no carrier is called “pigeon”: give its code"),
        ("028-1,dhl,abc,", "give a tracking number"),
        ("028-1,dhl,A1,POT=1", "the order has no SKU POT"),
        ("028-1,dhl,A1,MUG-BLUE=4", "3 of MUG-BLUE are left to ship, not 4"),
        ("028-1,dhl,,", "tracking is missing"),
        ("028-2,dhl,A1,", "it is done here"),
        ("028-1,dhl,see 77,", "another order has this tracking number already"),
        ("028-1,dhl,opn8,", "another order has this tracking number already"),
        ("028-3,dhl,A1,", "its shipment has been requested already: take that back first"),
    ],
)
def test_each_row_says_its_own_mistake(sessions: Sessions, line: str, why: str) -> None:
    stored(sessions, waiting())
    stored(
        sessions,
        waiting(
            "028-2",
            status=Status.DONE,
            magento_increment_id="2",
            shipments=[a_shipment(tracking_number="SEE77")],
        ),
    )
    other = stored(sessions, waiting("028-3", magento_increment_id="3"))
    ShipmentRequests(sessions, a_vault(), "otto", NOW).ask(other, Parcel("dhl", "OPN 8"))
    (mistake,) = mistakes(sessions, line)
    assert mistake.startswith(why)


def test_units_that_are_shipped_already_are_not_left(sessions: Sessions) -> None:
    stored(sessions, waiting(shipments=[a_shipment(items={501: 2})]))
    assert mistakes(sessions, "028-1,dhl,A1,MUG-BLUE=2") == [
        "1 of MUG-BLUE are left to ship, not 2"
    ]


def test_a_magento_number_of_two_shops_is_not_guessed(sessions: Sessions) -> None:
    stored(sessions, waiting("028-1", shop="main"))
    stored(sessions, waiting("028-2", shop="outlet"))
    assert mistakes(sessions, "000000018,dhl,A1,") == [
        "orders of several shops have this number (main, outlet): give Amazon’s number"
    ]
    assert mistakes(sessions, "028-2,dhl,A1,") == [""]


def test_an_order_with_a_faulty_row_is_left_out_whole(sessions: Sessions) -> None:
    stored(sessions, waiting("028-1"))
    stored(sessions, waiting("028-2", magento_increment_id="2"))
    lines = "028-1,dhl,A1,MUG-BLUE=1", "028-2,dhl,C1,", "028-1,pigeon,B1,CUP=1"
    first, second, third = mistakes(sessions, *lines)
    assert (first, second) == (OTHER_ROW, "")
    assert third.startswith("no carrier")


def test_rows_of_an_order_are_weighed_together(sessions: Sessions) -> None:
    stored(sessions, waiting())
    assert mistakes(sessions, "028-1,dhl,A1,", "028-1,dhl,B1,")[0] == (
        "it has several parcels: give the units of each"
    )
    again = mistakes(sessions, "028-1,dhl,A1,CUP=1", "028-1,dhl,a 1,MUG-BLUE=1")
    assert set(again) == {"a package of it has that tracking number already"}


def test_a_number_that_the_file_gives_to_two_orders_is_refused(sessions: Sessions) -> None:
    stored(sessions, waiting("028-1"))
    stored(sessions, waiting("028-2", magento_increment_id="2"))
    why = "several orders of the file have this tracking number"
    lines = "028-1,dhl,A1,MUG-BLUE=1", "028-1,dhl,B1,CUP=1", "028-2,dhl,a1,"
    assert mistakes(sessions, *lines) == [why, OTHER_ROW, why]
