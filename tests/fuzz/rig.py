"""A worker's parts on real servers, between a shop and an Amazon whose answers can be spoilt."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from celery import Celery
from sqlalchemy import select, update

from pipeline.amazon.client import Amazon
from pipeline.base.http import Http
from pipeline.intake.tables import Watermark
from pipeline.monitoring.account_checks import cursor_of
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Attempt, Order, Status
from sandbox.amazon.builders import a_line, stamped
from sandbox.amazon.builders import an_order as amazons_order
from tasks.engine.runtime import Runtime, build
from tasks.jobs.search_and_sweep import poll_amazon
from tasks.workflow import WORKFLOW
from tests.builders import ACCOUNT, NOW, SHOP, settings
from tests.fuzz.conftest import CREDENTIALS, LIMITS, Market, Shop

DEFECTS = (HoldCode.PROGRAM_ERROR, HoldCode.KEEPS_CRASHING)
_numbers = itertools.count(1)


@dataclass
class Rig:
    """One account, one shop, and a clock that is moved by hand."""

    parts: Runtime
    app: Celery
    shop: Shop
    market: Market
    at: datetime = NOW

    def pass_time(self, time: timedelta) -> None:
        """Let time pass here and at Amazon."""
        self.at += time
        self.market.control("POST", "clock", {"offset_s": (self.at - NOW).total_seconds()})

    def an_order(self) -> dict[str, Any]:
        """An order of two mugs, changed just now, that Amazon does not have yet."""
        number = f"303-0000000-{next(_numbers):07}"
        order = amazons_order(number, lines=[a_line("MUG-BLUE", 2)], created_at=self.at)
        return stamped(order, self.at)

    def place(self) -> dict[str, Any]:
        """One that Amazon has."""
        order = self.an_order()
        self.market.place(order)
        return order

    def poll(self) -> None:
        poll_amazon(self.app, self.parts, ACCOUNT)

    def take_in(self, *raws: Any) -> list[int]:
        account = self.parts.settings.accounts[ACCOUNT]
        channel = self.parts.clients.channels[ACCOUNT]
        return list(self.parts.intake.store(ACCOUNT, account, channel, raws, self.at).new)

    def work(self, order_id: int, runs: int = 12) -> Order:
        """Run the steps of an order, as the sweep would, until it waits or is held or through."""
        for place in range(runs):
            order = self.order(order_id)
            step = WORKFLOW[order.step][0]
            went_on = self.parts.runner.run(order.step, step, order_id, f"task-{place}")
            if not went_on or self.order(order_id).status not in (Status.READY, Status.RUNNING):
                break
        return self.order(order_id)

    def make_due(self, order_id: int) -> None:
        with self.parts.sessions() as session, session.begin():
            session.execute(update(Order).where(Order.id == order_id).values(due_at=self.at))

    def order(self, order_id: int) -> Order:
        with self.parts.sessions() as session:
            return session.get_one(Order, order_id)

    def unfinished(self, order_id: int) -> int:
        """How many attempts of the order have no end."""
        query = select(Attempt).where(Attempt.order_id == order_id, Attempt.ended_at.is_(None))
        with self.parts.sessions() as session:
            return len(session.scalars(query).all())

    def stored(self) -> set[str]:
        with self.parts.sessions() as session:
            return set(session.scalars(select(Order.external_id)).all())

    def cursor(self) -> Watermark:
        cursor = cursor_of(self.parts.sessions, ACCOUNT)
        assert cursor is not None
        return cursor


@contextmanager
def rigged(
    shop: Shop, market: Market, database_url: str, redis_url: str, **marketplace: Any
) -> Iterator[Rig]:
    """A rig on an empty database."""
    given = settings(
        database_url=database_url,
        redis_url=redis_url,
        shop={"base_url": shop.url, "access_token": "sandbox-at"},
        account={
            **CREDENTIALS,
            "base_url": market.url,
            "token_url": market.url,
            "start_from": NOW - timedelta(hours=1),
        },
        marketplace=marketplace,
    )
    parts = build(given, moved_clock=lambda: rig.at)
    channel = Amazon(
        ACCOUNT,
        given.accounts[ACCOUNT],
        http=Http(market.url, **LIMITS),
        now=lambda: rig.at,
        sleep=lambda _: None,
    )
    clients = replace(parts.clients, channels={ACCOUNT: channel}, shops={SHOP: shop.client()})
    parts = replace(parts, clients=clients, runner=replace(parts.runner, clients=clients))
    with Celery("fuzz", broker=redis_url) as app:
        rig = Rig(parts, app, shop, market)
        rig.pass_time(timedelta(0))
        yield rig
    shop.spoiler.begin()
    market.spoiler.begin()
    parts.broker.close()
