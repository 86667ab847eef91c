"""One account and one shop on a clock that is moved by hand, and workers that may die."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import redis
import requests
from flask import Flask, Response, g, request
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.orders.order_words import WordKeeper
from pipeline.orders.tables import LIVE, Attempt, Effect, Order
from pipeline.refunds.made_at_amazon_tables import MadeAtAmazon
from pipeline.settings.model import Settings
from sandbox.amazon.app import create_app as create_amazon
from sandbox.amazon.state import open_store
from sandbox.core import Store, make
from sandbox.magento.app import create_app as create_magento
from sandbox.magento.schema import SCHEMA
from tasks.engine.runtime import Runtime, build
from tasks.jobs.refunds_from_amazon import refunds_from_amazon
from tests.builders import ACCOUNT, NOW, SHOP, settings
from tests.emptied import empty
from tests.magento.standing_in import TOKEN
from tests.system.matrix_dying import Death, chain, with_parts, work_and_die
from tests.system.matrix_watched import WatchedLedger
from tests.tasks.conftest import close

SOON = timedelta(minutes=5)
"""What an order waits no longer for is still part of what it is at."""
A_WHILE = timedelta(seconds=15)
_SIGNED_IN = "/auth/"
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["__main__", "tests.system.matrix_dying"])


@dataclass
class Clock:
    """One time for us, for Amazon and for the shop."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at


