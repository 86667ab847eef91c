"""Step 6: waiting for the warehouse."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipeline.orders.outcome import Done, Hold, HoldCode, Outcome, Skipped, Wait
from pipeline.orders.package_tables import Shipment
from tests.builders import a_shipment, an_item, an_order
from tests.tasks.as_run import ship_order
from tests.tasks.fakes import clients

AN_HOUR = timedelta(hours=1)
FOR_GOODS = Wait("waiting for the warehouse", AN_HOUR)
FOR_A_NUMBER = Wait("shipped, waiting for a tracking number", AN_HOUR)


def above(left: int) -> Hold:
    return Hold(
        HoldCode.QUANTITY_ABOVE_ORDERED,
        f"Magento shipped more of MUG-BLUE than the {left} that were to be shipped",
        {"sku": "MUG-BLUE"},
    )


@pytest.mark.parametrize(
    ("changes", "before", "shipments", "outcome"),
    [
        pytest.param({}, 0, [], FOR_GOODS, id="nothing yet"),
        pytest.param({}, 0, [a_shipment()], Done(), id="all"),
        pytest.param({}, 0, [a_shipment(items={501: 1})], Done(), id="a part"),
        pytest.param(
            {}, 0, [a_shipment(tracking_number="")], FOR_A_NUMBER, id="the track comes late"
        ),
        pytest.param(
            {},
            0,
            [a_shipment(71, items={501: 1}, tracking_number=""), a_shipment(72, items={501: 1})],
            Done(),
            id="one of two has a number",
        ),
        pytest.param({}, 0, [a_shipment(items={501: 3})], above(2), id="more than ordered"),
        pytest.param(
            {},
            0,
            [a_shipment(71, items={501: 2}), a_shipment(72, items={501: 1})],
            above(2),
            id="more than ordered in two",
        ),
        pytest.param({}, 1, [a_shipment(items={501: 1})], Done(), id="the rest"),
        pytest.param({}, 1, [a_shipment()], above(1), id="more than the rest"),
        pytest.param(
            {"remote_status": "SHIPPED"},
            0,
            [],
            Skipped("it was shipped before Orderbridge imported it"),
            id="shipped before",
        ),
        pytest.param(
            {"remote_status": "SHIPPED", "magento_order_id": 900},
            0,
            [a_shipment()],
            Done(),
            id="shipped by us",
        ),
        *(
            pytest.param(
                {"remote_status": "SHIPPED", "magento_order_id": 900, "magento_state": state},
                0,
                [],
                Skipped(
                    "Amazon shows it as shipped: its label was bought there, or it was confirmed "
                    "by hand; ship it in Magento as well"
                ),
                id=f"confirmed elsewhere, {state} in Magento",
            )
            for state in ("new", "processing")
        ),
        pytest.param(
            {"remote_status": "SHIPPED", "magento_order_id": 900, "magento_state": "complete"},
            0,
            [],
            Skipped("it was shipped before Orderbridge imported it"),
            id="placed as complete",
        ),
        *(
            pytest.param(
                {"programs": [program], "remote_status": status},
                0,
                shipments,
                Skipped("Amazon's carrier collects it, so there is no tracking number to wait for"),
                id=f"{program} {status}",
            )
            for program in ("AMAZON_EASY_SHIP", "DELIVERY_BY_AMAZON")
            for status in ("UNSHIPPED", "SHIPPED")
            for shipments in ([], [a_shipment(tracking_number="")])
        ),
        pytest.param({"programs": ["FBM_SHIP_PLUS"]}, 0, [], FOR_GOODS, id="Ship+ waits as ever"),
        pytest.param({"remote_status": "PARTIALLY_SHIPPED"}, 1, [], FOR_GOODS, id="the rest waits"),
        pytest.param(
            {"remote_status": "SHIPPED", "fulfilled_by": "FBA"},
            0,
            [],
            Skipped("Amazon shipped it"),
            id="FBA",
        ),
    ],
)
def test_asks_nobody_and_looks_at_the_shipments(
    changes: dict[str, Any], before: int, shipments: list[Shipment], outcome: Outcome
) -> None:
    item = an_item(magento_item_id=501, quantity_fulfilled_before=before)
    assert ship_order(an_order(items=[item], shipments=shipments, **changes), clients()) == outcome


def test_a_line_of_the_shops_own_does_not_count() -> None:
    order = an_order(
        items=[an_item(magento_item_id=501)], shipments=[a_shipment(items={501: 2, 599: 7})]
    )
    assert ship_order(order, clients()) == Done()
