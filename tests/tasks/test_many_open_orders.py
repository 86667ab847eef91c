"""Seventy thousand open orders: more than a statement has room for parameters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from sqlalchemy import event, text

from pipeline.db import Sessions
from pipeline.locking import lock
from pipeline.moves import dismiss, look_in_turn
from pipeline.orders import reopen, wake
from pipeline.shipments import Shipments
from tasks.runtime import Runtime, build
from tasks.watch_jobs import AT_ONCE, watch_confirmed, watch_shipments
from tests.builders import ACCOUNT, GERMANY, NOW, SHOP, settings
from tests.tasks.conftest import close
from tests.tasks.fakes import FakeShop

OPEN = 70_000
MOST_PARAMETERS = 1_000

_OPEN = text(
    "INSERT INTO orders (account, external_id, marketplace_id, fulfilled_by, step, status, due_at,"
    " tries, unfinished, news, version, remote_status, remote_updated_at, magento_order_id)"
    " SELECT :account, '028-' || one, :marketplace, 'FBM', 'ship_order', 'waiting', :due, 0, 0, 0,"
    " 1, 'UNSHIPPED', :now, one FROM generate_series(1, :open) one"
)
_SHIPPED = text(
    "INSERT INTO shipments (order_id, magento_shipment_id, package_reference, shipped_at,"
    " confirmed_at) SELECT id, magento_order_id, magento_order_id, :now, :now FROM orders"
)


@pytest.fixture
def parts(database_url: str, redis_url: str, sessions: Sessions) -> Iterator[Runtime]:
    with sessions() as session, session.begin():
        given = {"account": ACCOUNT, "marketplace": GERMANY, "now": NOW, "open": OPEN}
        session.execute(_OPEN, {**given, "due": NOW + timedelta(days=1)})
        session.execute(text("ANALYZE orders"))
    built = build(settings(database_url=database_url, redis_url=redis_url))
    yield built
    close(built)


@contextmanager
def most_parameters(sessions: Sessions) -> Iterator[list[int]]:
    """How many parameters the largest statement within has; inserts are cut by SQLAlchemy."""
    with sessions() as session:
        engine = session.get_bind()
    most = [0]

    def count(
        _c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if not many and not statement.startswith("INSERT"):
            most[0] = max(most[0], len(parameters))

    event.listen(engine, "before_cursor_execute", count)
    try:
        yield most
    finally:
        event.remove(engine, "before_cursor_execute", count)


class Counting(FakeShop):
    """A shop in which nothing has been shipped; how many orders it was asked about, and at once."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def shipments(self, order_ids: Any) -> list[Any]:
        self.asked.append(len(order_ids))
        return []

    def orders(self, entity_ids: Any) -> dict[int, Any]:
        return {}


def test_the_watch_goes_through_all_of_them(app: Celery, parts: Runtime) -> None:
    shop = Counting()
    parts = replace(parts, clients=replace(parts.clients, shops={SHOP: shop}, now=lambda: NOW))
    with most_parameters(parts.sessions) as most:
        watch_shipments(app, parts, SHOP)
    assert (sum(shop.asked), max(shop.asked)) == (OPEN, AT_ONCE)
    assert most[0] <= MOST_PARAMETERS
    with parts.sessions() as session, session.begin():
        session.execute(_SHIPPED, {"now": NOW})
        session.execute(text("UPDATE orders SET status = 'done', magento_invoiced = 1"))
    shop.asked.clear()
    with most_parameters(parts.sessions) as most:
        watch_confirmed(app, parts, SHOP)
    assert sum(shop.asked) >= OPEN
    assert most[0] <= MOST_PARAMETERS


def test_every_move_takes_all_of_them_at_once(parts: Runtime) -> None:
    ids = list(Shipments(parts.sessions).awaited([ACCOUNT]).values())
    assert len(ids) == OPEN
    with most_parameters(parts.sessions) as most:
        with parts.sessions() as session, session.begin():
            assert len(lock(session, ids)) == OPEN
            assert len(wake(session, ids, NOW)) == OPEN
            assert len(look_in_turn(session, ids, NOW, timedelta(0))) == OPEN
            reopen(session, ids, NOW)
            assert len(dismiss(session, ids, "done elsewhere", NOW)) == OPEN
        assert parts.orders.positions(ids, NOW) == []
    assert most[0] <= MOST_PARAMETERS
