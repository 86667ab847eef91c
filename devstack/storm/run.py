"""Plays a storm on the whole stack and tells what it has cost."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import redis
from rich.console import Console
from rich.table import Table

from devstack.broker import Broker
from devstack.paths import PROJECT
from devstack.stack import WORKERS, Stack, worker_arguments
from devstack.storm import plan, verdict
from devstack.storm.plan import Event, Fate, Kind, Planned
from devstack.storm.town import Town
from devstack.supervisor import Process, Supervisor

SKEWED, SECOND_BEAT = "worker-3", "beat-2"
WORKERS_CLOCK_S, AMAZONS_CLOCK_S = 240.0, -150.0
THREADS = 4
LOOK_EVERY_S = 3.0


@dataclass(frozen=True)
class Sizes:
    """How large a storm is: it blows for `over_s` seconds, and all must be well by `limit_s`."""

    orders: int = 1000
    seed: int = 1
    over_s: float = 150.0
    limit_s: float = 460.0


@dataclass
class Storm:
    """One storm over one stack."""

    stack: Stack
    sizes: Sizes
    console: Console
    planned: list[Planned] = field(init=False)
    town: Town = field(init=False)
    broken: Counter[Kind] = field(default_factory=Counter)
    kills: list[tuple[int, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.planned = plan.orders(self.sizes.seed, self.sizes.orders, self.sizes.over_s * 0.8)

    @property
    def database(self) -> str:
        url = self.stack.environment["ORDERBRIDGE_DATABASE_URL"]
        return url.replace("+psycopg", "")

    def play(self) -> Mapping[str, Sequence[str]]:
        """Let it blow, wait until it is over, and count."""
        self.stack.start(forget=True, with_pages=False)
        self.town = Town(self.stack.urls["amazon"], self.stack.urls["magento"], self.planned)
        self.town.open()
        self.town.set_clock(AMAZONS_CLOCK_S)
        self._run(SKEWED, "-m", "devstack.storm.skewed", str(WORKERS_CLOCK_S), *_worker(SKEWED))
        schedule = str(self.stack.home / "beat-2-schedule")
        self._run(SECOND_BEAT, *("-m", "celery", "-A", "tasks.app", "beat", "-s", schedule))
        self._blow()
        return verdict.counted(self.town, self.planned, self.database)

    def _blow(self) -> None:
        began = time.monotonic()
        events = plan.weather(self.sizes.seed, self.sizes.over_s)
        looked_at = began
        while (now_s := time.monotonic() - began) < self.sizes.limit_s:
            self.town.act(now_s)
            while events and events[0].at_s <= now_s:
                self._break(events.pop(0))
                if not events:
                    self.town.clear()
            if time.monotonic() - looked_at >= LOOK_EVERY_S:
                self.town.ship()
                looked_at = time.monotonic()
                self.console.print(
                    f"{now_s:4.0f} s  {self.town.standing}, {sum(self.broken.values())} things "
                    f"broken, {len(events)} to come",
                    highlight=False,
                )
                if not events and self.town.is_done and self._all_ended():
                    return
            time.sleep(0.2)

    def _break(self, event: Event) -> None:
        supervisor = self.stack.supervisor
        self.broken[event.kind] += 1
        match event.kind:
            case Kind.WORKER:
                self._kill((*WORKERS, SKEWED)[self.broken[event.kind] % 3])
            case Kind.WORKERS:
                for name in (*WORKERS, SKEWED):
                    self._kill(name)
            case Kind.BROKER:
                supervisor.kill("broker")
            case Kind.EMPTIED:
                self._empty_broker()
            case Kind.DISK:
                self._lose_disk()
            case Kind.POSTGRES:
                supervisor.kill("postgres")
            case Kind.BEAT:
                supervisor.kill("beat")
            case Kind.REPEATED:
                self._repeat()
            case Kind.MAGENTO | Kind.AMAZON:
                remote = "magento" if event.kind is Kind.MAGENTO else "amazon"
                for fault in event.faults:
                    self.town.break_remote(remote, fault)

    def _kill(self, name: str) -> None:
        pid = self.stack.supervisor.pid(name)
        if pid is not None:
            self.kills.append((pid, datetime.now(UTC)))
            self.stack.supervisor.kill(name)

    def _empty_broker(self) -> None:
        with redis.Redis.from_url(self.stack.environment["ORDERBRIDGE_REDIS_URL"]) as broker:
            try:
                broker.flushall()
            except redis.RedisError:
                self._lose_disk()  # it is away just now, so what it kept goes instead

    def _lose_disk(self) -> None:
        self.stack.supervisor.stop("broker")
        shutil.rmtree(self.stack.home / "broker")
        broker = Broker(self.stack.home)
        broker.prepare()
        self.stack.supervisor.start(broker.command())

    def _repeat(self) -> None:
        # It may find the database or the broker away: then nothing is repeated this time.
        subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "devstack.storm.repeated", str(self.sizes.seed)],
            env=self.stack.environment,
            cwd=PROJECT,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def _all_ended(self) -> bool:
        """Whether our tables hold nothing more to do, and every order that has to be there."""
        kept = [order.number for order in self.planned if order.fate is not Fate.CANCELLED]
        try:
            with psycopg.connect(self.database, connect_timeout=3) as connection:
                counted = connection.execute(
                    "SELECT count(*) FILTER (WHERE external_id = ANY(%s)),"
                    " count(*) FILTER (WHERE status NOT IN ('done', 'cancelled')) FROM orders",
                    (kept,),
                ).fetchone()
        except psycopg.OperationalError:
            return False
        return counted == (len(kept), 0)

    def _run(self, name: str, *arguments: str) -> None:
        self.stack.supervisor.start(
            Process(name, (sys.executable, *arguments), env=self.stack.environment, cwd=PROJECT)
        )


def _worker(name: str) -> tuple[str, ...]:
    """A worker's arguments without the `-m celery` in front."""
    return worker_arguments(name, THREADS)[2:]


def run(console: Console, sizes: Sizes, home: Path) -> int:
    """Play a storm; 0 when nothing was lost and nothing doubled, 1 otherwise."""
    began = time.monotonic()
    with Supervisor(home) as supervisor:
        storm = Storm(Stack(home, supervisor), sizes, console)
        wrong = storm.play()
        waits = verdict.gone_on_after_s(storm.database, storm.kills)
        restarts = sum(supervisor.restarts(name) for name in (*storm.stack.names, SKEWED))
    console.print(_table("What broke", {kind.value: n for kind, n in storm.broken.items()}))
    fates = Counter(order.fate.value for order in storm.planned)
    console.print(_table(f"{sizes.orders} orders, seed {sizes.seed}", fates))
    console.print(_table("What is wrong", {what: len(which) for what, which in wrong.items()}))
    for what, which in wrong.items():
        for text in which[:10]:
            console.print(f"[red]{what}: {text}[/]", highlight=False)
    if waits:
        console.print(
            f"{len(storm.kills)} workers killed with {len(waits)} orders in hand: an order went on "
            f"after {statistics.median(waits):.1f} s (median), {waits[-1]:.1f} s at worst."
        )
    console.print(f"{restarts} restarts. {time.monotonic() - began:.0f} s in all.")
    return 1 if any(wrong.values()) else 0


def _table(title: str, rows: Mapping[str, int]) -> Table:
    table = Table(title=title, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, count in rows.items():
        table.add_row(name, str(count))
    return table
