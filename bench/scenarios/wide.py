"""How well more processes use slow remotes: 100 ms for each call, 16 threads for each process.

Ideal is that every thread waits for a remote all the time. What is below it, the processors spend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from bench import drain
from bench.report import Cell, Goal, Result, Table
from bench.rig import Rig

DELAY_MS = 100
THREADS = 16
PROCESSES = (1, 2, 4)
ORDERS_A_THREAD = 2
LEAST = 0.9


def run(rig: Rig, runs: int) -> Result:
    """Measure each number of processes in turns."""
    rounds = [{count: _turn(rig, count) for count in PROCESSES} for _ in range(runs)]
    return _result(rounds)


def _turn(rig: Rig, processes: int) -> dict[str, float]:
    from tasks.app import app

    threads = processes * THREADS
    with rig.workers(f"wide-{processes}", processes, THREADS) as workers:
        # Every thread gets its connections and every process its caches.
        drain.orders(rig, workers, app, threads, is_fba=False)
        rig.tell("delay", ms=DELAY_MS)
        rig.tell("calls")
        try:
            one = drain.orders(rig, workers, app, ORDERS_A_THREAD * threads, is_fba=False)
        finally:
            rig.tell("delay", ms=0)
    calls = sum(rig.tell("calls").values()) / one.count
    ideal = threads / (calls * DELAY_MS / 1000)
    cpu = one.ms_each("worker", "database", "broker")
    return {
        "calls": calls,
        "ideal_per_s": ideal,
        "per_s": one.per_s,
        "efficiency": one.per_s / ideal,
        "cpu_ms": cpu,
    }


def _result(rounds: Sequence[Mapping[int, Mapping[str, float]]]) -> Result:
    figures = {
        count: {key: median(one[count][key] for one in rounds) for key in told}
        for count, told in rounds[0].items()
    }
    rows: list[list[Cell]] = [
        [f"{count} × {THREADS} threads", *told.values()] for count, told in figures.items()
    ]
    goals = [
        Goal(f"efficiency of {count} processes", told["efficiency"], LEAST)
        for count, told in figures.items()
    ]
    title = f"Wide: {DELAY_MS} ms for each remote call, medians of {len(rounds)} runs, FBM"
    columns = ["", "calls an order", "ideal per s", "per s", "efficiency", "CPU ms an order"]
    return Result([Table(title, columns, rows)], {str(c): t for c, t in figures.items()}, goals)
