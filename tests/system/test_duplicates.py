"""The same messages many times over, to two processes of eight threads."""

from __future__ import annotations

import pytest

from tests.system.remotes import Remotes
from tests.system.rig import TIME_LIMIT_S, Rig

pytestmark = pytest.mark.timeout(TIME_LIMIT_S)

ORDERS = 200


def test_200_orders_delivered_five_times_are_200_magento_orders(rig: Rig, remotes: Remotes) -> None:
    rig.stop_workers()
    placed = remotes.place_many(ORDERS)
    rig.deliver("4")  # and once by the poll itself
    rig.start_workers()
    rig.until(lambda: rig.standing("ship_order", "waiting") == ORDERS, "200 orders placed")
    assert remotes.wrong(placed) == {}
    assert rig.rows("SELECT count(*) FROM effects WHERE state <> 'done'") == [(0,)]
