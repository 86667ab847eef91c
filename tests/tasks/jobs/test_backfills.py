"""The job that reads backfills, against Amazon's stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import redis
from celery import Celery
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.intake.backfills import Backfills, Progress
from pipeline.orders.tables import Order
from sandbox.amazon.builders import a_line, an_order
from sandbox.amazon.quota import Quota
from sandbox.amazon.state import Options
from tasks.engine.runtime import Runtime, build
from tasks.jobs.backfills import run_backfills
from tasks.jobs.notifications import fetch_orders
from tasks.jobs.search_and_sweep import poll_amazon
from tests.builders import ACCOUNT, NOW, settings
from tests.sandbox.conftest import Caller, running_amazon

PLENTY = Options(quotas={name: Quota(100, 1000) for name in ("searchOrders", "getOrder")})
# Before the account's start_from, which is 30 days ago.
LONG_AGO = NOW - timedelta(days=90)
PERIOD = (LONG_AGO - timedelta(days=1), LONG_AGO + timedelta(days=1))
MINUTE = timedelta(minutes=1)


@pytest.fixture
def amazon(tmp_path: Path) -> Iterator[Caller]:
    with running_amazon(tmp_path / "amazon.sqlite", PLENTY) as caller:
        yield caller


@pytest.fixture
def parts(amazon: Caller, database_url: str, redis_url: str) -> Iterator[Runtime]:
    account = {
        "base_url": amazon.url,
        "token_url": amazon.url,
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "refresh_token": "Atzr|sandbox-main",
    }
    made = build(settings(account=account, database_url=database_url, redis_url=redis_url))
    yield at(made, NOW)
    made.broker.close()


def at(parts: Runtime, now: datetime) -> Runtime:
    """The same at another time of ours."""
    return replace(parts, clients=replace(parts.clients, now=lambda: now))


def placed(amazon: Caller, count: int) -> list[str]:
    numbers = [f"305-{number:07}-{number:07}" for number in range(1, count + 1)]
    for number in numbers:
        amazon.place(an_order(number, lines=[a_line("MUG-BLUE")], created_at=LONG_AGO))
    return numbers


def known(sessions: Sessions) -> list[tuple[str, str]]:
    with sessions() as session:
        rows = session.execute(select(Order.external_id, Order.lane).order_by(Order.external_id))
        return [(row.external_id, row.lane) for row in rows]


def only(sessions: Sessions) -> Progress:
    [progress] = Backfills(sessions).latest(10)
    return progress


def start(sessions: Sessions) -> int:
    return Backfills(sessions).start_period(ACCOUNT, *PERIOD, author="anna", now=NOW)


def test_a_period_is_read_whole_and_nothing_is_sent_ahead_of_new_orders(
    app: Celery, parts: Runtime, amazon: Caller, sessions: Sessions, redis_url: str
) -> None:
    numbers = placed(amazon, 120)
    poll_amazon(app, parts, ACCOUNT)
    assert known(sessions) == [], "the poll leaves out what was placed before start_from"
    start(sessions)
    run_backfills(app, parts)
    assert known(sessions) == [(number, "backfill") for number in numbers]
    row = only(sessions).backfill
    assert (row.state, row.calls, row.orders_seen, row.orders_new) == ("done", 2, 120, 120)
    with redis.Redis.from_url(redis_url) as broker:
        assert broker.llen("orderbridge:amazon") == 0
    start(sessions)
    run_backfills(app, parts)
    assert len(known(sessions)) == 120
    [again, _] = Backfills(sessions).latest(10)
    assert (again.backfill.orders_seen, again.backfill.orders_new) == (120, 0)


def test_it_goes_on_at_the_page_where_it_stopped(
    app: Celery, parts: Runtime, amazon: Caller, sessions: Sessions
) -> None:
    placed(amazon, 120)
    start(sessions)
    amazon.control("POST", "faults", {"route": "search_orders", "kind": "delay", "times": 1})
    amazon.control(
        "POST", "faults", {"route": "search_orders", "kind": "status", "status": 429, "times": 9}
    )
    run_backfills(app, parts)
    assert len(known(sessions)) == 100
    row = only(sessions).backfill
    assert (row.state, row.page_token is None) == ("running", False)
    amazon.control("DELETE", "faults")
    run_backfills(app, parts)
    assert len(known(sessions)) == 100, "it is not due yet"
    parts.broker.flushdb()
    run_backfills(app, at(parts, NOW + 10 * MINUTE))
    assert len(known(sessions)) == 120
    assert only(sessions).backfill.state == "done"


def test_a_dead_page_token_begins_the_period_anew(
    app: Celery, parts: Runtime, amazon: Caller, sessions: Sessions
) -> None:
    placed(amazon, 120)
    start(sessions)
    amazon.control("POST", "faults", {"route": "search_orders", "kind": "delay", "times": 1})
    amazon.control("POST", "faults", {"route": "search_orders", "kind": "status", "times": 9})
    run_backfills(app, parts)
    amazon.control("DELETE", "faults")
    amazon.control("POST", "clock", {"offset_s": 25 * 3600})
    run_backfills(app, at(parts, NOW + 10 * MINUTE))
    row = only(sessions).backfill
    assert (row.state, row.page_token, (row.trouble or "")[:13]) == (
        "running",
        None,
        "InvalidInput:",
    )
    run_backfills(app, at(parts, NOW + 20 * MINUTE))
    assert len(known(sessions)) == 120
    assert only(sessions).backfill.state == "done"


def test_what_is_stopped_is_read_no_further(
    app: Celery, parts: Runtime, amazon: Caller, sessions: Sessions
) -> None:
    placed(amazon, 3)
    Backfills(sessions).stop(start(sessions), NOW)
    run_backfills(app, parts)
    assert known(sessions) == []
    assert "search_orders" not in amazon.control("GET", "calls")


def test_orders_by_number_are_fetched_one_by_one(
    app: Celery, parts: Runtime, amazon: Caller, sessions: Sessions
) -> None:
    numbers = placed(amazon, 3)
    Backfills(sessions).start_ids(ACCOUNT, numbers[:2], author="anna", now=NOW)
    run_backfills(app, parts)
    assert only(sessions).backfill.state == "running"
    fetch_orders(app, parts, ACCOUNT)
    run_backfills(app, parts)
    assert known(sessions) == [(number, "backfill") for number in numbers[:2]]
    progress = only(sessions)
    assert (progress.backfill.state, progress.backfill.orders_new, progress.left) == ("done", 2, 0)
    assert amazon.control("GET", "calls")["get_order"] == {"200": 2}
