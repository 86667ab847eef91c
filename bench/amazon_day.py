"""How many orders an hour one selling account can take in, against what Amazon's quotas allow.

A moved clock, the stand-in with Amazon's real usage plans, the pipeline's own jobs: searches every
minute, and notifications that arrive 20 s after each change. Offered are 3,800 orders an hour; both
kinds of reading together can bring 3,816.
"""

from __future__ import annotations

import json
import secrets
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from celery import Celery
from sqlalchemy import func, select

from bench.report import Goal, Result, Table
from bench.rig import Rig
from devstack.broker import Broker
from devstack.paths import temporary_home
from devstack.postgres import Postgres
from devstack.supervisor import Supervisor
from pipeline.base import db
from pipeline.orders.tables import Order
from pipeline.settings.model import Settings
from sandbox.amazon.app import create_app
from sandbox.amazon.builders import a_line, an_order
from sandbox.amazon.state import Options, open_store, save_order
from sandbox.core import make
from tasks import workflow
from tasks.engine.runtime import Runtime, build
from tasks.jobs.notifications import fetch_orders
from tasks.jobs.search_and_sweep import poll_amazon

ACCOUNT = "main"
START = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
OFFERED_PER_H = 3_800
CEILING_PER_H = 3_816
V0_CALLS_PER_100 = 301
HOURS = 3
LEAST_SHARE = 0.95
STEP = timedelta(seconds=10)
POLL_EVERY = timedelta(seconds=60)
TOLD_AFTER = timedelta(seconds=20)


class Clock:
    """The time, for both sides."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def amazon(clock: Clock) -> Iterator[tuple[str, Any]]:
    """The stand-in with the real usage plans, and its store."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        store = open_store(Path(folder) / "amazon.sqlite")
        server = make(create_app(store, Options(), clock=clock), 0)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", store
        finally:
            server.shutdown()
            server.server_close()


@contextmanager
def parts_of(url: str, clock: Clock) -> Iterator[Runtime]:
    """One process's parts on servers of their own, with the account told of changes."""
    with temporary_home() as home, Supervisor(home) as supervisor:
        postgres, broker = Postgres(home), Broker(home)
        for server in (postgres, broker):
            server.prepare()
            supervisor.start(server.command())
            server.wait_ready()
        postgres.create_database()
        db.migrate(postgres.url())
        loaded = Settings.model_validate(
            {
                "database_url": postgres.url(),
                "redis_url": broker.url(),
                "master_keys": (secrets.token_bytes(32),),
                "shops": {"main": {"base_url": "http://127.0.0.1:1", "auth": "bearer"}},
                "accounts": {
                    ACCOUNT: {
                        **{"region": "EU", "shop": "main", "start_from": START},
                        **{"base_url": url, "token_url": url},
                        **{"client_id": "sandbox-client", "client_secret": "sandbox-secret"},
                        "refresh_token": f"Atzr|sandbox-{ACCOUNT}",
                    }
                },
            }
        )
        parts = build(loaded, clock)
        # Only that there is a queue counts here; its messages are taken in directly.
        yield replace(parts, queues={ACCOUNT: cast("Any", None)})


def imported(parts: Runtime) -> int:
    """How many orders are in our tables."""
    with parts.sessions() as session:
        return session.scalar(select(func.count()).select_from(Order)) or 0


def play(hours: int) -> dict[str, Any]:
    """Play some hours; the figures of the last one and of all."""
    clock = Clock()
    with amazon(clock) as (url, store), parts_of(url, clock) as parts:
        app = Celery("bench", broker=parts.settings.redis_url.get_secret_value())
        workflow.register(app)
        placed: list[tuple[datetime, str]] = []
        told = 0
        by_hour: list[int] = []
        end = START + timedelta(hours=hours)
        while clock.now < end:
            clock.now += STEP
            due = int((clock.now - START).total_seconds() * OFFERED_PER_H / 3600)
            with store.transaction() as database:
                while len(placed) < due:
                    number = f"302-{len(placed):07}-{len(placed):07}"
                    lines = [a_line("MUG-BLUE", 1, unit="12.50")]
                    at = START + timedelta(seconds=len(placed) * 3600 // OFFERED_PER_H)
                    save_order(database, ACCOUNT, an_order(number, lines=lines, created_at=at))
                    placed.append((at, number))
            news = {}
            while told < len(placed) and placed[told][0] <= clock.now - TOLD_AFTER:
                changed_at, number = placed[told]
                news[number] = changed_at
                told += 1
            parts.fetching.notified(ACCOUNT, {f"n-{n}": n for n in news}, clock.now, news)
            if (clock.now - START) % POLL_EVERY == timedelta(0):
                poll_amazon(app, parts, ACCOUNT)
            fetch_orders(app, parts, ACCOUNT)
            if (clock.now - START) % timedelta(hours=1) == timedelta(0):
                by_hour.append(imported(parts))
        with urllib.request.urlopen(f"{url}/_control/calls", timeout=10) as answer:  # noqa: S310
            calls = json.load(answer)
    counts = {name: sum(calls.get(name, {}).values()) for name in ("search_orders", "get_order")}
    last_hour = by_hour[-1] - (by_hour[-2] if len(by_hour) > 1 else 0)
    return {
        "orders": by_hour[-1],
        "last_hour": last_hour,
        "share_of_ceiling": round(last_hour / CEILING_PER_H, 4),
        "calls": counts,
        "calls_per_100": round(100 * sum(counts.values()) / by_hour[-1], 1),
        "calls_per_100_v0": V0_CALLS_PER_100,
        "throttled": sum(
            calls.get(name, {}).get("429", 0) for name in ("search_orders", "get_order")
        ),
    }


def run(rig: Rig, runs: int) -> Result:
    """Play three hours, once: on a moved clock every run is the same."""
    figures = play(HOURS)
    rows = [[name.replace("_", " "), value] for name, value in figures.items() if name != "calls"]
    rows += [[f"calls of {name}", value] for name, value in figures["calls"].items()]
    goal = Goal("share of what Amazon's plans allow", figures["share_of_ceiling"], LEAST_SHARE)
    title = f"Amazon's day: {HOURS} hours on a moved clock"
    return Result([Table(title, ("", "figure"), rows)], figures, [goal])
