"""Ten thousand orders that are due at once, as after an outage: what it takes to work them off.

Nothing but the sweep sends them, at its default interval. When half of them are done, a buyer
places another order. The memory of workers and broker is what is resident, that of the database
what is not shared: the shared part fills with pages up to a bound of its settings.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import Any

import psutil

from bench.report import Cell, Goal, Result, Table
from bench.rig import ACCOUNT, PATIENCE_S, Rig, Workers
from devstack.stack import CONCURRENCY, WORKERS
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Status
from pipeline.settings.model import Timing
from tasks.jobs.search_and_sweep import FULL_QUEUE, JOBS, poll_amazon

FEW, MANY = 1_000, 10_000
MOST_GROWTH = 1.1
_QUEUES = ("amazon", "magento", JOBS)
_LOOK_S = 0.5

Memory = dict[str, float]


def run(rig: Rig, runs: int) -> Result:
    """Once, however many runs are asked for: ten thousand orders are their own repetition."""
    with rig.workers("worker", len(WORKERS), CONCURRENCY) as workers:
        workers.pause()
        drain = _Drain(rig, workers)
        drain.put_in(MANY)
        workers.resume()
        begun = monotonic()
        drain.until(FEW)
        few = drain.memory()
        drain.until(MANY // 2)
        rig.tell("place", count=1, is_fba=True)
        poll_amazon(drain.app, rig.parts, ACCOUNT)
        drain.until(MANY + 1)
        took = monotonic() - begun
        many = drain.memory()
        workers.check()
    return _result(drain, took, few, many)


def _result(drain: _Drain, took: float, few: Memory, many: Memory) -> Result:
    waited, in_shop = drain.waiting_of_last()
    growth = {name: many[name] / few[name] for name in few}
    figures: dict[str, Any] = {
        "per_s": MANY / took,
        "longest_queues": drain.longest,
        "new_order_begins_after_s": waited,
        "new_order_in_the_shop_after_s": in_shop,
        "memory_mb": {"few": few, "many": many},
        "growth": growth,
    }
    facts: list[list[Cell]] = [["orders done a second", MANY / took]]
    facts += [[f"longest queue of {name}", length] for name, length in drain.longest.items()]
    facts.append(["a new order in between begins after, s", waited])
    facts.append(["and is in the shop after, s", in_shop])
    memory: list[list[Cell]] = [[name, few[name], many[name], growth[name]] for name in few]
    longest = float(max(drain.longest.values()))
    return Result(
        [
            Table(f"Due at once: {MANY:,} FBA orders", ["", "figure"], facts),
            Table(
                "Memory in MB after so many orders",
                ["", f"{FEW:,}", f"{MANY:,}", "ratio"],
                memory,
            ),
        ],
        figures,
        [
            # An order goes from one queue to the other, which the sweep fills up to the bound too.
            Goal("longest queue", longest, 2.0 * FULL_QUEUE, is_least=False),
            *(
                Goal(f"memory of {name}", ratio, MOST_GROWTH, is_least=False)
                for name, ratio in growth.items()
            ),
        ],
    )


class _Drain:
    """Sends the sweep as beat would, and looks at the queues, until so many orders are done."""

    def __init__(self, rig: Rig, workers: Workers) -> None:
        from tasks.app import app

        self.app, self._rig, self._workers = app, rig, workers
        self._database = rig.database()
        row = self._database.execute("SELECT coalesce(max(id), 0) FROM orders").fetchone()
        self._before = row[0] if row else 0
        self._every_s, self._swept_at = Timing().sweep_every_s, 0.0
        self.longest = dict.fromkeys(_QUEUES, 0)

    def put_in(self, count: int) -> None:
        """Store so many orders without a message for them."""
        parts = self._rig.parts
        account, channel = parts.settings.accounts[ACCOUNT], parts.clients.channels[ACCOUNT]
        self._rig.tell("place", count=count, is_fba=True)
        now, token = parts.clients.now(), None
        while True:
            page = channel.changed_orders(now, token)
            parts.intake.store(ACCOUNT, account, channel, page.orders, parts.clients.now())
            if (token := page.next_token) is None:
                return

    def until(self, count: int) -> None:
        """Return when so many are done. Raises RuntimeError when none goes on."""
        last, since = self._done(), monotonic()
        while last < count:
            if monotonic() >= self._swept_at + self._every_s:
                self._swept_at = monotonic()
                self.app.send_task("orderbridge.resume_due", queue=JOBS)
            for name in _QUEUES:
                length = int(self._rig.parts.broker.llen(f"orderbridge:{name}"))
                self.longest[name] = max(self.longest[name], length)
            time.sleep(_LOOK_S)
            if (now := self._done()) != last:
                last, since = now, monotonic()
            if monotonic() > since + PATIENCE_S:
                raise RuntimeError(f"{last} of {count} orders are done, and none goes on")

    def memory(self) -> Memory:
        """Megabytes by process."""
        pids = self._rig.supervisor.pids
        found = {name: sum(map(_resident, pids(name))) for name in (*self._workers.names, "broker")}
        return {**found, "postgres": sum(map(_unshared, pids("postgres")))}

    def waiting_of_last(self) -> tuple[float, float]:
        """How long the newest order waited for its first step, and for its Magento order."""
        row = self._database.execute(
            "SELECT o.created_at, (SELECT min(started_at) FROM attempts WHERE order_id = o.id),"
            " (SELECT min(ended_at) FROM effects WHERE order_id = o.id AND kind = %s)"
            " FROM orders o ORDER BY id DESC LIMIT 1",
            [EffectKind.ORDER],
        ).fetchone()
        created_at, begun_at, placed_at = row or (None, None, None)
        return _seconds(created_at, begun_at), _seconds(created_at, placed_at)

    def _done(self) -> int:
        row = self._database.execute(
            "SELECT count(*) FROM orders WHERE id > %s AND status = %s", [self._before, Status.DONE]
        ).fetchone()
        return row[0] if row else 0


def _seconds(begin: datetime | None, end: datetime | None) -> float:
    if begin is None or end is None:
        raise RuntimeError("the order in between has not been worked on")
    return (end - begin).total_seconds()


def _resident(pid: int) -> float:
    with suppress(psutil.NoSuchProcess):
        return float(psutil.Process(pid).memory_info().rss) / 1e6
    return 0.0


def _unshared(pid: int) -> float:
    with suppress(psutil.NoSuchProcess):
        return float(psutil.Process(pid).memory_full_info().uss) / 1e6
    return 0.0
