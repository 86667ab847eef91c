"""What a longer history costs the queries that run by the clock and that people wait for.

Each query is read in turns from a database with few ended orders and from one with many; both have
the same live orders. `rows` is what a query returns, and `whole tables` what it goes through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, event

from bench.growth_fill import fill
from bench.report import Cell, Goal, Result, Table
from bench.rig import ACCOUNT, SHOP, Rig
from bench.stub.amazon import Amazon
from pipeline.base import db
from pipeline.base.db import Sessions
from pipeline.base.vault import Vault
from pipeline.intake.reports import readable
from pipeline.monitoring.health import health
from pipeline.monitoring.purging import Purging
from pipeline.monitoring.reconcile.read import read
from pipeline.monitoring.reconcile.runs import Runs
from pipeline.monitoring.reconcile.tables import Reconciliation
from pipeline.operations.history.thinning import Thinning
from pipeline.operations.lists.board import Board
from pipeline.operations.lists.counts import counts
from pipeline.operations.lists.filters import Filters
from pipeline.operations.lists.orders import Listing
from pipeline.orders.machine import Orders
from pipeline.shipping.shop_shipments import Shipments
from tasks.jobs.search_and_sweep import BATCH

FEW, MANY, MILLION = 1_000, 100_000, 1_000_000
READINGS = 11
LARGE = 20_000
MOST = 1.2
_WEEK = timedelta(days=7)
_LARGE_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= %s"

Query = Callable[[], Any]


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


def _queries(rig: Rig, sessions: Sessions, now: datetime) -> dict[str, Query]:
    parts, settings = rig.parts, rig.parts.settings
    vault = Vault(settings.master_key)
    orders = Orders(sessions, vault, settings.timing, {ACCOUNT: SHOP})
    shipments, board, listing = Shipments(sessions), Board(sessions, now), Listing(sessions)
    open_ones = shipments.awaited([ACCOUNT], SHOP)
    clients = replace(parts.clients, in_force=lambda: settings)
    channel = clients.channels[ACCOUNT]
    stub = Amazon()
    reports = [stub.order(number) for number in stub.place(101, is_fba=False)][1:]
    told = readable(vault, ACCOUNT, channel, reports, now)
    turn = iter(range(1, 1_000))

    def sweep() -> object:
        # A later sweep finds the same orders due again.
        return orders.due(now + next(turn) * timedelta(minutes=2), BATCH)

    return {
        "sweep": sweep,
        "watch: open orders": lambda: shipments.awaited([ACCOUNT], SHOP),
        "watch: their packages": lambda: shipments.missing(open_ones, []),
        "watch: confirmed of a week": lambda: shipments.lately([ACCOUNT], SHOP, now - _WEEK),
        "board: to ship": board.to_ship,
        "board: unconfirmed": board.unconfirmed,
        "board: counts": board.standing,
        "tab: first page": lambda: listing.page(Filters()),
        "tab: counts": lambda: counts(sessions, everything=False),
        "health": lambda: health(settings, sessions, parts.broker, now),
        "purge: buyers' data": Purging(sessions, now, 30).count,
        "purge: old rows": lambda: Thinning(sessions).count(now),
        "reconcile: a page": lambda: read(sessions, clients, ACCOUNT, told),
        "reconcile: unseen": lambda: Runs(sessions).unseen(
            Reconciliation(id=1, account=ACCOUNT), 100
        ),
    }


@contextmanager
def _filled(rig: Rig, orders: int, now: datetime) -> Iterator[Filled]:
    name = f"growth_{orders}"
    rig.postgres.create_database(name)
    db.migrate(rig.postgres.url(name))
    engine = db.engine_for(rig.postgres.url(name))
    sessions = db.sessions_for(engine)
    fill(sessions, orders, now)
    yield Filled(orders, engine, sessions, _queries(rig, sessions, now))
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
