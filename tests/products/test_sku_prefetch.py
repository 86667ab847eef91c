"""Whose SKUs a search brings along: those of orders that will soon be looked up."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.operations.acts.map_sku import SkuDecisions
from pipeline.orders.tables import Status
from pipeline.products.manual_sku_map import SkusByHand
from pipeline.products.sku_map import SkuMaps
from pipeline.products.sku_prefetch import SkuPrefetch
from tests.builders import ACCOUNT, NOW, an_item, an_order, settings, stored

WITHIN = timedelta(minutes=2)


def prefetch(sessions: Sessions, **marketplace: Any) -> SkuPrefetch:
    maps = SkuMaps(SkusByHand(sessions).of)
    return SkuPrefetch(
        sessions, settings(marketplace=marketplace), maps, lambda: NOW, within=WITHIN
    )


def test_takes_those_due_first_and_each_once(sessions: Sessions) -> None:
    for minutes, skus in ((1, ("LATE", "BOTH")), (-1, ("FIRST", "BOTH"))):
        items = [an_item(external_item_id=sku, sku=sku) for sku in skus]
        stored(sessions, an_order(due_at=NOW + timedelta(minutes=minutes), items=items))
    assert prefetch(sessions).skus("main", "default") == ["FIRST", "BOTH", "LATE"]


@pytest.mark.parametrize(
    ("changes", "is_taken"),
    [
        ({"step": "verify_order"}, True),
        ({"step": "enrich_order", "status": Status.RUNNING}, True),
        ({"step": "enrich_order", "status": Status.HELD, "hold_code": "sku_not_found"}, True),
        ({"step": "create_order"}, False),
        ({"step": "enrich_order", "status": Status.CANCELLED, "due_at": None}, False),
        ({"status": Status.WAITING, "due_at": NOW + timedelta(minutes=3)}, False),
        ({"fulfilled_by": "FBA"}, False),
    ],
)
def test_takes_orders_that_are_about_to_be_looked_up(
    sessions: Sessions, changes: dict[str, Any], is_taken: bool
) -> None:
    stored(sessions, an_order(items=[an_item()], **changes))
    prefetched = prefetch(sessions, fba_store="amazon_fba").skus("main", "default")
    assert prefetched == (["MUG-BLUE"] if is_taken else [])


def test_keeps_store_views_and_shops_apart(sessions: Sessions) -> None:
    stored(sessions, an_order(fulfilled_by="FBA", items=[an_item()]))
    prefetched = prefetch(sessions, fba_store="amazon_fba")
    assert prefetched.skus("main", "amazon_fba") == ["MUG-BLUE"]
    assert prefetched.skus("other", "amazon_fba") == []


def test_asks_for_what_a_sku_is_mapped_to(sessions: Sessions, tmp_path: Path) -> None:
    path = tmp_path / "skus.csv"
    path.write_text("amazon_sku,magento_sku\nMUG-BLUE,CUP\n", encoding="utf-8")
    stored(sessions, an_order(items=[an_item()]))
    prefetched = prefetch(sessions, unknown_sku="map", sku_map=path)
    assert prefetched.skus("main", "default") == ["CUP"]
    path.write_text("amazon_sku\nMUG-BLUE\n", encoding="utf-8")
    assert prefetched.skus("main", "default") == []


def test_asks_for_what_a_person_mapped(sessions: Sessions) -> None:
    items = [an_item(), an_item(external_item_id="I2", sku="POT")]
    stored(sessions, an_order(items=items))
    SkuDecisions(sessions, [ACCOUNT], "anna", NOW).sell_as(ACCOUNT, "POT", "POT-RED")
    assert prefetch(sessions).skus("main", "default") == ["MUG-BLUE", "POT-RED"]
