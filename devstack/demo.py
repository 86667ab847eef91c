"""`make demo`: a day of orders in a minute, played on the whole stack and judged at the remotes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg
import requests
from rich.console import Console
from rich.live import Live
from rich.table import Table

from devstack.paths import home, make_folder
from devstack.stack import WORKERS, Stack
from devstack.stories import Story, stories
from devstack.supervisor import Supervisor
from devstack.world import World

DEADLINE_S = 110.0
TICK_S = 0.4
# Long enough for a doubled order or a second mail to show after all seems well.
SETTLED_FOR_S = 4.0
FIRST_KILL_S = 4.0
BETWEEN_KILLS_S = 3.0
AWAY = (requests.RequestException, psycopg.Error)


@dataclass
class Play:
    """How far the stories have come."""

    world: World
    stories: list[Story]
    acts_done: dict[str, int] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Arrange the faults and place every order."""
        for story in self.stories:
            for where, fault in story.faults:
                persist(self.world.break_something, where, fault, story.number)
            persist(self.world.place, story.order)

    def tick(self) -> None:
        """Look around, and let everybody do what it is time for. A part that is away is no harm."""
        try:
            self.world.look()
            for story in self.stories:
                self._act(story)
            self.attempts = self.world.attempts()
        except AWAY:
            return

    def _act(self, story: Story) -> None:
        done = self.acts_done.get(story.number, 0)
        if done == len(story.acts):
            return
        act = story.acts[done]
        if act.done(self.world, story.number):
            self.acts_done[story.number] = done + 1
        elif act.when(self.world, story.number):
            act.do(self.world, story.number)

    def is_over(self, story: Story) -> bool:
        """Whether everything that was to happen in a story has."""
        return self.acts_done.get(story.number, 0) == len(story.acts)


def persist(call: Callable[..., None], *arguments: Any) -> None:
    """Call until it is answered: a stand-in may have been killed and be on its way back."""
    deadline = time.monotonic() + 20
    while True:
        try:
            call(*arguments)
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)
        else:
            return


def problems(story: Story, play: Play) -> list[str]:
    """What is not as it should be, as the stand-ins tell it; our own tables are not asked."""
    world, number, end = play.world, story.number, story.end
    wrong = []
    if not play.is_over(story):
        wrong.append(f"still to come: {story.acts[play.acts_done.get(number, 0)].label}")
    if (status := world.amazon_status(number)) != end.amazon:
        wrong.append(f"Amazon says {status or 'nothing'}, not {end.amazon}")
    orders = world.magento_orders(number)
    if len(orders) != (0 if end.magento is None else 1):
        wrong.append(f"{len(orders)} Magento orders")
        return wrong
    if end.magento is None:
        return wrong
    order = orders[0]
    if order["status"] != end.magento:
        wrong.append(f"Magento says {order['status']}, not {end.magento}")
    total = world.grand_total(number)
    if total and Decimal(str(order["grand_total"])) != Decimal(total):
        wrong.append(f"Magento's total {order['grand_total']} is not Amazon's {total}")
    if order["invoices"] != 1:
        wrong.append(f"{order['invoices']} invoices")
    elif Decimal(str(order["invoice_total"])) != Decimal(str(order["grand_total"])):
        wrong.append(f"the invoice is over {order['invoice_total']}")
    if world.tracking_at_amazon(number) != tuple(sorted(end.tracking)):
        wrong.append(f"Amazon has tracking {', '.join(world.tracking_at_amazon(number)) or 'none'}")
    if bool(order["customer_is_guest"]) is not end.is_guest:
        wrong.append("guest" if order["customer_is_guest"] else "customer account")
    if end.number is not None and order["increment_id"] != end.number:
        wrong.append(f"numbered {order['increment_id']}")
    return wrong


def problems_of_the_shop(play: Play) -> list[str]:
    """What must hold for the shop as a whole."""
    world = play.world
    wrong = []
    stock = world.stock("FBA-1")
    if stock != {"source": 40, "reservations_sum": 0, "salable": 40}:
        wrong.append(f"FBA moved the merchant's own stock: {stock}")
    accounts = {
        order["customer_id"]
        for story in play.stories
        for order in world.magento_orders(story.number)
        if not order["customer_is_guest"]
    }
    if len(accounts) != 1:
        wrong.append(f"one e-mail address has {len(accounts)} customer accounts")
    if len(world.mails) != 1:
        wrong.append(f"{len(world.mails)} mails left the shop, where the one welcome mail was due")
    return wrong


