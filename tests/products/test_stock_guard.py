"""The guard of the shops' stock, against the stand-in and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.base.errors import Transient
from pipeline.base.incidents import Incidents
from pipeline.orders.tables import Status
from pipeline.products.stock_guard import Report, StockGuard
from tests.builders import NOW, SHOP, an_item, an_order, settings, stored
from tests.magento.selling import sold
from tests.magento.standing_in import StandIn, client_of, standing_in

HOUR = timedelta(hours=1)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[StandIn]:
    with standing_in(tmp_path) as stand_in:
        yield stand_in


def ours(sessions: Sessions, *skus: str, **changes: Any) -> None:
    """An open order of ours with a line of each SKU."""
    items = [an_item(external_item_id=f"I{place}", sku=sku) for place, sku in enumerate(skus)]
    stored(sessions, an_order(items=items, **changes))


def guard(sessions: Sessions, **marketplace: Any) -> StockGuard:
    return StockGuard(settings(marketplace=marketplace), sessions, Incidents(sessions))


def run(shop: StandIn, sessions: Sessions, times: int = 1, **marketplace: Any) -> Report:
    report = Report()
    for hour in range(times):
        report = guard(sessions, **marketplace).run(SHOP, client_of(shop.url), NOW + hour * HOUR)
    return report


def told(sessions: Sessions) -> dict[str, str]:
    return {incident.key: incident.text for incident in Incidents(sessions).all_open()}


def test_nothing_is_told_while_stock_is_what_all_orders_say(
    shop: StandIn, sessions: Sessions
) -> None:
    sold(shop, "MUG-BLUE", 3)
    sold(shop, "MUG-RED", 2)
    ours(sessions, "mug-blue ", "MUG-RED", "POSTER")
    assert run(shop, sessions, times=2) == Report(compared=3)
    assert told(sessions) == {}


def test_a_missing_reservation_is_told_of_when_it_is_seen_twice(
    shop: StandIn, sessions: Sessions
) -> None:
    entity_id = sold(shop, "MUG-BLUE", 3, is_reserved=False)
    ours(sessions, "MUG-BLUE")
    assert run(shop, sessions) == Report(compared=1, different=1)
    assert told(sessions) == {}
    run(shop, sessions)
    (key, text) = next(iter(told(sessions).items()))
    assert key == "stock:main:mug-blue"
    assert text.startswith(
        "shop main: 100 of MUG-BLUE can be sold, but by the sources and all open orders it should "
        "be 97. It oversells by 3: the orders that are not shipped yet reserve too little of it."
    )
    # Shipping gives back what was never taken: three pieces too many, and none of ours is open.
    shop.rest("POST", f"/order/{entity_id}/ship", {"notify": False})
    run(shop, sessions)
    assert (
        "100 of MUG-BLUE can be sold, but by the sources and all open orders it should be 97"
        in told(sessions)[key]
    )


def test_units_that_nothing_holds_are_told_of_and_the_incident_closes_by_itself(
    shop: StandIn, sessions: Sessions
) -> None:
    entity_id = sold(shop, "MUG-BLUE", 4)
    # Cancelled by a save, not by a cancellation: its reservation stays.
    entity = {"entity_id": entity_id, "state": "canceled", "status": "canceled"}
    shop.rest("PUT", "/orders/create", {"entity": entity})
    ours(sessions, "MUG-BLUE")
    run(shop, sessions, times=2)
    assert (
        "96 of MUG-BLUE can be sold, but by the sources and all open orders it should be 100"
        in told(sessions)["stock:main:mug-blue"]
    )
    assert "reserves 4 more than the open orders need" in told(sessions)["stock:main:mug-blue"]
    entity = {"entity_id": entity_id, "state": "processing", "status": "processing"}
    items = shop.rest("GET", f"/orders/{entity_id}")["items"]
    line = {key: items[0][key] for key in ("item_id", "sku", "product_type", "qty_ordered")}
    shop.rest("PUT", "/orders/create", {"entity": entity | {"items": [line]}})
    assert run(shop, sessions) == Report(compared=1)
    assert told(sessions) == {}


def test_what_cannot_be_compared_stops_no_other(shop: StandIn, sessions: Sessions) -> None:
    ours(sessions, "NOPE", "CONF-1", "OFF-1", "OUT-1", "BUNDLE-1", "MUG-BLUE", "SLASH/SKU+1")
    report = run(shop, sessions)
    assert report == Report(compared=2, skipped=5)
    calls = shop.answered()
    assert "product" not in calls
    assert calls["salable"] == 2


@pytest.mark.parametrize(
    ("item", "report"),
    [
        ({"manage_stock": False}, Report(skipped=1)),
        ({"manage_stock": True, "backorders": 1}, Report(skipped=1)),
        ({"manage_stock": True, "min_qty": -3}, Report(compared=1)),
        ({"manage_stock": True, "min_qty": 0}, Report(compared=1, different=1)),
    ],
    ids=["no stock is kept", "backorders", "sold below zero", "plain"],
)
def test_how_a_products_stock_is_managed_counts(
    shop: StandIn, sessions: Sessions, item: dict[str, Any], report: Report
) -> None:
    sold(shop, "MUG-BLUE", 3, is_reserved=False)
    ours(sessions, "MUG-BLUE")
    shop.tell("faults", route="stock_items", kind="status", status=200, body=item)
    assert run(shop, sessions) == report


def test_a_product_that_breaks_the_shop_is_passed_over(shop: StandIn, sessions: Sessions) -> None:
    ours(sessions, "MUG-BLUE", "MUG-RED")
    shop.tell("faults", route="salable", kind="status", status=500, times=4, contains="MUG-BLUE")
    assert run(shop, sessions) == Report(compared=1, skipped=1)


def test_a_shop_that_is_away_is_not_asked_for_everything(shop: StandIn, sessions: Sessions) -> None:
    ours(sessions, "MUG-BLUE", "MUG-RED", "POSTER", "LAMP")
    shop.tell("faults", route="salable", kind="status", status=503, times=100)
    with pytest.raises(Transient):
        run(shop, sessions)
    assert shop.answered("salable") == {"salable": 3 * 4}


def test_shops_and_products_without_reservations_are_left_alone(
    shop: StandIn, sessions: Sessions
) -> None:
    sold(shop, "MUG-BLUE", 3, is_reserved=False)
    ours(sessions, "MUG-BLUE")
    assert run(shop, sessions, stock="none") == Report()
    assert shop.answered() == {"product": 1, "create_order": 1}


@pytest.mark.parametrize(
    "changes", [{"fulfilled_by": "FBA"}, {"status": Status.DONE}], ids=["FBA", "through"]
)
def test_only_open_orders_of_our_own_goods_count(
    shop: StandIn, sessions: Sessions, changes: dict[str, Any]
) -> None:
    ours(sessions, "MUG-BLUE", **changes)
    assert run(shop, sessions) == Report()


def test_a_run_takes_few_calls(shop: StandIn, sessions: Sessions) -> None:
    for number in range(120):
        sold(shop, "POSTER", 1, is_reserved=number % 2 == 0)
    before = shop.answered()
    ours(sessions, "MUG-BLUE", "MUG-RED", "TEE-M", "TEE-L", "POSTER", "LAMP", "CHAIR")
    assert run(shop, sessions) == Report(compared=7, different=1)
    calls = {
        route: count - before.get(route, 0)
        for route, count in shop.answered().items()
        if count > before.get(route, 0)
    }
    print(f"guard: 7 products, 120 open orders, {sum(calls.values())} calls: {calls}")  # noqa: T201
    assert calls["orders"] == 2
    assert (calls["salable"], calls["stock_items"]) == (7, 1)
    assert sum(calls.values()) - calls["salable"] <= 12
