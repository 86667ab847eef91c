"""An order here, as workflows of DBOS Transact, and as a bare loop: the same calls in turns.

The peers do less: they map nothing, decide nothing, seal nothing, do not wait for the warehouse,
and take their orders from a list and not from a broker.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from statistics import median
from time import perf_counter

import psycopg

from bench import drain
from bench.cpu import between, spent
from bench.peers.effects import TABLE
from bench.report import Cell, Goal, Result, Table
from bench.rig import Rig
from devstack.paths import PROJECT
from devstack.stack import CONCURRENCY, WORKERS

TURN_S = 5.0
FEWEST, MOST, WARM_UP = 32, 1_000, 16
OURS, BARE = "FBM order, here", "bare loop"
BY_WRITE = "DBOS, a durable step for each write"
PEERS = {"bare": BARE, "steps": "DBOS, seven durable steps", "writes": BY_WRITE}

Turn = Callable[[int], dict[str, float]]


def run(rig: Rig, runs: int) -> Result:
    """Measure ours and each peer in turns."""
    from tasks.app import app

    with ExitStack() as stack:
        workers = stack.enter_context(rig.workers("worker", len(WORKERS), CONCURRENCY))

        def ours(count: int) -> dict[str, float]:
            one = drain.orders(rig, workers, app, count, is_fba=False)
            kinds = {"process": one.ms_each("worker"), "database": one.ms_each("database")}
            return {"per_s": one.per_s, **kinds, "all": one.ms_each("worker", "database", "broker")}

        turns: dict[str, Turn] = {OURS: ours}
        for kind, name in PEERS.items():
            if kind == "bare" or find_spec("dbos") is not None:
                turns[name] = stack.enter_context(_peer(rig, kind))
        sizes = {}
        for name, turn in turns.items():
            turn(WARM_UP)
            sizes[name] = min(MOST, max(FEWEST, round(TURN_S * turn(WARM_UP)["per_s"])))
        rounds = [{name: turn(sizes[name]) for name, turn in turns.items()} for _ in range(runs)]
    return _result(rounds)


def _result(rounds: Sequence[Mapping[str, Mapping[str, float]]]) -> Result:
    figures: dict[str, dict[str, float]] = {}
    for name, told in rounds[0].items():
        figures[name] = {key: median(one[name][key] for one in rounds) for key in told}
        for key in ("per_s", "all"):
            figures[name][f"{key}_of_ours"] = median(
                one[name][key] / one[OURS][key] for one in rounds
            )
    rows: list[list[Cell]] = [[name, *told.values()] for name, told in figures.items()]
    goals = []
    if BY_WRITE in figures:
        goals = [Goal(f"ours of {BY_WRITE}", 1 / figures[BY_WRITE]["per_s_of_ours"], 1.0)]
    columns = ["", "per s", "process", "database", "all", "per s / ours", "CPU / ours"]
    title = f"Peers: medians of {len(rounds)} runs; CPU in ms for each order"
    return Result([Table(title, columns, rows)], figures, goals)


@contextmanager
def _peer(rig: Rig, kind: str) -> Iterator[Turn]:
    """Processes of a peer, as many and as wide as our workers, in a database of its own."""
    rig.postgres.create_database(f"peer_{kind}")
    plain = rig.postgres.url(f"peer_{kind}").replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(TABLE)
    command = [sys.executable, "-m", "bench.peers", kind, rig.url, plain, str(CONCURRENCY)]
    with ExitStack() as stack:
        processes = []
        for _ in WORKERS:
            process = stack.enter_context(
                subprocess.Popen(  # noqa: S603 - our own program
                    command, cwd=PROJECT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
            )
            stack.callback(process.kill)
            _line(process)
            processes.append(process)
        yield lambda count: _turn(rig, processes, count)


def _turn(rig: Rig, processes: Sequence[subprocess.Popen[str]], count: int) -> dict[str, float]:
    numbers = rig.tell("place", count=count, is_fba=False, is_searched=False)
    kinds = {"database": ["postgres"]}
    before, begun = spent(rig.supervisor, kinds), perf_counter()
    for place, process in enumerate(processes):
        assert process.stdin is not None  # noqa: S101 - a pipe
        process.stdin.write(json.dumps(numbers[place :: len(processes)]) + "\n")
        process.stdin.flush()
    own = 1000 * sum(float(_line(process)) for process in processes) / count
    took = perf_counter() - begun
    time.sleep(0.3)
    database = 1000 * between(before, spent(rig.supervisor, kinds))["database"] / count
    return {"per_s": count / took, "process": own, "database": database, "all": own + database}


def _line(process: subprocess.Popen[str]) -> str:
    """The next line that is ours. Raises RuntimeError when the process has ended."""
    assert process.stdout is not None  # noqa: S101 - a pipe
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"a peer ended with status {process.wait()}")
    return line
