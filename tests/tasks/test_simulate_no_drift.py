"""What `orderbridge simulate` tells of the demo's orders, and what a shop got for the same ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from celery import Celery
from click.testing import CliRunner
from flask import Flask, request
from sqlalchemy import select

from devstack.stack import configuration
from devstack.stories import stories
from pipeline.cli import main
from pipeline.orders.tables import Order
from pipeline.settings.file import load
from sandbox.amazon.app import create_app as create_amazon
from sandbox.amazon.builders import a_line, an_order, stamped
from sandbox.amazon.state import Options, open_store
from sandbox.core import Store
from sandbox.magento.app import create_app as create_magento
from sandbox.magento.schema import SCHEMA
from tasks.command import steps
from tasks.engine.runtime import Runtime, build
from tasks.jobs.search_and_sweep import poll_amazon
from tasks.workflow import WORKFLOW
from tests.database_restores import remembers_everything
from tests.tasks.cancelling.test_cancelled_by_seller import served
from tests.tasks.conftest import close, variables
from tests.tasks.jobs.test_feeds import Clock

AMERICA = "ATVPDKIKX0DER"
HEADERS = {"Authorization": "Bearer sandbox-at"}
SECRETS = {
    "SHOP_MAIN_CONSUMER_KEY": "sandbox-ck",
    "SHOP_MAIN_CONSUMER_SECRET": "sandbox-cs",
    "SHOP_MAIN_ACCESS_TOKEN": "sandbox-at",
    "SHOP_MAIN_ACCESS_TOKEN_SECRET": "sandbox-ats",
    "ACCOUNT_MAIN_CLIENT_ID": "sandbox-client",
    "ACCOUNT_MAIN_CLIENT_SECRET": "sandbox-secret",
    "ACCOUNT_MAIN_REFRESH_TOKEN": "Atzr|sandbox-main",
}
# Given by each shop in its own order.
IDS = ("entity_id", "item_id", "parent_id", "customer_id")


@dataclass
class World:
    """The demo's day up to the warehouse, and every write that the shop took for it."""

    folder: Path
    config: Path
    shop_url: str
    parts: Runtime
    clock: Clock
    raws: list[dict[str, Any]]
    written: list[tuple[str, str, Any]] = field(default_factory=list)

    def shop(self, route: str) -> Any:
        return requests.get(f"{self.shop_url}/rest/V1{route}", headers=HEADERS, timeout=10).json()

    def told(self, *words: str) -> dict[str, Any]:
        """What simulate prints, with what was saved of the shop."""
        orders, products = self.folder / "orders.json", self.folder / "products.json"
        replies = self.folder / "shop.json"
        orders.write_text(json.dumps({"orders": self.raws}, default=str), encoding="utf-8")
        goods = self.shop("/products?searchCriteria[pageSize]=100")
        for row in goods["items"]:
            url = f"{self.shop_url}/_control/stock/{row['sku']}"
            row["qty"] = requests.get(url, timeout=10).json()["salable"]
        products.write_text(json.dumps(goods), encoding="utf-8")
        routes = ("/store/storeConfigs", "/store/websites", "/directory/currency")
        countries = [f"/directory/countries/{code}" for code in ("DE", "US")]
        told = {route: self.shop(route) for route in (*routes, *countries)}
        replies.write_text(json.dumps(told), encoding="utf-8")
        result = CliRunner().invoke(
            main,
            [
                *("simulate", str(orders), "--config", str(self.config), "--json"),
                *("--products", str(products), "--shop", str(replies), *words),
            ],
            obj=steps,
        )
        assert result.exit_code == 1, result.output  # not all of them can be created
        return {order["number"]: order for order in json.loads(result.stdout)["orders"]}

    def work(self) -> None:
        """What workers do with all that is due now."""
        self.clock.on(timedelta(minutes=2))
        for order_id, step in self.parts.orders.due(self.clock.at, 100):
            while self.parts.runner.run(step, WORKFLOW[step][0], order_id, "a-task"):
                step = self.order(order_id).step

    def order(self, order_id: int) -> Order:
        with self.parts.sessions() as session:
            return session.get_one(Order, order_id)


