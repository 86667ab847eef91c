"""What an order costs beside a chain of seven tasks that do nothing, on the same workers' settings.

The four kinds of work take turns, so that what else the machine does hits all of them. CPU for each
order moves least and leads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from statistics import median

from bench import drain, noop
from bench.drain import Drained
from bench.report import Cell, Goal, Result, Table
from bench.rig import Rig
from devstack.stack import CONCURRENCY, WORKERS

TURN_S = 5.0
"""How long a turn of one kind is to last, about."""
FEWEST, MOST = 32, 4_000
WARM_UP = 16
LEAST_RATIO, MOST_CPU = 0.25, 4.0
KINDS = ("worker", "database", "broker")
NOOP_OURS, NOOP_PLAIN = "no-op, our settings", "no-op, plain Celery"

Turn = Callable[[int], Drained]
Figures = dict[str, dict[str, float]]


def run(rig: Rig, runs: int) -> Result:
    """Measure orders of both kinds and both no-op chains in turns."""
    with ExitStack() as stack:
        turns = _turns(rig, stack)
        sizes = {}
        for name, turn in turns.items():
            turn(WARM_UP)
            sizes[name] = min(MOST, max(FEWEST, round(TURN_S * turn(WARM_UP).per_s)))
        rounds = [{name: turn(sizes[name]) for name, turn in turns.items()} for _ in range(runs)]
    return _result([_figures(one) for one in rounds])


def _turns(rig: Rig, stack: ExitStack) -> dict[str, Turn]:
    from tasks.app import app

    size = (len(WORKERS), CONCURRENCY)
    ours = stack.enter_context(rig.workers("worker", *size))
    # A no-op before each kind of order, and as close to it.
    return {
        NOOP_OURS: _noop(rig, stack, noop.OURS, 1),
        "FBM": lambda count: drain.orders(rig, ours, app, count, is_fba=False),
        NOOP_PLAIN: _noop(rig, stack, noop.PLAIN, 2),
        "FBA": lambda count: drain.orders(rig, ours, app, count, is_fba=True),
    }


def _noop(rig: Rig, stack: ExitStack, kind: str, number: int) -> Turn:
    """Workers of their own for no-op chains, in a numbered database of the broker."""
    url = rig.broker.url(number)
    told = {"BENCH_NOOP": kind, "BENCH_NOOP_BROKER": url}
    size = (len(WORKERS), CONCURRENCY)
    group = stack.enter_context(
        rig.workers(f"noop-{kind}", *size, "bench.noop", told, events=kind == noop.OURS)
    )
    chains = noop.make(kind, url)
    return lambda count: drain.noop_chains(rig, group, chains, url, count)


def _figures(turn: Mapping[str, Drained]) -> Figures:
    """A run's figures of each kind of work, alone and as ratios to both no-op chains."""
    return {
        name: {
            "count": one.count,
            "per_s": one.per_s,
            **{f"{kind}_ms": one.ms_each(kind) for kind in (*KINDS, "remotes")},
            "put_in_ms": 1000 * one.put_in_s / one.count,
            **_ratios("ours", one, turn[NOOP_OURS]),
            **_ratios("plain", one, turn[NOOP_PLAIN]),
        }
        for name, one in turn.items()
    }


def _ratios(name: str, one: Drained, base: Drained) -> dict[str, float]:
    return {
        f"throughput_of_{name}": one.per_s / base.per_s,
        f"worker_cpu_of_{name}": one.ms_each("worker") / base.ms_each("worker"),
        f"cpu_of_{name}": one.ms_each(*KINDS) / base.ms_each(*KINDS),
    }


def _result(rounds: Sequence[Figures]) -> Result:
    figures = {
        name: {key: median(one[name][key] for one in rounds) for key in told}
        for name, told in rounds[0].items()
    }
    goals = []
    for name in ("FBM", "FBA"):
        throughput, cpu = figures[name]["throughput_of_ours"], figures[name]["worker_cpu_of_ours"]
        goals.append(Goal(f"{name} throughput of the no-op's", throughput, LEAST_RATIO))
        goals.append(Goal(f"{name} worker CPU of the no-op's", cpu, MOST_CPU, is_least=False))
    title = f"Engine: medians of {len(rounds)} runs; CPU in ms for each order or chain"
    columns = [
        *("", "count", "per s", "worker", "database", "broker", "remotes", "put in"),
        *("per s / ours", "worker / ours", "CPU / ours"),
        *("per s / plain", "worker / plain", "CPU / plain"),
    ]
    rows: list[list[Cell]] = [[name, *told.values()] for name, told in figures.items()]
    return Result([Table(title, columns, rows)], {"median": figures, "runs": list(rounds)}, goals)
