"""A worker killed -9 in the middle of a remote write, and servers killed or emptied under load."""

from __future__ import annotations

import os
import signal
import time

import pytest

from sandbox.amazon.builders import a_line, an_order
from tests.system.remotes import SKU, Remotes
from tests.system.rig import TIME_LIMIT_S, WORKERS, Rig

pytestmark = pytest.mark.timeout(TIME_LIMIT_S)

NUMBER = "305-0000001-0000001"
# Half a second after the intent was committed the call is at the remote, which delays it longer.
INTO_THE_CALL_S, DELAY_S = 0.5, 1.5


@pytest.mark.parametrize(
    ("remote", "route", "kind"),
    [
        ("magento", "create_order", "order"),
        ("magento", "invoice", "invoice"),
        ("amazon", "confirm_shipment", "shipment confirmation"),
    ],
)
def test_a_worker_killed_in_a_write_leaves_it_done_once(
    rig: Rig, remotes: Remotes, remote: str, route: str, kind: str
) -> None:
    remotes.fail(remote, route=route, kind="delay", seconds=DELAY_S)
    remotes.place(an_order(NUMBER, lines=[a_line(SKU, 2, tax="3.80")]))
    if remote == "amazon":
        rig.until(lambda: rig.standing("ship_order", "waiting") == 1, "the Magento order")
        remotes.ship(NUMBER, "1Z001")
    rig.until(
        lambda: rig.rows("SELECT 1 FROM effects WHERE kind = %s", kind) == [(1,)], f"the {kind}"
    )
    time.sleep(INTO_THE_CALL_S)
    ((worker,),) = rig.rows("SELECT worker FROM attempts WHERE ended_at IS NULL")
    os.kill(int(worker.rsplit(":", 1)[1]), signal.SIGKILL)

    rig.until(lambda: rig.standing("ship_order", "waiting") + done(rig) == 1, "the step again")
    assert remotes.wrong([NUMBER]) == {}
    if remote != "amazon":
        remotes.ship(NUMBER, "1Z001")
    rig.until(lambda: done(rig) == 1, "the order's end")
    assert remotes.wrong([NUMBER]) == {}
    order = remotes.amazon(NUMBER)
    assert order["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
    assert [package["trackingNumber"] for package in order["packages"]] == ["1Z001"]
    # One run never ended, and what it had intended was done by another.
    assert rig.rows("SELECT count(*) FROM attempts WHERE ended_at IS NULL") == [(1,)]
    assert rig.rows("SELECT kind FROM effects WHERE adopted") == [(kind,)]
    assert rig.rows("SELECT count(*) FROM effects WHERE state <> 'done'") == [(0,)]
    assert sum(rig.supervisor.restarts(name) for name in WORKERS) == 1


def done(rig: Rig) -> int:
    """How many orders are through."""
    return rig.standing("sync_tracking", "done")


def all_placed(rig: Rig, count: int) -> None:
    rig.until(lambda: rig.standing("ship_order", "waiting") == count, f"{count} orders placed")


def under_way(rig: Rig) -> None:
    rig.until(
        lambda: rig.rows("SELECT count(*) >= 5 FROM effects WHERE kind = 'order'") == [(True,)],
        "work under way",
    )


def test_workers_live_through_a_broker_killed_under_load(rig: Rig, remotes: Remotes) -> None:
    # Calls that last: their tasks end, and are acknowledged, after the connection was dropped.
    # Each order goes there twice, and once more after a repeat.
    remotes.fail("magento", route="create_order", kind="delay", seconds=1, times=90)
    placed = remotes.place_many(30)
    for _ in range(3):
        in_a_call(rig)
        rig.supervisor.kill("broker")
        time.sleep(1.5)
    all_placed(rig, 30)
    assert remotes.wrong(placed) == {}
    # kombu alone ends the process when a task is acknowledged on a connection that is gone.
    assert [rig.supervisor.restarts(name) for name in WORKERS] == [0, 0]


def in_a_call(rig: Rig) -> None:
    query = (
        "SELECT count(*) >= 4 FROM effects "
        "WHERE kind IN ('order', 'reopening') AND state = 'intended'"
    )
    rig.until(lambda: rig.rows(query) == [(True,)], "several calls under way")


def test_a_broker_emptied_under_load_loses_no_order(rig: Rig, remotes: Remotes) -> None:
    placed = remotes.place_many(50)
    under_way(rig)
    with rig.broker() as broker:
        broker.flushall()
    all_placed(rig, 50)
    assert remotes.wrong(placed) == {}


def test_a_database_killed_under_load_loses_no_order(rig: Rig, remotes: Remotes) -> None:
    placed = remotes.place_many(30)
    under_way(rig)
    rig.supervisor.kill("postgres")
    all_placed(rig, 30)
    assert remotes.wrong(placed) == {}
    assert rig.supervisor.restarts("postgres") == 1
    assert [rig.supervisor.restarts(name) for name in WORKERS] == [0, 0]