@dataclass
class World:
    """Both remotes, the database and the broker. A case begins with `begin`."""

    stores: Mapping[str, Store]
    urls: Mapping[str, str]
    sessions: Sessions
    database_url: str
    redis_url: str
    folder: Path
    clock: Clock = field(default_factory=Clock)
    noted: list[tuple[str, str]] = field(default_factory=list)
    sending: list[str] = field(default_factory=list)
    unbooked: list[str] = field(default_factory=list)
    """Routes by which something was written that is in no ledger."""
    route: str = ""
    number: str = ""
    _processes: list[Runtime] = field(default_factory=list)

    def begin(self, number: str, route: str = "", **marketplace: Any) -> None:
        """Forget everything; then the operator's settings and the order that it is all about."""
        self.close()
        empty(self.sessions)
        with redis.Redis.from_url(self.redis_url) as broker:
            broker.flushdb()
        for remote in self.urls:
            self.tell(remote, "reset")
        self.clock.at, self.number, self.route = NOW, number, route
        self.noted.clear()
        self.unbooked.clear()
        self.armed.unlink(missing_ok=True)
        self.settings = self._settings(marketplace)
        self.parts = self.a_process()

    def close(self) -> None:
        """End the processes of this case."""
        while self._processes:
            close(self._processes.pop())

    def a_process(self) -> Runtime:
        """A worker process that lives; what it does about a write is noted."""
        parts = build(self.settings, self.clock)
        words = WordKeeper(parts.sessions, parts.vault)
        ledger = WatchedLedger(parts.sessions, self.clock, words=words)
        ledger.noted, ledger.sending = self.noted, self.sending
        self._processes.append(parts)
        return with_parts(parts, ledger=ledger)

    def tell(self, remote: str, what: str, **body: Any) -> Any:
        """Somebody does something at a remote."""
        answer = requests.post(f"{self.urls[remote]}/_control/{what}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def change(self, **order: Any) -> None:
        """Amazon changes the order."""
        self.clock.at += timedelta(seconds=1)
        url = f"{self.urls['amazon']}/_control/orders/{self.number}"
        requests.patch(url, json=order, timeout=10).raise_for_status()

    def in_magento(self) -> dict[str, Any]:
        """The Magento order."""
        (order,) = self.all_in_magento()
        return order

    def all_in_magento(self) -> list[dict[str, Any]]:
        """The Magento order, and every one too many."""
        found = requests.get(f"{self.urls['magento']}/_control/orders", timeout=10).json()
        return [one for one in found if one["ext_order_id"] == self.number]

    def news(self) -> int:
        """What the poll and the watch bring: the order's id."""
        shop, channel = self.parts.clients.shops[SHOP], self.parts.clients.channels[ACCOUNT]
        account, now = self.settings.accounts[ACCOUNT], self.clock()
        raw = channel.order(self.number)
        stored = self.parts.intake.store(ACCOUNT, account, channel, [raw], now)
        awaited = self.parts.shipments.awaited([ACCOUNT], SHOP)
        if awaited:
            self.parts.shipments.store(
                SHOP, awaited, shop.shipments.of_orders(awaited), shop.orders.by_ids(awaited), now
            )
        self.parts.orders.positions([*stored.new, *stored.woken], now)
        return self.order().id

    def work(self) -> None:
        """News come, and workers take the order as far as it goes."""
        chain(self.parts, self.news(), "work")
        self.settle()

    def die(self, death: Death) -> None:
        """News come, and the worker with the order in hand dies there."""
        order_id = self.news()
        self.noted.clear()
        process = PROCESSES.Process(
            target=work_and_die, args=(self.settings, self.clock(), order_id, "first", death)
        )
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, f"it never came there: {process.exitcode}"

    def redeliver(self) -> None:
        """The broker delivers the dead worker's message once more, at once."""
        chain(self.parts, self.order().id, "first")

    def outlive_leases(self) -> None:
        """What is leased runs out."""
        with redis.Redis.from_url(self.redis_url) as broker:
            for key in broker.keys("orderbridge:lease:*"):
                broker.delete(key)

    def settle(self) -> None:
        """Sweep, and let time pass, until nothing of the order will happen soon."""
        for turn in range(30):
            due = self.parts.orders.due(self.clock(), 10)
            for order_id, _ in due:
                chain(self.parts, order_id, f"turn {turn}")
            refunds_from_amazon(self.parts, SHOP)
            if due:
                continue
            order = self.order()
            times = [self._look_at_refunds(order.id)]
            if order.status in LIVE:
                times.append(order.due_at)
            soon = [time for time in times if time is not None and time <= self.soon]
            if not soon:
                return
            self.clock.at = max(min(soon), self.clock.at + A_WHILE)
        raise AssertionError(f"no end: {order.step} is {order.status}: {order.last_note}")

    def _look_at_refunds(self, order_id: int) -> datetime | None:
        """When the job looks at the order's refunds at Amazon."""
        with self.sessions() as session:
            row = session.get(MadeAtAmazon, order_id)
        return None if row is None else row.due_at

    @property
    def armed(self) -> Path:
        """Where a process says that it is about to be killed in a call."""
        return self.folder / "armed"

    @property
    def soon(self) -> datetime:
        return self.clock() + SOON

    def order(self) -> Order:
        """The order as the database has it."""
        with self.sessions() as session:
            return session.scalars(select(Order).where(Order.external_id == self.number)).one()

    def kinds(self) -> set[str]:
        """The kinds of all writes that were made."""
        with self.sessions() as session:
            return set(session.scalars(select(Effect.kind)))

    def attempts(self, step: str) -> list[str]:
        """How each run of the step ended; a crash never did."""
        with self.sessions() as session:
            ends = session.execute(
                select(Attempt.outcome, Attempt.times)
                .where(Attempt.step == step)
                .order_by(Attempt.id)
            )
            return [outcome or "crash" for outcome, times in ends for _ in range(times)]

    def _settings(self, marketplace: Mapping[str, Any]) -> Settings:
        return settings(
            database_url=self.database_url,
            redis_url=self.redis_url,
            marketplace=marketplace,
            account={
                "seller_id": "A1SELLER",
                "base_url": self.urls["amazon"],
                "token_url": self.urls["amazon"],
                "client_id": "sandbox-client",
                "client_secret": "sandbox-secret",
                "refresh_token": "Atzr|sandbox-main",
            },
            shop={"base_url": self.urls["magento"], "access_token": TOKEN},
        )


@contextmanager
def a_world(folder: Path, sessions: Sessions, database_url: str, redis_url: str) -> Iterator[World]:
    """Serve both remotes."""
    stores = {
        "amazon": open_store(folder / "amazon.sqlite"),
        "magento": Store(folder / "magento.sqlite", SCHEMA),
    }
    clock = Clock()
    apps = {
        "amazon": create_amazon(stores["amazon"], clock=clock),
        "magento": create_magento(stores["magento"], now=clock),
    }
    urls: dict[str, str] = {}
    world = World(stores, urls, sessions, database_url, redis_url, folder, clock)
    with ExitStack() as stack:
        for name, app in apps.items():
            _watch_callers(app, world)
            urls[name] = stack.enter_context(_served(app))
        yield world
        world.close()
    for store in stores.values():
        store.close()


def _watch_callers(app: Flask, world: World) -> None:
    """Have a stand-in note who writes outside the ledger, and end the process that is to die once
    its write is carried out, before the answer."""

    @app.after_request
    def watch(response: Response) -> Response:
        if request.method == "GET" or request.path.startswith(("/_control", _SIGNED_IN)):
            return response
        if not world.sending:
            world.unbooked.append(str(request.endpoint))
        if response.status_code >= 400 or world.route not in ("", request.endpoint):
            return response
        with suppress(FileNotFoundError):
            process_id = int(world.armed.read_text(encoding="ascii"))
            world.armed.unlink()
            os.kill(process_id, signal.SIGKILL)
            g.fault = "cut_after"
        return response


@contextmanager
def _served(app: Flask) -> Iterator[str]:
    server = make(app, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
