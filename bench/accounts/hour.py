"""Plays the hour: beat's timetable, the product's jobs, Amazon's quotas, all on a moved clock.

The jobs run for real, one after the other, on a real database and broker. What a job costs is its
own CPU as measured, and assumed times for each statement and remote call; from these it follows
when the workers of the jobs' queue, of a given number, would have begun it. The orders' steps are
not run: their messages are taken off the queue at a steady rate.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import count
from time import thread_time
from typing import Any, cast

from celery import Celery
from sqlalchemy import event, func, select, text

from bench.accounts.amazon import BURST, RATE_PER_S, Sellers, serving
from bench.accounts.buyers import START, names, placements, played, rates
from bench.accounts.pool import Pool
from bench.amazon_day import Clock
from bench.rig import Rig
from devstack.paths import kept_port
from pipeline.base import db
from pipeline.orders.tables import Order
from pipeline.settings.model import Settings
from tasks import workflow
from tasks.engine.runtime import Runtime, build
from tasks.jobs import schedule
from tasks.jobs.schedule import JOBS, Job, Scope
from tasks.jobs.spread import Spread

CALL_S, STATEMENT_S = 0.1, 0.0005
"""Assumed: what a remote call and a statement take, beside the CPU of the job."""
STEPS_OF_MEAN = 2.0
"""How many orders' messages the workers of the steps take off the queue, of those that come."""
NOT_PLAYED = {Scope.SHOP, Scope.ACCOUNT_WITH_QUEUE, Scope.ACCOUNT_WITH_SELLER_ID}


@dataclass(slots=True)
class Cost:
    """What the runs of a job took."""

    runs: int = 0
    expired: int = 0
    cpu_s: float = 0.0
    statements: int = 0
    calls: int = 0
    taken_s: float = 0.0
    longest_s: float = 0.0
    played: int = 0
    played_cpu_s: float = 0.0
    played_statements: int = 0
    played_calls: int = 0

    def mean(self) -> tuple[float, int, int]:
        """CPU, statements and calls of a run, by the runs that were played."""
        statements, calls = self.played_statements / self.played, self.played_calls / self.played
        return self.played_cpu_s / self.played, round(statements), round(calls)


@dataclass(slots=True)
class Hour:
    """What was seen in the hour; waits in seconds."""

    costs: dict[str, Cost] = field(default_factory=lambda: defaultdict(Cost))
    sent: Counter[int] = field(default_factory=Counter)
    """Tasks that beat sends, by second."""
    import_lags: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    step_waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    orders: int = 0
    stored: int = 0
    quota: dict[str, float] = field(default_factory=dict)
    pool: dict[str, float] = field(default_factory=dict)
    minutes: float = 0.0


def play(rig: Rig, accounts: int, processes: int, length: timedelta = timedelta(hours=1)) -> Hour:
    """Play an hour of `accounts` accounts with `processes` workers of the jobs' queue."""
    clock = Clock()
    clock.now = START
    placed = placements(accounts, 7, length)
    sellers = Sellers(placed, clock)
    port = kept_port(rig.home / "sellers.port", lambda _: False)
    with serving(sellers, port) as url, _parts(rig, url, accounts, clock) as parts:
        app = Celery("bench", broker=parts.settings.broker.celery_url)
        app.conf.broker_transport_options = {"global_keyprefix": "orderbridge:"}
        workflow.register(app)
        schedule.register(app)
        play = _Play(parts, app, sellers, clock, Pool(processes, START))
        play.run(length)
        return play.result(length)


@contextmanager
def _parts(rig: Rig, url: str, accounts: int, clock: Clock) -> Iterator[Runtime]:
    """A process's parts on a database and a broker's database of their own."""
    name = f"accounts_{secrets.token_hex(4)}"
    rig.postgres.create_database(name)
    db.migrate(rig.postgres.url(name))
    own = {"region": "EU", "shop": "main", "start_from": START - timedelta(minutes=10)}
    login = {"client_id": "client", "client_secret": "secret", "refresh_token": "Atzr|bench"}
    loaded = Settings.model_validate(
        {
            "database_url": rig.postgres.url(name),
            "redis_url": f"{rig.broker.url().rpartition('/')[0]}/1",
            "master_keys": (secrets.token_bytes(32),),
            "shops": {"main": {"base_url": "http://127.0.0.1:1", "auth": "bearer"}},
            "accounts": {
                one: {**own, **login, "base_url": f"{url}/{one}", "token_url": f"{url}/{one}"}
                for one in names(accounts)
            },
        }
    )
    parts = build(loaded, clock)
    parts.broker.flushdb()
    yield parts
    parts.broker.flushdb()


