"""Where the feed of a refund may fail or its process die, and what the next one does about it.

Each case goes on from a refund that the next feed takes, and ends with what Amazon has paid, by its
own count.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import requests
from sqlalchemy import select

from pipeline.amazon.feed_documents import FeedKind
from pipeline.amazon.feeds import FeedsApi
from pipeline.refunds.feeds import FINANCES_ARE_LATE, RefundFeeds
from pipeline.refunds.states import RefundState
from pipeline.refunds.tables import AmazonRefund
from pipeline.settings.model import Settings
from pipeline.shipping.tables import Feed, FeedState
from sandbox.amazon.builders import a_line
from tasks.engine.runtime import Runtime, build
from tasks.jobs.credit_memos import watch_refunds
from tasks.jobs.feeds import FeedWay
from tasks.jobs.refunds import run_refunds
from tests.builders import ACCOUNT, SHOP
from tests.system.matrix_kept import Moment, go_back, keep
from tests.system.matrix_stories import NUMBER, SKU, placed, shipped
from tests.system.matrix_world import PROCESSES, World

SETTINGS: dict[str, Any] = {"refunds_to_amazon": "send", "refund_delay_minutes": 0}
FAULTS: dict[str, dict[str, Any]] = {
    "cut before": {"kind": "cut_before"},
    "cut after": {"kind": "cut_after"},
    "another answer after": {"kind": "html_after", "status": 502},
    "429": {"kind": "status", "status": 429},
    "403": {"kind": "status", "status": 403},
    "503": {"kind": "status", "status": 503},
}
BEFORE, AFTER = DEATHS = ("dies before", "dies after")
AT_A_CALL = (*FAULTS, *DEATHS)
CALLS = {
    "new document": ("create_feed_document", "new_document"),
    "upload": ("put_feed_document", "upload"),
    "createFeed": ("create_feed", "create"),
}
"""The stand-in's route of each call, and our method for it."""
COMMITS = {
    "the feed's messages are chosen": "collect",
    "its document is uploaded": "uploaded",
    "it is to be created": "intend",
    "it is created": "submitted",
    "its results are read": "_take",
}
"""Our method for each commit."""
ENDS = (RefundState.ACCEPTED, RefundState.SEEN)
_LOOK = "get_feeds"
_RUNS, _EVERY = 20, timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Refunded:
    """What was done after the fault, in words; what Amazon has paid by its own count, what the memo
    comes to, and how far our row is."""

    cell: str
    paid: list[Decimal]
    memo: Decimal
    state: str


