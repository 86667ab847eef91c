"""An order's steps one after the other in this process, as workers would run them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
from celery import Celery
from sqlalchemy import select

from bench.counting import Counting, Counts
from pipeline.orders.machine import STEPS
from pipeline.orders.tables import Order, Status
from tasks.engine.runtime import Runtime
from tasks.jobs.search_and_sweep import poll_amazon
from tasks.jobs.watch_shop import watch_shipments
from tasks.workflow import WORKFLOW

SEARCH, WATCH, AGAIN = "search", "watch", "ship_order again"
Tell = Callable[..., Any]


class Player:
    """Plays orders against the stubbed remotes; `tell` is the stub's control route.

    The messages that are published on the way stay in the broker.
    """

    def __init__(self, app: Celery, parts: Runtime, account: str, shop: str, tell: Tell) -> None:
        self._app, self._parts, self._tell = app, parts, tell
        self._account, self._shop = account, shop
        with parts.sessions() as session:
            engine = session.get_bind().engine
        self._counting = Counting(
            engine, parts.settings.redis_url.get_secret_value(), lambda: tell("calls")
        )

    def play(self, *, is_fba: bool) -> dict[str, Counts]:
        """An order from the search to its end; what each step asked for.

        The first order of a process also fills its caches.
        """
        (number,) = self._tell("place", count=1, is_fba=is_fba)
        found: dict[str, Counts] = {}
        with self._counting as counting:
            with counting.step() as found[SEARCH]:
                poll_amazon(self._app, self._parts, self._account)
            order_id = self._order(number).id
            for name in STEPS:
                with counting.step() as found[name]:
                    goes_on = self._run(name, order_id)
                if not goes_on:
                    self._tell("ship")
                    with counting.step() as found[WATCH]:
                        watch_shipments(self._app, self._parts, self._shop)
                    with counting.step() as found[AGAIN]:
                        self._run(name, order_id)
        order = self._order(number)
        if order.status != Status.DONE:
            raise RuntimeError(f"{order.step} is {order.status}: {order.last_note}")
        return found

    def _run(self, name: str, order_id: int) -> bool:
        return self._parts.runner.run(name, WORKFLOW[name][0], order_id, f"{name}-{order_id}")

    def _order(self, number: str) -> Order:
        with self._parts.sessions() as session:
            return session.scalars(select(Order).where(Order.external_id == number)).one()


def empty_queues(broker: redis.Redis) -> None:
    """Take out the messages that were published for workers that there are not."""
    for queue in ("amazon", "magento", "jobs"):
        broker.delete(f"orderbridge:{queue}")
