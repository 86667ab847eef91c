"""Products against the stand-in: how few searches a page of orders costs, and one product for a SKU
that many orders lack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.base.quota import Lane
from pipeline.operations.acts.map_sku import SkuDecisions
from pipeline.orders.machine import STEPS
from pipeline.orders.tables import Effect, Status
from tasks.engine.runtime import Runtime, build
from tasks.workflow import WORKFLOW
from tests.builders import ACCOUNT, NOW, a_raw_item, a_raw_order, loaded, settings
from tests.database_restores import remembers_everything
from tests.magento.standing_in import TOKEN, StandIn, standing_in
from tests.tasks.conftest import close

Workers = Callable[..., list[Runtime]]
LOOK_UPS = STEPS[:3]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[StandIn]:
    with standing_in(tmp_path) as stand_in:
        yield stand_in


@pytest.fixture
def workers(shop: StandIn, database_url: str, redis_url: str) -> Iterator[Workers]:
    """Two worker processes' worth of clients, with the operator's settings."""
    remembers_everything(database_url)
    made: list[Runtime] = []

    def make(**marketplace: Any) -> list[Runtime]:
        loaded_settings = settings(
            shop={"base_url": shop.url, "access_token": TOKEN},
            marketplace={"out_of_stock": "backorder", **marketplace},
            database_url=database_url,
            redis_url=redis_url,
        )
        made.extend(build(loaded_settings, lambda: NOW) for _ in range(2))
        return made

    yield make
    for one in made:
        close(one)


def of_sku(sku: str, title: str = "Mug") -> dict[str, Any]:
    return a_raw_order(
        orderItems=[a_raw_item(product={"asin": "B1", "title": title, "sellerSku": sku})]
    )


def a_page(worker: Runtime, skus: list[str]) -> list[int]:
    """Orders of these SKUs, stored as the poll stores a page."""
    account = worker.settings.accounts[ACCOUNT]
    channel = worker.clients.channels[ACCOUNT]
    raws = [of_sku(sku) for sku in skus]
    return list(worker.intake.store(ACCOUNT, account, channel, raws, NOW, Lane.NEW).new)


def run(workers: list[Runtime], step: str, orders: list[int]) -> None:
    """One step of all orders, shared among eight threads of each worker."""
    with ThreadPoolExecutor(16) as pool:
        turns = zip(cycle(workers), orders, strict=False)
        list(
            pool.map(
                lambda turn: turn[0].runner.run(
                    step, WORKFLOW[step][0], turn[1], f"{step}-{turn[1]}"
                ),
                turns,
            )
        )


def test_a_page_of_orders_costs_two_searches(
    shop: StandIn, workers: Workers, sessions: Sessions, figure: Callable[[str], None]
) -> None:
    skus = [f"PAGE-{number}" for number in range(60)]
    for sku in skus:
        shop.rest("POST", "/products", {"product": {"sku": sku, "name": sku}})
    both = workers()
    orders = a_page(both[0], [skus[number % 60] for number in range(100)])
    for step in LOOK_UPS:
        run(both, step, orders)
    ends = [loaded(sessions, order) for order in orders]
    assert {one.step for one in ends} == {"create_customer"}
    assert {one.items[0].product["sku"] for one in ends if one.items[0].product} == set(skus)
    searches = shop.answered("products").get("products", 0)
    figure(f"100 orders of 60 SKUs, 16 threads of 2 workers: {searches} product searches")
    assert searches == 2


def test_many_orders_of_an_unknown_sku_make_one_product(
    shop: StandIn, workers: Workers, sessions: Sessions
) -> None:
    both = workers(unknown_sku="placeholder", out_of_stock="block")
    orders = a_page(both[0], ["NEW/1 ä"] * 6)
    for step in LOOK_UPS:
        run(both, step, orders)
    # Those that came while it was being made wait until that must be over.
    assert {loaded(sessions, order).status for order in orders} <= {Status.READY, Status.WAITING}
    assert shop.answered("create_product") == {"create_product": 1}
    made = shop.rest("GET", "/products/NEW%2F1%20%C3%A4")
    stock = made["extension_attributes"]["stock_item"]
    assert (made["status"], made["visibility"], made["price"], stock["manage_stock"]) == (
        2,
        1,
        0,
        False,
    )
    with sessions() as session:
        (effect,) = session.query(Effect).all()
    assert (effect.key, effect.state, effect.remote_id) == (
        "product:main:new/1 ä",
        "done",
        str(made["id"]),
    )
    (later,) = a_page(both[0], ["new/1 Ä"])
    for step in LOOK_UPS:
        run(both, step, [later])
    assert loaded(sessions, later).step == "create_customer"


@pytest.mark.parametrize("kind", ["cut_after", "cut_before"])
def test_a_lost_answer_is_adopted_or_made_good(
    shop: StandIn, workers: Workers, sessions: Sessions, kind: str
) -> None:
    both = workers(unknown_sku="placeholder")
    shop.tell("faults", route="create_product", kind=kind)
    (order,) = a_page(both[0], ["NEW-1"])
    for step in LOOK_UPS:
        run(both, step, [order])
    waiting = loaded(sessions, order)
    assert (waiting.step, waiting.status, waiting.hold_reason) == (
        "enrich_order",
        Status.WAITING,
        None,
    )
    later = build(
        both[0].settings, lambda: NOW + both[0].clients.ledger_of(waiting).settles_after * 2
    )
    run([later], "enrich_order", [order])
    close(later)
    assert loaded(sessions, order).step == "create_customer"
    answers = 1 if kind == "cut_after" else 2
    assert shop.answered("create_product") == {"create_product": answers}
    assert shop.rest("GET", "/products/NEW-1")["status"] == 2


def test_a_taken_url_key_holds_the_order_and_makes_nothing(
    shop: StandIn, workers: Workers, sessions: Sessions
) -> None:
    shop.tell(
        "faults",
        route="create_product",
        kind="status",
        status=400,
        body={"message": "URL key for specified store already exists."},
    )
    both = workers(unknown_sku="placeholder")
    (order,) = a_page(both[0], ["NEW-1"])
    for step in LOOK_UPS:
        run(both, step, [order])
    held = loaded(sessions, order)
    assert (held.status, held.hold_code) == (Status.HELD, "product_refused")
    assert held.hold_reason == (
        "the product was refused: Magento answered 400: URL key for specified store already exists."
    )


def test_a_mapped_line_is_the_shops_product_and_still_amazons_item(
    shop: StandIn, workers: Workers, sessions: Sessions, tmp_path: Path
) -> None:
    path = tmp_path / "skus.csv"
    path.write_text("amazon_sku;magento_sku\nAMZ 1;mug-red\n", encoding="utf-8")
    both = workers(unknown_sku="map", sku_map=path, out_of_stock="block")
    (order,) = a_page(both[0], ["AMZ 1"])
    for step in STEPS[:5]:
        run(both, step, [order])
    placed = loaded(sessions, order)
    assert (placed.step, placed.hold_reason) == ("ship_order", None)
    (line,) = [
        one
        for one in shop.rest("GET", f"/orders/{placed.magento_order_id}")["items"]
        if one.get("ext_order_item_id")
    ]
    product = shop.rest("GET", "/products/MUG-RED")
    assert (line["sku"], line["product_id"], line["ext_order_item_id"]) == (
        "MUG-RED",
        product["id"],
        "I1",
    )
    assert (placed.items[0].sku, placed.items[0].magento_item_id) == ("AMZ 1", line["item_id"])


def test_what_a_person_maps_places_every_order_that_was_held_for_it(
    shop: StandIn, workers: Workers, sessions: Sessions
) -> None:
    both = workers(out_of_stock="block")
    orders = a_page(both[0], ["AMZ 1"] * 3)
    for step in LOOK_UPS:
        run(both, step, orders)
    assert {loaded(sessions, order).hold_code for order in orders} == {"sku_not_found"}
    decisions = SkuDecisions(sessions, [ACCOUNT], "anna", NOW - timedelta(seconds=1))
    assert decisions.sell_as(ACCOUNT, "AMZ 1", "mug-red") == 3
    for step in STEPS[2:5]:
        run(both, step, orders)
    placed = [loaded(sessions, order) for order in orders]
    assert {(one.step, one.hold_reason) for one in placed} == {("ship_order", None)}
    sold = [
        line["sku"]
        for one in placed
        for line in shop.rest("GET", f"/orders/{one.magento_order_id}")["items"]
        if line.get("ext_order_item_id")
    ]
    assert sold == ["MUG-RED"] * 3


@pytest.mark.parametrize("type_id", ["virtual", "downloadable"])
def test_a_product_without_a_parcel_is_sold_as_goods(
    shop: StandIn, workers: Workers, sessions: Sessions, type_id: str
) -> None:
    stock = {"stock_item": {"qty": 10, "is_in_stock": True}}
    product = {"sku": "V-1", "name": "V", "type_id": type_id, "extension_attributes": stock}
    shop.rest("POST", "/products", {"product": product})
    both = workers(out_of_stock="block")
    (order,) = a_page(both[0], ["V-1"])
    for step in STEPS[:5]:
        run(both, step, [order])
    placed = loaded(sessions, order)
    assert (placed.step, placed.hold_reason) == ("ship_order", None)
    shop.tell("ship", entity_id=placed.magento_order_id)
    assert shop.rest("GET", f"/orders/{placed.magento_order_id}")["state"] == "complete"
    assert shop.stock("V-1") == (Decimal(8), Decimal(0), Decimal(8))


@pytest.mark.parametrize(
    ("stock", "hold_code"),
    [
        ({"qty": 0, "use_config_manage_stock": False, "manage_stock": False}, None),
        ({"qty": 0, "use_config_backorders": False, "backorders": 1}, None),
        ({"qty": 1}, "out_of_stock"),
        ({"qty": 2}, None),
    ],
)
def test_the_shops_own_stock_settings_count(
    shop: StandIn,
    workers: Workers,
    sessions: Sessions,
    stock: dict[str, Any],
    hold_code: str | None,
) -> None:
    extension = {"stock_item": {"is_in_stock": True, **stock}}
    product = {"sku": "S-1", "name": "S", "extension_attributes": extension}
    shop.rest("POST", "/products", {"product": product})
    both = workers(out_of_stock="block")
    (order,) = a_page(both[0], ["S-1"])
    for step in LOOK_UPS:
        run(both, step, [order])
    assert loaded(sessions, order).hold_code == hold_code