def table(play: Play, *, final: bool) -> Table:
    """What became of each order."""
    shown = Table(title="What became of each order" if final else "The day's orders")
    shown.add_column("Order")
    for heading in ("Amazon", "Magento", "Tracking at Amazon"):
        shown.add_column(heading, no_wrap=heading != "Tracking at Amazon")
    shown.add_column("Attempts", justify="right")
    shown.add_column("Verdict" if final else "Waiting for")
    for story in play.stories:
        order = play.world.magento_order(story.number)
        wrong = problems(story, play)
        verdict = f"right, {story.end.why}" if story.end.why else "right"
        if wrong:
            verdict = f"[red]{'; '.join(wrong)}[/]" if final else wrong[0]
        shown.add_row(
            story.title,
            f"{story.number}\n{play.world.amazon_status(story.number)}",
            f"{order['increment_id']}\n{order['status']}" if order else "–",
            "\n".join(play.world.tracking_at_amazon(story.number)) or "–",
            str(play.attempts.get(story.number, 0)),
            verdict,
        )
    return shown


def world_of(stack: Stack) -> World:
    """What happens around a stack that was started."""
    supervisor = stack.supervisor
    return World(
        stack.urls["amazon"],
        stack.urls["magento"],
        stack.environment["ORDERBRIDGE_DATABASE_URL"],
        lambda: {pid for name in WORKERS if (pid := supervisor.pid(name)) is not None},
    )


@dataclass
class Killer:
    """Kills every part of the stack once with -9, one after the other, while the day is played."""

    supervisor: Supervisor
    names: list[str]
    next_at: float = field(default_factory=lambda: time.monotonic() + FIRST_KILL_S)

    def tick(self, console: Console) -> None:
        """Kill the next part when it is time."""
        if self.names and time.monotonic() >= self.next_at:
            name = self.names.pop(0)
            self.supervisor.kill(name)
            console.print(f"killed {name} (-9)")
            self.next_at = time.monotonic() + BETWEEN_KILLS_S


def run(console: Console, *, kill: bool = False) -> int:
    """Play the day; 0 when every order ended as it should, 1 otherwise.

    `kill` kills every part of the stack once meanwhile.
    """
    folder = make_folder(make_folder(home(), 0o711) / "demo", 0o711)
    began = time.monotonic()
    with Supervisor(folder) as supervisor:
        stack = Stack(folder, supervisor)
        console.print("Starting PostgreSQL, Valkey, two stand-ins, two workers, beat, Flower …")
        stack.start(forget=True)
        console.print(f"Up after {time.monotonic() - began:.0f} s, with its data in {folder}")
        play = Play(world_of(stack), stories())
        play.begin()
        killer = Killer(supervisor, list(stack.names) if kill else [])
        wrong = _watch(play, console, began, killer)
        console.print(table(play, final=True))
        for problem in wrong:
            console.print(f"[red]{problem}[/]")
        count = sum(1 for story in play.stories if not problems(story, play))
        restarts = {name: n for name in stack.names if (n := supervisor.restarts(name))}
    console.print(
        f"{count} of {len(play.stories)} orders ended as they should, after "
        f"{time.monotonic() - began:.0f} s. Restarted: {restarts or 'nothing'}."
    )
    console.print("See them in the browser: make up")
    return 0 if count == len(play.stories) and not wrong else 1


def _watch(play: Play, console: Console, began: float, killer: Killer) -> list[str]:
    """Let the day run until all has been well for a while, or the time is up."""
    well_since: float | None = None
    last_lines: dict[str, str] = {}
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while time.monotonic() - began < DEADLINE_S:
            play.tick()
            killer.tick(console)
            if console.is_terminal:
                live.update(table(play, final=False), refresh=True)
            else:
                _say_changes(play, console, last_lines, time.monotonic() - began)
            if killer.names or any(problems(story, play) for story in play.stories):
                well_since = None
            elif well_since is None:
                well_since = time.monotonic()
            elif time.monotonic() - well_since > SETTLED_FOR_S:
                break
            time.sleep(TICK_S)
    while True:
        try:
            play.world.look()
            return problems_of_the_shop(play)
        except AWAY:
            time.sleep(TICK_S)


def _say_changes(play: Play, console: Console, last_lines: dict[str, str], after_s: float) -> None:
    for story in play.stories:
        order = play.world.magento_order(story.number)
        line = " · ".join(
            (
                f"Amazon {play.world.amazon_status(story.number)}",
                f"Magento {order['increment_id']} {order['status']}" if order else "Magento –",
                *play.world.tracking_at_amazon(story.number),
            )
        )
        if last_lines.get(story.number) != line:
            last_lines[story.number] = line
            console.print(f"{after_s:5.1f} s  {story.title}: {line}", highlight=False)