@dataclass
class RefundMatrix:
    """Plays the cases, each from the same moment."""

    world: World
    _begun: Moment | None = None
    _calls: dict[str, int] = field(default_factory=dict)

    def at_a_call(self, row: str, column: str) -> Refunded:
        """A call fails, or the process dies around it."""
        route, method = CALLS[row]
        self._begin()
        if column in FAULTS:
            self.world.tell("amazon", "faults", route=route, **FAULTS[column])
            self._count()
            run_feeds(self.world.parts)
            if self._states()[1] == FeedState.SUBMITTED:
                return self._ended("repeats it at once")
            self._count()
        else:
            self._die(FeedsApi.__name__, method, column)
        return self._go_on()

    def at_a_commit(self, row: str, column: str) -> Refunded:
        """The process dies around a commit."""
        self._begin()
        self._die(RefundFeeds.__name__, COMMITS[row], column)
        return self._go_on()

    def _begin(self) -> None:
        world = self.world
        if self._begun is None:
            world.begin(NUMBER, **SETTINGS)
            run_refunds(world.parts, ACCOUNT)  # from now on refunds go to Amazon
            placed(a_line(SKU, 2, tax="3.80"))(world)
            world.work()
            shipped(world)
            world.work()
            world.news()
            world.clock.at += timedelta(minutes=1)
            (line, *_) = world.in_magento()["items"]
            entity_id = world.in_magento()["entity_id"]
            unit = [{"order_item_id": line["item_id"], "qty": 1}]
            world.tell("magento", "refund", entity_id=entity_id, items=unit)
            watch_refunds(world.parts, SHOP)
            for _ in range(3):
                run_refunds(world.parts, ACCOUNT)
            self._begun = keep(world)
        else:
            world.begin(NUMBER, **SETTINGS)
            go_back(world, self._begun)
        assert self._states() == (RefundState.CHOSEN, None)

    def _die(self, of: str, method: str, when: str) -> None:
        """Let time pass and runs follow one another until one comes to its place and dies."""
        for _ in range(_RUNS):
            self._count()
            process = PROCESSES.Process(
                target=feed_and_die,
                args=(self.world.settings, self.world.clock(), of, method, when),
            )
            process.start()
            process.join()
            if process.exitcode == -signal.SIGKILL:
                self._count()
                return
            assert process.exitcode == 0
            self.world.clock.at += _EVERY
        raise AssertionError("it never came there")

    def _go_on(self) -> Refunded:
        for _ in range(_RUNS):
            self.world.outlive_leases()
            run_refunds(self.world.parts, ACCOUNT)
            run_feeds(self.world.parts)
            if self._states()[0] in (RefundState.ACCEPTED, RefundState.UNKNOWN):
                break
            self.world.clock.at += _EVERY
        made = self._made()
        words = []
        if _LOOK in made:
            words += ["waits", "looks"]
            words += ["sends"] if "create_feed" in made else [self._in_finances()]
        elif "create_feed_document" in made:
            words.append("uploads anew, sends")
        elif "create_feed" in made:
            words.append("sends")
        return self._ended(", ".join(words) or "nothing: done")

    def _in_finances(self) -> str:
        """Amazon's list of feeds names no documents, so none is taken for ours."""
        assert self._states()[0] == RefundState.UNKNOWN
        self.world.clock.at += FINANCES_ARE_LATE
        run_refunds(self.world.parts, ACCOUNT)
        return "finds it in Finances after two days"

    def _ended(self, words: str) -> Refunded:
        for _ in range(_RUNS):
            if self._states()[0] in ENDS:
                break
            self.world.clock.at += _EVERY
            run_feeds(self.world.parts)
        refunds = self._asked("amazon", "refunds")["refunds"]
        (memo,) = self._asked("magento", "creditmemos")
        return Refunded(
            words,
            [Decimal(one["total"]) for one in refunds],
            Decimal(str(memo["grand_total"])),
            self._states()[0],
        )

    def _states(self) -> tuple[str, str | None]:
        """How far the refund is, and its last feed."""
        with self.world.sessions() as session:
            refund = session.scalars(select(AmazonRefund)).one()
            feed = session.scalars(select(Feed).order_by(Feed.id.desc())).first()
            return refund.state, None if feed is None else feed.state

    def _count(self) -> None:
        self._calls = self._all_calls()

    def _made(self) -> set[str]:
        """The calls since the last count."""
        return {route for route, n in self._all_calls().items() if n > self._calls.get(route, 0)}

    def _all_calls(self) -> dict[str, int]:
        return {
            route: sum(by_status.values())
            for route, by_status in self._asked("amazon", "calls").items()
        }

    def _asked(self, remote: str, what: str) -> Any:
        answer = requests.get(f"{self.world.urls[remote]}/_control/{what}", timeout=10)
        answer.raise_for_status()
        return answer.json()


def run_feeds(parts: Runtime, api: FeedsApi | None = None, rows: RefundFeeds | None = None) -> None:
    """The job for the feeds of refunds, once."""
    way = FeedWay(
        rows or RefundFeeds(parts.sessions, parts.vault),
        api or parts.clients.feeds[ACCOUNT],
        parts.clients.now,
        parts.writes.ask,
    )
    way.go(ACCOUNT, parts.settings.accounts[ACCOUNT].seller_id or "", FeedKind.REFUNDS)


def feed_and_die(settings: Settings, at: datetime, of: str, method: str, when: str) -> None:
    """A process that runs the job and ends itself before or after a method."""
    parts = build(settings, lambda: at)
    if of == FeedsApi.__name__:
        ours = parts.clients.feeds[ACCOUNT]
        api = _dying(FeedsApi, method, when)(ours.connection, ours.storage, ours.lane)
        run_feeds(parts, api=api)
    else:
        run_feeds(parts, rows=_dying(RefundFeeds, method, when)(parts.sessions, parts.vault))


def _dying(kind: type[Any], method: str, when: str) -> type[Any]:
    def die(self: Any, *args: Any, **more: Any) -> None:
        if when == AFTER:
            getattr(super(made, self), method)(*args, **more)
        os.kill(os.getpid(), signal.SIGKILL)

    made = type("Dying", (kind,), {method: die})
    return made
