"""How often an order asks the database, the broker and the remotes, by step.

Counted in one process, for the second order of it: the first fills the caches.
"""

from __future__ import annotations

from collections.abc import Mapping

from bench.counting import Counts
from bench.played import Player, empty_queues
from bench.report import Cell, Result, Table
from bench.rig import ACCOUNT, SHOP, Rig

COLUMNS = ("", "statements", "commits", "transactions", "broker commands", "remote calls")


def run(rig: Rig, runs: int) -> Result:
    """Play an order of each kind; counts are the same in every run."""
    from tasks.app import app

    player = Player(app, rig.parts, ACCOUNT, SHOP, rig.tell)
    tables, figures = [], {}
    for name, is_fba in (("FBM", False), ("FBA", True)):
        player.play(is_fba=is_fba)
        counted = {step: _figures(counts) for step, counts in player.play(is_fba=is_fba).items()}
        total = {key: sum(one[key] for one in counted.values()) for key in counted["search"]}
        figures[name] = {**counted, "total": total}
        rows: list[list[Cell]] = [[step, *one.values()] for step, one in figures[name].items()]
        tables.append(Table(f"Counts of an ordinary {name} order, by step", COLUMNS, rows))
    empty_queues(rig.parts.broker)
    return Result(tables, figures)


def _figures(counts: Counts) -> Mapping[str, int]:
    return {
        "statements": len(counts.statements),
        "commits": counts.commits,
        "transactions": counts.transactions,
        "broker": counts.broker.total(),
        "calls": counts.calls.total(),
    }
