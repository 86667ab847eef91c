"""A scrape is bounded in statements and in time, and a fault of a part leaves the others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from bench.growth_fill import fill
from pipeline.base import db
from pipeline.base.db import Sessions
from pipeline.monitoring.metrics.collector import BEGINS_WITHIN_S, Metrics
from pipeline.monitoring.metrics.families import FAMILIES, PREFIX
from pipeline.monitoring.metrics.parts import OF_THE_DATABASE
from tests.builders import NOW, an_order, settings, stored
from tests.monitoring.metrics.scraping import failed, scraped

STATEMENTS = 20
"""The time-out of each of eight parts, and their twelve queries."""


def engine_of(sessions: Sessions) -> Engine:
    with sessions() as session:
        engine = session.get_bind()
    assert isinstance(engine, Engine)
    return engine


@pytest.fixture
def asked(sessions: Sessions) -> Iterator[list[tuple[str, Any]]]:
    """Every statement that is sent, with its values."""
    found: list[tuple[str, Any]] = []

    def keep(_: object, __: object, statement: str, values: Any, *___: object) -> None:
        found.append((statement, values))

    engine = engine_of(sessions)
    event.listen(engine, "before_cursor_execute", keep)
    yield found
    event.remove(engine, "before_cursor_execute", keep)


def test_every_name_has_our_prefix_and_is_there_once() -> None:
    names = [family.name for family in FAMILIES]
    assert len(names) == len(set(names))
    assert all(name.startswith(PREFIX) for name in names)


def test_an_empty_installation_has_all_metrics(metrics: Metrics) -> None:
    values = scraped(metrics)
    assert values.keys() == {family.name for family in FAMILIES}
    assert failed(values) == set()


def test_the_number_of_statements_does_not_grow_with_the_orders(
    sessions: Sessions, metrics: Metrics, asked: list[tuple[str, Any]]
) -> None:
    scraped(metrics)
    assert len(asked) == STATEMENTS
    for _ in range(20):
        stored(sessions, an_order())
    asked.clear()
    scraped(metrics)
    assert len(asked) == STATEMENTS


def test_without_the_broker_the_tables_still_tell(sessions: Sessions) -> None:
    away = settings(redis_url="redis://127.0.0.1:1/0")
    values = scraped(Metrics(away, sessions, lambda: NOW))
    assert failed(values) == {"broker"}
    assert values["orderbridge_queue_messages"] == {}
    assert len(values["orderbridge_orders"]) == 7 * 4


def test_without_the_database_the_broker_still_tells(redis_url: str) -> None:
    nowhere = db.sessions_for(db.engine_for("postgresql+psycopg://127.0.0.1:1/none"))
    values = scraped(Metrics(settings(redis_url=redis_url), nowhere, lambda: NOW))
    assert failed(values) == set(OF_THE_DATABASE)
    assert len(values["orderbridge_queue_messages"]) == 3


def test_a_part_that_waits_for_a_lock_is_given_up(sessions: Sessions, metrics: Metrics) -> None:
    with sessions() as other, other.begin():
        other.execute(text("LOCK TABLE incidents IN ACCESS EXCLUSIVE MODE"))
        values = scraped(metrics)
    assert failed(values) == {"incidents"}
    assert failed(scraped(metrics)) == set()


def test_no_part_begins_when_the_time_is_used_up(sessions: Sessions, redis_url: str) -> None:
    # The first part, the broker, is begun in time and ends late.
    readings = chain([0.0, 0.0], repeat(BEGINS_WITHIN_S + 0.1))
    metrics = Metrics(settings(redis_url=redis_url), sessions, lambda: NOW, lambda: next(readings))
    assert failed(scraped(metrics)) == set(OF_THE_DATABASE)


def test_no_part_goes_through_all_orders_attempts_or_effects(
    own_database_url: str, redis_url: str
) -> None:
    sessions = db.sessions_for(db.engine_for(own_database_url))
    fill(sessions, 5_000, NOW)
    found: list[tuple[str, Any]] = []

    def keep(_: object, __: object, statement: str, values: Any, *___: object) -> None:
        found.append((statement, values))

    engine = engine_of(sessions)
    event.listen(engine, "before_cursor_execute", keep)
    assert failed(scraped(Metrics(settings(redis_url=redis_url), sessions, lambda: NOW))) == set()
    event.remove(engine, "before_cursor_execute", keep)
    assert len(found) == STATEMENTS
    with engine.connect() as connection:
        for statement, values in found:
            plan = connection.exec_driver_sql(
                f"EXPLAIN (FORMAT JSON) {statement}", values
            ).scalar_one()
            scanned = set(_scans(plan[0]["Plan"]))
            assert scanned.isdisjoint({"orders", "attempts", "effects"}), statement


def _scans(plan: dict[str, Any]) -> Iterator[str]:
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for part in plan.get("Plans", []):
        yield from _scans(part)