class _Play:
    def __init__(
        self, parts: Runtime, app: Celery, sellers: Sellers, clock: Clock, pool: Pool
    ) -> None:
        self._parts, self._app, self._sellers = parts, app, sellers
        self._clock, self._pool = clock, pool
        self._jobs = {f"orderbridge.{job.task}": job for job in JOBS}
        self._statements = 0
        self._drained_at = START
        self._taken: set[int] = set()
        accounts = len(parts.settings.accounts)
        self._played = played(accounts)
        orders_per_h = sum(rates(accounts)[name] for name in self._played)
        self._steps_per_s = STEPS_OF_MEAN * orders_per_h / 3600
        self.hour = Hour()

        def counted(*_: object) -> None:
            self._statements += 1

        with parts.sessions() as session:
            event.listen(session.get_bind().engine, "before_cursor_execute", counted)

    def run(self, length: timedelta) -> None:
        """Send what is due and run it, in the order of time."""
        entries = [
            entry
            for entry in schedule.timetable(self._parts.settings).values()
            if self._job(entry).scope not in NOT_PLAYED and self._job(entry).name != "reconcile"
        ]
        # The first run of each opens connections and fills caches.
        for entry in {entry["task"]: entry for entry in entries}.values():
            self._take(START, entry)
        self.hour.costs.clear()
        turn = count()
        due = [(self._first(entry), next(turn), entry) for entry in entries]
        heapify(due)
        while due and due[0][0] < START + length:
            at, _, entry = heappop(due)
            heappush(due, (at + self._period(entry), next(turn), entry))
            self.hour.sent[int((at - START).total_seconds())] += 1
            self._take(at, entry)

    def _job(self, entry: Mapping[str, Any]) -> Job:
        return self._jobs[entry["task"]]

    @staticmethod
    def _first(entry: Mapping[str, Any]) -> datetime:
        """When beat sends it first; an entry without a phase is sent after one period."""
        period = entry["schedule"]
        if isinstance(period, Spread):
            return START + timedelta(seconds=period.share * period.every_s)
        return START + timedelta(seconds=period)

    @staticmethod
    def _period(entry: Mapping[str, Any]) -> timedelta:
        period = entry["schedule"]
        return timedelta(seconds=period.every_s if isinstance(period, Spread) else period)

    def _take(self, at: datetime, entry: Mapping[str, Any]) -> None:
        begun_at = self._pool.begins(at)
        job = self._job(entry)
        cost = self.hour.costs[job.name]
        begun_at = max(begun_at, self._clock.now)
        if (begun_at - at).total_seconds() > entry["options"]["expires"]:
            cost.expired += 1
            return
        self._clock.now = begun_at
        self._drain(begun_at)
        is_played = not entry["args"] or entry["args"][0] in self._played
        if cost.played and not is_played:
            self._note(cost, begun_at, *cost.mean())
            return
        before = self._statements, self._calls()
        begun = thread_time()
        first = (self._app,) if job.sends else ()
        job.function(*first, self._parts, *entry["args"])
        cpu_s = thread_time() - begun
        statements, calls = self._statements - before[0], self._calls() - before[1]
        cost.played += 1
        cost.played_cpu_s += cpu_s
        cost.played_statements += statements
        cost.played_calls += calls
        self._note(cost, begun_at, cpu_s, statements, calls)

    def _note(
        self, cost: Cost, begun_at: datetime, cpu_s: float, statements: int, calls: int
    ) -> None:
        waited_s = calls * CALL_S + statements * STATEMENT_S
        took_s = (self._pool.ran(begun_at, cpu_s, waited_s) - begun_at).total_seconds()
        cost.runs += 1
        cost.cpu_s += cpu_s
        cost.statements += statements
        cost.calls += calls
        cost.taken_s += took_s
        cost.longest_s = max(cost.longest_s, took_s)

    def _calls(self) -> int:
        return sum(seller.calls.total() for seller in self._sellers.by_name.values())

    def _drain(self, now: datetime) -> None:
        """The workers of the steps take the next messages; their orders have ended."""
        room = int((now - self._drained_at).total_seconds() * self._steps_per_s)
        if not room:
            return
        self._drained_at += timedelta(seconds=room / self._steps_per_s)
        taken: list[int] = []
        while len(taken) < room:
            messages = self._parts.broker.rpop("orderbridge:amazon", room - len(taken))
            if not messages:
                break
            for message in cast("list[bytes]", messages):
                args, *_ = json.loads(b64decode(json.loads(message)["body"]))
                if args[0] not in self._taken:
                    taken.append(args[0])
                    self._taken.add(args[0])
        if taken:
            with self._parts.sessions() as session, session.begin():
                rows = session.execute(
                    text(
                        "UPDATE orders SET status = 'done', due_at = NULL WHERE id = ANY(:ids)"
                        " RETURNING account, external_id"
                    ),
                    {"ids": taken},
                )
                for account, number in rows:
                    waited = now - self._sellers.seen_at[number]
                    self.hour.step_waits[account].append(waited.total_seconds())

    def result(self, length: timedelta) -> Hour:
        """What was seen, with what is in the tables and at Amazon at the end."""
        hour, sellers = self.hour, self._sellers.by_name
        for name, seller in sellers.items():
            for at, number in seller.placed:
                if at >= START and number in self._sellers.seen_at:
                    lag = self._sellers.seen_at[number] - at
                    hour.import_lags[name].append(lag.total_seconds())
        hour.orders, hour.minutes = len(self._sellers.seen_at), length / timedelta(minutes=1)
        with self._parts.sessions() as session:
            hour.stored = session.scalar(select(func.count()).select_from(Order)) or 0
        used = [
            seller.calls["allowed"] / (BURST + RATE_PER_S * length.total_seconds())
            for seller in sellers.values()
        ]
        hour.quota = {
            "searches": sum(seller.calls["allowed"] for seller in sellers.values()),
            "refused": sum(seller.calls["refused"] for seller in sellers.values()),
            "most_used": max(used),
            "tokens_left_least": min(seller.tokens for seller in sellers.values()),
        }
        hour.pool = {
            "cpu": self._pool.cpu_s / length.total_seconds(),
            "threads": self._pool.taken_s / length.total_seconds(),
        }
        return hour
