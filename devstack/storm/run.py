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
from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis
from rich.console import Console
from rich.table import Table

from devstack.broker import Broker
from devstack.paths import PROJECT
from devstack.stack import WORKERS, More, Stack, worker_arguments
from devstack.storm import plan, progress, refund_verdict, verdict
from devstack.storm.plan import Event, Fate, Kind, Planned
from devstack.storm.remote_controls import Controls
from devstack.storm.town import Town
from devstack.supervisor import Process, Supervisor

SKEWED, SECOND_BEAT, HURRIED = "worker-3", "beat-2", "hurried"
WORKERS_CLOCK_S, AMAZONS_CLOCK_S = 240.0, -150.0
THREADS = 4
LOOK_EVERY_S = 3.0
NIGHTS = (*[timedelta(minutes=20)] * 3, *[timedelta(hours=49)] * 6)
"""How long nothing works, night after night: Amazon's feeds take minutes, its Finances are believed
after two days."""
DAYS_OF_TROUBLE = 2
SHORTEST_DAY_S, LONGEST_DAY_S = 4.0, 90.0
_CALLS_END_S = plan.HANGS_S + 0.5
_RATES = ("createFeedDocument", "createFeed", "getFeed", "getFeeds", "getFeedDocument")
MORE = More(
    account='seller_id = "A1STORM"',
    orders="""\
refunds_to_amazon = "send"
refund_delay_minutes = 0
refunds_from_amazon = "credit_memo"
""",
    quotas=[f"{one}=20:40" for one in (*_RATES, "listTransactions")],
)
"""Refunds go both ways by themselves."""


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
    nights: list[timedelta] = field(default_factory=list)
    restarts: int = 0
    _workers: list[str] = field(default_factory=lambda: [*WORKERS, SKEWED])

    def __post_init__(self) -> None:
        self.planned = plan.orders(self.sizes.seed, self.sizes.orders, self.sizes.over_s * 0.8)

    @property
    def _kept(self) -> list[str]:
        """The orders that have to be there in the end."""
        return [order.number for order in self.planned if order.fate is not Fate.CANCELLED]

    @property
    def database(self) -> str:
        url = self.stack.environment["ORDERBRIDGE_DATABASE_URL"]
        return url.replace("+psycopg", "")

    def play(self) -> Mapping[str, Sequence[str]]:
        """Let it blow, wait until it is over, let days pass until refunds are through, and count.

        Raises RuntimeError for a database that is not the stack's own.
        """
        self.stack.more = MORE
        self.stack.start(forget=True, with_pages=False)
        controls = Controls(self.stack.urls["amazon"], self.stack.urls["magento"])
        self.town = Town(controls, self.planned)
        self.town.open()
        controls.set_clock("amazon", AMAZONS_CLOCK_S)
        self._run(SKEWED, "-m", "devstack.storm.skewed", str(WORKERS_CLOCK_S), *_worker(SKEWED))
        schedule = str(self.stack.home / "beat-2-schedule")
        self._run(SECOND_BEAT, *("-m", "celery", "-A", "tasks.app", "beat", "-s", schedule))
        self._run(HURRIED, "-m", "devstack.storm.hurried")
        self._blow()
        for number, night in enumerate(NIGHTS, start=1):
            if self._is_through():
                break
            self._sleep(night)
            self._day(number)
        return verdict.counted(self.town, self.planned, self.database)

    def _blow(self) -> None:
        began = time.monotonic()
        events = plan.weather(self.sizes.seed, self.sizes.over_s)
        looked_at = began
        are_on = False
        while (now_s := time.monotonic() - began) < self.sizes.limit_s:
            self.town.act(now_s)
            while events and events[0].at_s <= now_s:
                self._break(events.pop(0))
                if not events:
                    self.town.controls.clear()
            if time.monotonic() - looked_at >= LOOK_EVERY_S:
                self.town.work(refunds=are_on)
                # What was refunded before the setting was seen stays with a person.
                are_on = are_on or progress.counted(self.database, progress.REFUNDS_ARE_ON) > 0
                looked_at = time.monotonic()
                self.console.print(
                    f"{now_s:4.0f} s  {self.town.standing}, {sum(self.broken.values())} things "
                    f"broken, {len(events)} to come",
                    highlight=False,
                )
                if (
                    not events
                    and self.town.is_done
                    and progress.have_ended(self.database, self._kept)
                ):
                    return
            time.sleep(0.2)

    def _sleep(self, night: timedelta) -> None:
        """All workers are away for a while that the clocks of all sides show."""
        self.stack.supervisor.stop(HURRIED)
        while self._workers:
            name = self._workers.pop()
            self._kill(name)
            self.restarts += self.stack.supervisor.restarts(name)
            self.stack.supervisor.stop(name)
        time.sleep(_CALLS_END_S)
        self.nights.append(night)
        self.town.controls.clear()
        self.town.controls.set_clock("amazon", AMAZONS_CLOCK_S + self.slept_s)
        self.town.controls.set_clock("magento", self.slept_s)
        if self.stack.postgres is None:
            raise RuntimeError(
                "a storm needs a database of its own: unset ORDERBRIDGE_DATABASE_URL"
            )
        self.stack.postgres.wait_ready()
        self.stack.postgres.move_clock(self.slept_s)
        self.stack.start_workers()
        self._workers += WORKERS

    def _day(self, number: int) -> None:
        """A day of refunds: some things break, and it goes on while anything is done."""
        while progress.counted(self.database, progress.AT_WORK) < 1:
            time.sleep(0.2)
        woken_at = datetime.now(UTC) + timedelta(seconds=self.slept_s)
        self._run(HURRIED, "-m", "devstack.storm.hurried")
        began = time.monotonic()
        events = list[Event]()
        if number <= DAYS_OF_TROUBLE:
            events = plan.of_day(self.sizes.seed, number, SHORTEST_DAY_S)
        while (now_s := time.monotonic() - began) < LONGEST_DAY_S:
            while events and events[0].at_s <= now_s:
                self._break(events.pop(0))
            self.town.work(refunds=True)
            if (
                now_s > SHORTEST_DAY_S
                and progress.counted(self.database, progress.DUE, woken_at=woken_at) == 0
            ):
                break
            time.sleep(0.5)
        self.console.print(
            f"night {number}, {self.nights[-1]}: {self.town.refunders.standing}", highlight=False
        )

    def _is_through(self) -> bool:
        """Whether all refunds have come through at the remotes, and our rows say so."""
        town = self.town
        if not town.refunders.is_done or progress.counted(self.database, progress.UNDER_WAY) != 0:
            return False
        return all(way.came == way.made for way in refund_verdict.ways(town))

    @property
    def slept_s(self) -> float:
        return sum(self.nights, timedelta(0)).total_seconds()

    def _break(self, event: Event) -> None:
        supervisor = self.stack.supervisor
        self.broken[event.kind] += 1
        match event.kind:
            case Kind.WORKER:
                self._kill(self._workers[self.broken[event.kind] % len(self._workers)])
            case Kind.WORKERS:
                for name in self._workers:
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
                    self.town.controls.break_remote(remote, fault)

    def _kill(self, name: str) -> None:
        pid = self.stack.supervisor.pid(name)
        if pid is not None:
            at = datetime.now(UTC) + timedelta(seconds=self.slept_s)
            self.kills.append((pid, at))
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
        restarts = storm.restarts
        restarts += sum(supervisor.restarts(name) for name in storm.stack.names)
        ways = refund_verdict.ways(storm.town)
    console.print(_table("What broke", {kind.value: n for kind, n in storm.broken.items()}))
    fates = Counter(order.fate.value for order in storm.planned)
    console.print(_table(f"{sizes.orders} orders, seed {sizes.seed}", fates))
    console.print(_table("What is wrong", {what: len(which) for what, which in wrong.items()}))
    for what, which in wrong.items():
        for text in which[:10]:
            console.print(f"[red]{what}: {text}[/]", highlight=False)
    for way in ways:
        console.print(way.line, highlight=False)
    if waits:
        console.print(
            f"{len(storm.kills)} workers killed with {len(waits)} orders in hand: an order went on "
            f"after {statistics.median(waits):.1f} s (median), {waits[-1]:.1f} s at worst."
        )
    console.print(f"{len(storm.nights)} nights without workers, {storm.slept_s / 3600:.0f} h.")
    console.print(f"{restarts} restarts. {time.monotonic() - began:.0f} s in all.")
    return 1 if any(wrong.values()) else 0


def _table(title: str, rows: Mapping[str, int]) -> Table:
    table = Table(title=title, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, count in rows.items():
        table.add_row(name, str(count))
    return table
