"""An hour of a thousand selling accounts: how late orders come in, and what fills up first.

The accounts have 10 million orders a month together, very unevenly, and one of them changes
thousands at once. See `bench.accounts.hour` for what is run and what is assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from bench.accounts.buyers import FLOOD, names, rates
from bench.accounts.hour import Hour, play
from bench.report import Cell, Goal, Result, Table
from bench.rig import Rig

ACCOUNTS = 1_000
PROCESSES = 2
SEARCHABLE_S, POLL_S = 120.0, 180.0
MOST_AFTER_S = 30.0
"""A search shows a change after two minutes, the next poll comes within three; the rest is ours."""


def run(rig: Rig, runs: int) -> Result:
    """Play the hour once: what varies between runs is the CPU of the jobs alone."""
    return report(play(rig, ACCOUNTS, PROCESSES), ACCOUNTS)


def report(hour: Hour, accounts: int) -> Result:
    """The tables of an hour."""
    lags = _by_kind(hour.import_lags, accounts)
    waits = _by_kind(hour.step_waits, accounts)
    worst = max(times["worst"] for kind, times in lags.items() if kind != _FLOODED)
    figures: dict[str, Any] = {
        "orders": hour.orders,
        "stored": hour.stored,
        "import_lag_s": lags,
        "step_wait_s": waits,
        "quota": hour.quota,
        "jobs": {name: _of_job(hour, name) for name in hour.costs},
        "tasks_a_minute": sum(hour.sent.values()) / hour.minutes,
        "most_tasks_a_second": max(hour.sent.values()),
        "pool": hour.pool,
    }
    title = f"{accounts:,} accounts for an hour, {PROCESSES} processes for the jobs, moved clock"
    tables = [
        _table(f"{title}: seconds from Amazon's change to our row", lags),
        _table("Seconds from our row to its first step, at twice the mean rate", waits),
        _table("Jobs; the accounts that are not played cost the mean", figures["jobs"]),
        Table("Limits", ("", "figure"), _limits(hour, figures)),
    ]
    limit = SEARCHABLE_S + POLL_S + MOST_AFTER_S
    goals = [
        Goal("orders that were shown and not stored", hour.orders - hour.stored, 0, is_least=False),
        Goal("searches that Amazon refused", hour.quota["refused"], 0, is_least=False),
        Goal("worst import lag, s", worst, limit, is_least=False),
    ]
    return Result(tables, figures, goals)


_FLOODED = f"{FLOOD:,} at once"


def _by_kind(times: Mapping[str, list[float]], accounts: int) -> dict[str, dict[str, float]]:
    per_h, flooded = rates(accounts), names(accounts)[-1]
    kinds: dict[str, list[float]] = {}
    for name, own in times.items():
        kind = _FLOODED if name == flooded else f"accounts of {per_h[name]:.0f} orders an hour"
        kinds.setdefault(kind, []).extend(own)
    return {kind: _spread(own) for kind, own in sorted(kinds.items()) if own}


def _spread(times: Iterable[float]) -> dict[str, float]:
    found = sorted(times)
    return {
        "orders": len(found),
        "median": median(found),
        "p95": found[int(0.95 * (len(found) - 1))],
        "worst": found[-1],
    }


def _of_job(hour: Hour, name: str) -> dict[str, float]:
    cost = hour.costs[name]
    return {
        "runs": cost.runs,
        "expired": cost.expired,
        "played": cost.played,
        "CPU ms a run": 1000 * cost.cpu_s / max(1, cost.runs),
        "statements a run": cost.statements / max(1, cost.runs),
        "CPU s": cost.cpu_s,
        "longest s": cost.longest_s,
    }


def _limits(hour: Hour, figures: Mapping[str, Any]) -> list[list[Cell]]:
    return [
        ["searches of the accounts that are played", hour.quota["searches"]],
        ["refused by Amazon", hour.quota["refused"]],
        ["most of an account's quota used", hour.quota["most_used"]],
        ["fewest tokens left", hour.quota["tokens_left_least"]],
        ["tasks that beat sends a minute", figures["tasks_a_minute"]],
        ["most tasks in a second", figures["most_tasks_a_second"]],
        ["processors busy, of the jobs' workers", hour.pool["cpu"]],
        ["threads taken, of the jobs' workers", hour.pool["threads"]],
    ]


def _table(title: str, rows: Mapping[str, Mapping[str, float]]) -> Table:
    columns = list(next(iter(rows.values())))
    return Table(title, ["", *columns], [[name, *row.values()] for name, row in rows.items()])
