"""Beat's guard of the shops' stock: one shop, its lease, and a shop that is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from pipeline.base.incidents import Incidents
from tasks.engine.runtime import Runtime, build
from tasks.jobs.stock_guard import guard_stock
from tests.builders import SHOP, an_item, an_order, settings, stored
from tests.magento.selling import sold
from tests.magento.standing_in import TOKEN, StandIn, standing_in
from tests.tasks.conftest import close


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[StandIn]:
    with standing_in(tmp_path) as stand_in:
        yield stand_in


@pytest.fixture
def parts(shop: StandIn, database_url: str, redis_url: str) -> Iterator[Runtime]:
    at = {"base_url": shop.url, "access_token": TOKEN}
    built = build(settings(shop=at, database_url=database_url, redis_url=redis_url))
    yield built
    close(built)


def told(parts: Runtime) -> list[str]:
    return [incident.key for incident in Incidents(parts.sessions).all_open()]


def test_two_runs_tell_what_the_shop_oversells(shop: StandIn, parts: Runtime) -> None:
    sold(shop, "MUG-BLUE", 3, is_reserved=False)
    stored(parts.sessions, an_order(items=[an_item()]))
    guard_stock(parts, SHOP)
    assert told(parts) == []
    guard_stock(parts, SHOP)
    assert told(parts) == ["stock:main:mug-blue"]


def test_one_run_at_a_time(shop: StandIn, parts: Runtime) -> None:
    stored(parts.sessions, an_order(items=[an_item()]))
    with parts.leases.hold(f"guard:{SHOP}", "another worker") as held:
        assert held
        guard_stock(parts, SHOP)
    assert shop.answered() == {}


def test_a_shop_that_refuses_us_is_left_for_the_next_run(shop: StandIn, parts: Runtime) -> None:
    stored(parts.sessions, an_order(items=[an_item()]))
    refused = {"message": "The consumer isn't authorized to access %resources."}
    shop.tell("faults", route="salable", kind="status", status=401, times=9, body=refused)
    guard_stock(parts, SHOP)
    assert shop.answered("salable") == {"salable": 1}
    assert told(parts) == ["guard:main"]
    requests.delete(f"{shop.url}/_control/faults", timeout=10).raise_for_status()
    guard_stock(parts, SHOP)
    assert told(parts) == []
