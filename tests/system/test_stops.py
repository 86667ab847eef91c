"""A worker that is told to stop, as by a deploy: it ends in time, and its order goes on at once."""

from __future__ import annotations

import os
import signal

import pytest

from sandbox.amazon.builders import a_line, an_order
from tests.system.remotes import SKU, Remotes
from tests.system.rig import TIME_LIMIT_S, WORKERS, Rig

pytestmark = pytest.mark.timeout(TIME_LIMIT_S)

NUMBER = "305-0000001-0000001"
# Longer than a worker that was told to stop takes for what it has in hand.
SLOW_S = 14.5


def test_a_worker_told_to_stop_hands_its_slow_step_back(rig: Rig, remotes: Remotes) -> None:
    remotes.fail("amazon", route="get_order", kind="delay", seconds=SLOW_S)
    remotes.place(an_order(NUMBER, lines=[a_line(SKU, 2, tax="3.80")]))
    rig.until(lambda: rig.standing("ship_order", "waiting") == 1, "the Magento order")
    remotes.ship(NUMBER, "1Z001")
    query = "SELECT worker FROM attempts WHERE step = 'sync_tracking' AND ended_at IS NULL"
    rig.until(lambda: len(rig.rows(query)) == 1, "the slow step")
    ((worker,),) = rig.rows(query)
    os.kill(int(worker.rsplit(":", 1)[1]), signal.SIGTERM)

    rig.until(lambda: rig.standing("sync_tracking", "done") == 1, "the order's end")
    runs = rig.rows(
        "SELECT outcome, detail, worker = %s FROM attempts WHERE step = 'sync_tracking'"
        " ORDER BY id",
        worker,
    )
    assert runs == [("handed back", "its worker was stopped", True), ("done", None, False)]
    packages = remotes.amazon(NUMBER)["packages"]
    assert [package["trackingNumber"] for package in packages] == ["1Z001"]
    assert rig.rows("SELECT count(*) FROM effects WHERE state <> 'done'") == [(0,)]
    rig.until(lambda: sum(map(rig.supervisor.restarts, WORKERS)) == 1, "the end of that worker")
    # In one go: neither counted as a crash nor waited for.
    assert rig.rows("SELECT max(tries), max(unfinished) FROM orders") == [(0, 0)]


def test_a_worker_told_to_stop_ends_quick_steps_itself(rig: Rig, remotes: Remotes) -> None:
    remotes.fail("magento", route="create_order", kind="delay", seconds=1, times=20)
    placed = remotes.place_many(20)
    query = "SELECT count(*) >= 4 FROM effects WHERE kind = 'order' AND state = 'intended'"
    rig.until(lambda: rig.rows(query) == [(True,)], "several calls under way")
    for name in WORKERS:
        rig.supervisor.kill(name, signal.SIGTERM)
    rig.until(lambda: rig.standing("ship_order", "waiting") == 20, "all orders placed")
    assert remotes.wrong(placed) == {}
    ended = "SELECT count(*) FROM attempts WHERE ended_at IS NULL OR outcome = 'handed back'"
    assert rig.rows(ended) == [(0,)]
    assert rig.rows("SELECT count(*) FROM effects WHERE adopted") == [(0,)]
