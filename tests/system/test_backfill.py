"""A new order and a confirmation go before the orders of a backfill that is under way."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devstack.paths import PROJECT
from sandbox.amazon.builders import a_line, an_order
from tests.system.remotes import SKU, Remotes
from tests.system.rig import PATIENCE_S, TIME_LIMIT_S, Rig

ORDERS = 300
PLACED_AT = datetime(2026, 1, 15, 12, tzinfo=UTC)
BEFORE, NEW = "304-0000001-0000001", "304-0000002-0000002"
# An order has five queues' turns to wait for, each of them short; the last of all would find 260.
AHEAD_AT_MOST = 120


def backfill(rig: Rig, *words: str) -> str:
    """Run `orderbridge backfill WORD...` as a person does."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("orderbridge")), "backfill", *words],
        env=rig.environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    return done.stdout


def created(rig: Rig) -> int:
    """How many Magento orders have been begun."""
    return sum(row[0] for row in rig.rows("SELECT count(*) FROM effects WHERE kind = 'order'"))


def in_shop(rig: Rig, number: str) -> bool:
    """Whether an order has its Magento order."""
    query = "SELECT 1 FROM orders WHERE external_id = %s AND magento_order_id IS NOT NULL"
    return rig.rows(query, number) == [(1,)]


def begun_before(rig: Rig, number: str, kind: str) -> int:
    """How many Magento orders were begun before this write of an order's."""
    query = (
        "SELECT count(*) FROM effects WHERE kind = 'order' AND id <"
        " (SELECT min(effects.id) FROM effects JOIN orders ON orders.id = order_id"
        " WHERE external_id = %s AND kind = %s)"
    )
    [(count,)] = rig.rows(query, number, kind)
    return int(count)


@pytest.mark.timeout(TIME_LIMIT_S)
def test_new_orders_and_confirmations_go_before_a_backfill(rig: Rig, remotes: Remotes) -> None:
    remotes.place(an_order(BEFORE, lines=[a_line(SKU, tax="1.90")]))
    rig.until(lambda: in_shop(rig, BEFORE), "the first order")
    for one in range(1, ORDERS + 1):
        old = an_order(
            f"305-{one:07}-{one:07}", lines=[a_line(SKU, tax="1.90")], created_at=PLACED_AT
        )
        # So that the poll, which goes by this time, never sees it.
        remotes.place({**old, "lastUpdatedTime": "2019-06-01T00:00:00Z"})

    said = backfill(rig, "--account", "main", "--from", "2026-01-15", "--to", "2026-01-16")
    assert "runs." in said
    rig.until(lambda: created(rig) > 20, "the backfill under way")
    at_placing = created(rig)
    remotes.place(an_order(NEW, lines=[a_line(SKU, tax="1.90")]))
    rig.until(lambda: in_shop(rig, NEW), "the new order")
    at_shipping = created(rig)
    remotes.ship(BEFORE, "1Z001")
    rig.until(
        lambda: rig.rows("SELECT 1 FROM shipments WHERE confirmation = 'accepted'") == [(1,)],
        "the confirmation",
    )

    assert begun_before(rig, NEW, "order") - at_placing < AHEAD_AT_MOST
    assert begun_before(rig, BEFORE, "shipment confirmation") - at_shipping < AHEAD_AT_MOST
    assert rig.rows("SELECT state, orders_seen, orders_new FROM backfills") == [
        ("done", ORDERS, ORDERS)
    ]
    assert rig.rows("SELECT lane, count(*) FROM orders GROUP BY 1 ORDER BY 1") == [
        ("backfill", ORDERS),
        ("new", 2),
    ]
