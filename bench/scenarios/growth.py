"""What a longer history costs the queries that run by the clock and that people wait for.

Each query is read in turns from a database with few ended orders and from one with many; both have
the same live orders. `rows` is what a query returns, and `whole tables` what it goes through.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, event

from bench.growth_fill import fill
from bench.growth_queries import Query, queries
from bench.report import Cell, Goal, Result, Table
from bench.rig import Rig
from pipeline.base import db
from pipeline.base.db import Sessions

FEW, MANY, MILLION = 1_000, 100_000, 1_000_000
READINGS = 31
LARGE = 20_000
MOST = 1.2
_LARGE_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= %s"


@dataclass(slots=True)
class Filled:
    """A database with a number of ended orders."""

    orders: int
    engine: Engine
    sessions: Sessions
    queries: dict[str, Query]


def run(rig: Rig, runs: int) -> Result:
    """A thousand and a hundred thousand ended orders."""
    return _measure(rig, MANY)


def run_million(rig: Rig, runs: int) -> Result:
    """A thousand and a million."""
    return _measure(rig, MILLION)


def _measure(rig: Rig, many: int) -> Result:
    now = datetime.now(UTC)
    with _filled(rig, FEW, now) as less, _filled(rig, many, now) as more:
        figures = {name: _figures(less, more, name) for name in less.queries}
    rows: list[list[Cell]] = [[name, *told.values()] for name, told in figures.items()]
    goals = [
        Goal(name, told["ratio"], MOST, is_least=False)
        for name, told in figures.items()
        if told["ratio"] > MOST
    ]
    columns = ["", f"ms of {FEW:,}", "rows", f"ms of {many:,}", "rows", "ratio", "whole tables"]
    title = f"Growth: medians of {READINGS - 1} readings in turns; only what is missed is listed"
    return Result([Table(title, columns, rows)], figures, goals)


def _figures(less: Filled, more: Filled, name: str) -> dict[str, Any]:
    took: tuple[list[float], list[float]] = ([], [])
    rows = [0, 0]
    for _ in range(READINGS):
        for place, one in enumerate((less, more)):
            begun = perf_counter()
            answer = one.queries[name]()
            took[place].append(1000 * (perf_counter() - begun))
            rows[place] = _rows(answer)
    # The first reading of each fills the caches.
    few_ms, many_ms = (median(times[1:]) for times in took)
    return {
        "few_ms": few_ms,
        "few_rows": rows[0],
        "many_ms": many_ms,
        "many_rows": rows[1],
        "ratio": many_ms / few_ms,
        "whole_tables": ", ".join(sorted(_whole_tables(more, name))) or None,
    }


@contextmanager
def _filled(rig: Rig, orders: int, now: datetime) -> Iterator[Filled]:
    name = f"growth_{orders}"
    rig.postgres.create_database(name)
    db.migrate(rig.postgres.url(name))
    engine = db.engine_for(rig.postgres.url(name))
    sessions = db.sessions_for(engine)
    fill(sessions, orders, now)
    yield Filled(orders, engine, sessions, queries(rig, sessions, now))
    engine.dispose()


def _rows(answer: Any) -> int:
    return len(answer) if isinstance(answer, list | dict) else 1


def _whole_tables(filled: Filled, name: str) -> set[str]:
    """The large tables that the query's statements go through row by row, by their plans."""
    asked: list[tuple[str, Any]] = []

    def keep(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            asked.append((statement, parameters))

    event.listen(filled.engine, "before_cursor_execute", keep)
    filled.queries[name]()
    event.remove(filled.engine, "before_cursor_execute", keep)
    found: set[str] = set()
    with filled.engine.connect() as connection:
        for statement, parameters in asked:
            plan = connection.exec_driver_sql(
                f"EXPLAIN (FORMAT JSON) {statement}", parameters
            ).scalar()
            found |= set(_scans(plan[0]["Plan"])) if plan else set()
        large = connection.exec_driver_sql(_LARGE_TABLES, (LARGE,)).scalars()
        return found.intersection(large)


def _scans(plan: dict[str, Any]) -> Iterator[str]:
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for part in plan.get("Plans", []):
        yield from _scans(part)
