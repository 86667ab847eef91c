"""Amazon ships between two tries of `create_order`: the shop's order keeps its shape."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.base.db import Sessions
from pipeline.orders.outcome import Done
from tests.magento.standing_in import StandIn, standing_in
from tests.tasks.placed import Place, a_line


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with standing_in(tmp_path_factory.mktemp("shop")) as shop:
        shop.tell("products", sku="A", qty=100)
        yield shop


@pytest.mark.parametrize("status", ["SHIPPED", "PARTIALLY_SHIPPED"])
@pytest.mark.parametrize("is_shipped_there", [False, True])
def test_an_open_order_stays_open_and_without_invoice(
    shop: StandIn, sessions: Sessions, status: str, is_shipped_there: bool
) -> None:
    shop.tell("reset")
    shop.tell("products", sku="A", qty=100)
    place = Place(shop, sessions, (a_line("I1", "A", 3),), settings={"invoice": "leave"})
    outcome, order = place.run()
    if is_shipped_there:
        shop.tell("ship", entity_id=order.magento_order_id)
    place.status = status
    outcome, order = place.run()
    assert outcome == Done()
    there = shop.rest("GET", f"/orders/{order.magento_order_id}")
    assert there["state"] == order.magento_state
    assert there["state"] == ("processing" if is_shipped_there else "new")
    assert not there.get("total_invoiced")
    assert order.items[0].quantity_fulfilled_before == 0


def test_an_order_that_was_created_as_sent_is_invoiced_and_complete(
    shop: StandIn, sessions: Sessions
) -> None:
    shop.tell("reset")
    shop.tell("products", sku="A", qty=100)
    line = (a_line("I1", "A", 3, 3),)
    place = Place(shop, sessions, line, status="SHIPPED", settings={"invoice": "leave"})
    place.run()
    assert place.run()[1].magento_state == "complete"
