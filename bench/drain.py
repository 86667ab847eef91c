"""A measurement: work is put in while the workers stand still, and timed until it is done."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, perf_counter, process_time

from celery import Celery

from bench import noop
from bench.cpu import Seconds, between, spent
from bench.rig import ACCOUNT, PATIENCE_S, SHOP, Rig, Workers
from tasks.jobs.search_and_sweep import poll_amazon

_SETTLE_S = 0.3
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Drained:
    """What a number of orders or chains took; `put_in_s` is the CPU of this process for it."""

    count: int
    seconds: float
    cpu: Seconds
    put_in_s: float

    @property
    def per_s(self) -> float:
        return self.count / self.seconds

    def ms_each(self, *kinds: str) -> float:
        """CPU milliseconds for each order or chain."""
        return 1000 * sum(self.cpu[kind] for kind in kinds or self.cpu) / self.count


def drained(
    rig: Rig, workers: Workers, count: int, put_in: Callable[[], None], work: Callable[[], None]
) -> Drained:
    """Put in, let the workers run until `work` returns, and stop them again."""
    workers.pause()
    begun_s = process_time()
    put_in()
    put_in_s = process_time() - begun_s
    before, begun = spent(rig.supervisor, workers.kinds()), perf_counter()
    workers.resume()
    work()
    took = perf_counter() - begun
    # The last acknowledgements, and the tick by which the kernel counts.
    time.sleep(_SETTLE_S)
    cpu = between(before, spent(rig.supervisor, workers.kinds()))
    workers.check()
    workers.pause()
    return Drained(count, took, cpu, put_in_s)


def noop_chains(rig: Rig, workers: Workers, app: Celery, url: str, count: int) -> Drained:
    """Chains of tasks that do nothing."""
    end = noop.done(url) + count

    def work() -> None:
        deadline = monotonic() + PATIENCE_S
        while noop.done(url) < end:
            if monotonic() > deadline:
                raise TimeoutError(f"{workers.name}: {end - noop.done(url)} chains left")
            time.sleep(_LOOK_S)

    return drained(rig, workers, count, lambda: noop.publish(app, count), work)


def orders(rig: Rig, workers: Workers, app: Celery, count: int, *, is_fba: bool) -> Drained:
    """Orders from the search to their end; the warehouse ships all of the merchant's at once."""
    watched = _Standing(rig)

    def put_in() -> None:
        rig.tell("place", count=count, is_fba=is_fba)
        poll_amazon(app, rig.parts, ACCOUNT)

    def work() -> None:
        if not is_fba:
            watched.until_all(count, "ship_order", "waiting")
            rig.tell("ship")
            app.send_task("orderbridge.watch_shipments", args=(SHOP,), queue="jobs")
        watched.until_all(count, "sync_tracking", "done")

    before = rig.tell("totals")
    result = drained(rig, workers, count, put_in, work)
    after = rig.tell("totals")
    wanted = {"orders": count, "invoices": count}
    wanted |= dict.fromkeys(("comments", "confirmed"), 0 if is_fba else count)
    made = {name: after[name] - before[name] for name in wanted}
    if made != wanted:
        raise RuntimeError(f"the remotes have {made}, where {wanted} was due")
    return result


class _Standing:
    """Where the orders of a measurement stand."""

    def __init__(self, rig: Rig) -> None:
        self._connection = rig.database()
        row = self._connection.execute("SELECT coalesce(max(id), 0) FROM orders").fetchone()
        self._before = row[0] if row else 0

    def until_all(self, count: int, step: str, status: str) -> None:
        """Return when they all stand there. Raises RuntimeError when one is held or all stop."""
        last, since = self._now(), monotonic()
        while last[step, status] < count:
            time.sleep(_LOOK_S)
            now = self._now()
            if now != last:
                last, since = now, monotonic()
            held = sum(number for (_, stands), number in now.items() if stands == "held")
            if held or monotonic() > since + PATIENCE_S:
                raise RuntimeError(f"orders do not go on: {dict(now)}\n{self._notes()}")

    def _now(self) -> Counter[tuple[str, str]]:
        rows = self._connection.execute(
            "SELECT step, status, count(*) FROM orders WHERE id > %s GROUP BY 1, 2", [self._before]
        )
        return Counter({(row[0], row[1]): row[2] for row in rows})

    def _notes(self) -> str:
        rows = self._connection.execute(
            "SELECT last_note, count(*) FROM orders WHERE id > %s GROUP BY 1", [self._before]
        )
        return "\n".join(f"{row[1]}: {row[0]}" for row in rows)