@pytest.fixture
def world(app: Celery, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    remembers_everything(database_url)
    clock = Clock()
    clock.on(-timedelta(days=20))
    amazon, shop = open_store(tmp_path / "amazon.sqlite"), Store(tmp_path / "shop.sqlite", SCHEMA)
    written: list[tuple[str, str, Any]] = []
    with (
        served(create_amazon(amazon, Options(), clock=clock)) as amazon_url,
        served(noting(create_magento(shop), written)) as shop_url,
    ):
        named = variables(tmp_path, database_url, redis_url)
        config = tmp_path / "orderbridge.toml"
        config.write_text(configuration({"amazon": amazon_url, "magento": shop_url}), "utf-8")
        named |= {f"ORDERBRIDGE_{name}": value for name, value in SECRETS.items()}
        parts = build(load(named), clock)
        for order in corpus():
            body = {"order": stamped(order, clock.at)}
            url = f"{amazon_url}/_control/orders"
            requests.post(url, json=body, timeout=10).raise_for_status()
        clock.on(timedelta(minutes=3))
        channel = parts.clients.channels["main"]
        raws = [
            dict(raw) for raw in channel.changed_orders(clock.at - timedelta(days=1), None).orders
        ]
        yield World(tmp_path, config, shop_url, parts, clock, raws, written)
        close(parts)
    amazon.close()
    shop.close()


def corpus() -> list[dict[str, Any]]:
    """The demo's orders, and one to a country whose regions the shop knows."""
    address = {
        "addressLine1": "410 Terry Ave N",
        "city": "Seattle",
        "stateOrRegion": "WA",
        "postalCode": "98109-5210",
        "countryCode": "US",
    }
    lines = [a_line("MUG-BLUE", 3, unit="9.99", discount="1.00", tax="2.47")]
    abroad = an_order("302-0000099-0000099", marketplace=AMERICA, address=address, lines=lines)
    return [*(story.order for story in stories()), abroad]


def noting(app: Flask, written: list[tuple[str, str, Any]]) -> Flask:
    """The shop, which also keeps each write as it arrived."""

    def keep() -> None:
        if request.method != "GET" and not request.path.startswith("/_control"):
            path = request.environ["magento.path"]
            written.append((request.method, path, request.get_json(silent=True)))

    app.before_request_funcs.setdefault(None, []).insert(0, keep)
    return app


def without_ids(body: Any) -> Any:
    if isinstance(body, dict):
        return {name: without_ids(value) for name, value in body.items() if name not in IDS}
    return [without_ids(one) for one in body] if isinstance(body, list) else body


def comparable(method: str, path: str, body: Any) -> tuple[str, str, str]:
    shown = json.dumps(without_ids(body), sort_keys=True, ensure_ascii=False)
    return method, re.sub(r"/\d+", "/N", path), shown


def ends(told: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    """The last step of each, its hold code and its reason."""
    last = {number: order["steps"][-1] for number, order in told.items()}
    return {
        number: (one["step"], one["code"], one["reason"] if one["end"] == "held" else "")
        for number, one in last.items()
    }


def stand(world: World, told: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    """The same of the orders in the database; what was told and is not there was left out."""
    with world.parts.sessions() as session:
        rows = session.scalars(select(Order)).all()
    there = {
        row.external_id: (row.step, row.hold_code or "", row.hold_reason or "") for row in rows
    }
    return dict.fromkeys(told, ("intake", "", "")) | there


def test_the_shop_gets_what_was_told(world: World, app: Celery) -> None:
    """Every request of every order, and where those stand that came to none or not to all."""
    told = world.told("--show-buyer")
    poll_amazon(app, world.parts, "main")
    world.work()
    assert len(told) == len(corpus())
    requests_told = [
        comparable(request["method"], request["path"], request["body"])
        for order in told.values()
        for step in order["steps"]
        for request in step["requests"]
    ]
    assert sorted(requests_told) == sorted(comparable(*one) for one in world.written)
    created = {number for number, order in told.items() if order["is_created"]}
    bodies = [body["entity"] for method, path, body in world.written if method == "PUT"]
    assert {body["ext_order_id"] for body in bodies if "ext_order_id" in body} == created
    assert len(created) == 13
    assert ends(told) == stand(world, told)
