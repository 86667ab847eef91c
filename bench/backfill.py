"""Whether a backfill of 10,000 orders delays what is new.

A moved clock and the stand-in with Amazon's real usage plans, as in `bench.amazon_day`. Within an
hour 100 new orders are placed and 100 packages are to be confirmed, once beside the backfill and
once without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from celery import Celery
from sqlalchemy import func, select

from bench.amazon_day import ACCOUNT, START, STEP, Clock, amazon, parts_of
from bench.report import Goal, Result, Table
from bench.rig import Rig
from pipeline.base.errors import NotSent
from pipeline.base.quota import Lane
from pipeline.intake.backfills import Backfills
from pipeline.orders.channel import Confirmation
from pipeline.orders.tables import Order
from sandbox.amazon.builders import a_line, an_order
from sandbox.amazon.state import save_order
from tasks import workflow
from tasks.engine.runtime import Runtime
from tasks.jobs.backfills import run_backfills
from tasks.jobs.notifications import fetch_orders
from tasks.jobs.search_and_sweep import poll_amazon

OLD = 10_000
NEW = CONFIRMED = 100
EVERY = timedelta(seconds=36)
TOLD_AFTER = timedelta(seconds=20)
POLL_EVERY = timedelta(seconds=180)
LATE_S = 60.0
WAITS, PARTS = ("new_orders_waited_s", "confirmations_waited_s"), ("median", "worst")


def confirm(parts: Runtime, number: str) -> bool:
    """Read the order again and confirm its package, as the last step does; False without quota."""
    channel = parts.clients.channels[ACCOUNT]
    try:
        raw = channel.order(number, Lane.CONFIRM)
        channel.confirm_shipment(
            Confirmation(
                external_id=number,
                marketplace_id=raw["salesChannel"]["marketplaceId"],
                reference="1",
                carrier_code="ups",
                carrier_title="UPS",
                tracking_number=f"1Z{number[-7:]}",
                shipped_at=parts.clients.now(),
                quantities={raw["orderItems"][0]["orderItemId"]: 1},
            )
        )
    except NotSent:
        return False
    return True


def known(parts: Runtime, numbers: set[str]) -> set[str]:
    """Which of these orders are in our tables."""
    with parts.sessions() as session:
        return set(session.scalars(select(Order.external_id).where(Order.external_id.in_(numbers))))


def play(*, with_backfill: bool) -> dict[str, Any]:
    """Play an hour and a quarter; how long new orders and confirmations waited, in seconds."""
    clock = Clock()
    with amazon(clock) as (url, store), parts_of(url, clock) as parts:
        app = Celery("bench", broker=parts.settings.redis_url.get_secret_value())
        workflow.register(app)

        def place(numbers: Iterable[str], ago: timedelta) -> None:
            line = a_line("MUG-BLUE", 1, unit="12.50")
            with store.transaction() as database:
                for number in numbers:
                    order = an_order(number, lines=[line], created_at=clock.now - ago)
                    save_order(database, ACCOUNT, order)

        old = range(OLD if with_backfill else 0)
        place((f"301-{one:07}-0000000" for one in old), timedelta(days=30))
        place((f"303-{one:07}-0000000" for one in range(CONFIRMED)), timedelta(days=1))
        if with_backfill:
            after, before = START - timedelta(days=40), START - timedelta(days=20)
            Backfills(parts.sessions).start_period(
                ACCOUNT, after, before, author="bench", now=START
            )
        placed: dict[str, datetime] = {}
        told: set[str] = set()
        seen: set[str] = set()
        waited_new: list[float] = []
        waited_confirm: list[float] = []
        to_confirm: dict[str, datetime] = {}
        while len(waited_new) < NEW or len(waited_confirm) < CONFIRMED:
            clock.now += STEP
            due = min(NEW, int((clock.now - START) / EVERY))
            for place_of in range(len(placed), due):
                number = f"302-{place_of:07}-0000000"
                place([number], timedelta(0))
                placed[number] = clock.now
                to_confirm[f"303-{place_of:07}-0000000"] = clock.now
            news = {
                number: at
                for number, at in placed.items()
                if number not in told and at <= clock.now - TOLD_AFTER
            }
            told |= set(news)
            parts.fetching.notified(ACCOUNT, {f"n-{one}": one for one in news}, clock.now, news)
            if with_backfill:
                run_backfills(app, parts)
            fetch_orders(app, parts, ACCOUNT)
            if (clock.now - START) % POLL_EVERY == timedelta(0):
                poll_amazon(app, parts, ACCOUNT)
            for number, at in list(to_confirm.items()):
                if confirm(parts, number):
                    waited_confirm.append((clock.now - at).total_seconds())
                    del to_confirm[number]
            for number in known(parts, set(placed) - seen):
                waited_new.append((clock.now - placed[number]).total_seconds())
                seen.add(number)
        with parts.sessions() as session:
            backfilled = session.scalar(
                select(func.count()).where(Order.external_id.startswith("301-"))
            )
    return {
        "new_orders_waited_s": {"median": median(waited_new), "worst": max(waited_new)},
        "confirmations_waited_s": {"median": median(waited_confirm), "worst": max(waited_confirm)},
        "backfilled_meanwhile": backfilled,
    }


def run(rig: Rig, runs: int) -> Result:
    """Play both, once: on a moved clock every run is the same."""
    alone, beside = play(with_backfill=False), play(with_backfill=True)
    rows = [
        [name.replace("_", " "), *(one[name][part] for one in (alone, beside) for part in PARTS)]
        for name in WAITS
    ]
    later_s = beside[WAITS[1]]["worst"] - alone[WAITS[1]]["worst"]
    title = f"Backfill: {beside['backfilled_meanwhile']} old orders beside new ones, seconds"
    columns = ["", "median alone", "worst alone", "median beside", "worst beside"]
    goal = Goal("seconds that a confirmation is later", later_s, LATE_S, is_least=False)
    return Result([Table(title, columns, rows)], {"alone": alone, "beside": beside}, [goal])
