"""Many open orders: no statement has a parameter for each of them, since there is no room for more
than 65,535."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from sqlalchemy import event, text

from pipeline.base.db import Sessions
from pipeline.base.money import ZERO
from pipeline.base.security_log import Action
from pipeline.clients import parse_report
from pipeline.intake.backfills import Backfills
from pipeline.intake.buyer_index import Buyers
from pipeline.intake.credit_memos import Refunds
from pipeline.magento.records import CreditMemo, MagentoOrder
from pipeline.operations.acts.many_orders import Act
from pipeline.operations.lists.selection import these, weigh
from pipeline.orders.locking import lock
from pipeline.orders.machine import reopen, wake
from pipeline.orders.state_changes import dismiss, look_in_turn
from pipeline.products.manual_sku_map import SkusByHand
from pipeline.shipping.shop_shipments import Shipments
from tasks.engine.runtime import Runtime, build
from tasks.jobs.watch_shop import AT_ONCE, MOST_SHARES, watch_confirmed, watch_shipments
from tests.builders import ACCOUNT, GERMANY, NOW, SHOP, a_vault, settings, signed
from tests.tasks.conftest import close
from tests.tasks.fakes import FakeOrders, FakeShipments, FakeShop

IDS = 70_000
# Far more than one statement may name, and than the watch asks about at once.
OPEN = 7_000
MOST_PARAMETERS = 1_000

_ORDERS = text(
    "INSERT INTO orders (account, external_id, marketplace_id, fulfilled_by, step, status, tries,"
    " unfinished, news, version, remote_status, remote_updated_at, magento_order_id,"
    " magento_invoiced) SELECT :account, '028-' || one, :marketplace, 'FBM', 'ship_order', :status,"
    " 0, 0, 0, 1, 'UNSHIPPED', :now, one, 1 FROM generate_series(1, :open) one"
)
_SHIPPED = text(
    "INSERT INTO shipments (order_id, magento_shipment_id, package_reference, shipped_at,"
    " confirmed_at, shop) SELECT id, magento_order_id, magento_order_id, :now, :now, :shop"
    " FROM orders"
)


@pytest.fixture
def parts(database_url: str, redis_url: str) -> Iterator[Runtime]:
    built = build(settings(database_url=database_url, redis_url=redis_url))
    yield built
    with built.sessions() as session, session.begin():
        session.execute(text("TRUNCATE orders CASCADE"))  # to delete so many takes far longer
    close(built)


def with_shop(parts: Runtime, shop: FakeShop) -> Runtime:
    return replace(parts, clients=replace(parts.clients, shops={SHOP: shop}, now=lambda: NOW))


def fill(sessions: Sessions, status: str) -> None:
    """Orders in this status, each with a package that was confirmed just now where it is done."""
    given = {"account": ACCOUNT, "marketplace": GERMANY, "now": NOW, "open": OPEN}
    with sessions() as session, session.begin():
        session.execute(_ORDERS, {**given, "status": status})
        if status == "done":
            session.execute(_SHIPPED, {"now": NOW, "shop": SHOP})
        session.execute(text("ANALYZE orders, shipments"))


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
        self.shipments = _NoShipments(self)
        self.orders = _NoOrders(self)


class _NoShipments(FakeShipments):
    def __init__(self, shop: Counting) -> None:
        super().__init__(shop)
        self._asked = shop.asked

    def of_orders(self, order_ids: Any) -> list[Any]:
        self._asked.append(len(order_ids))
        return []


class _NoOrders(FakeOrders):
    def by_ids(self, entity_ids: Any) -> dict[int, Any]:
        return {}


def test_the_watch_goes_through_all_of_them(app: Celery, parts: Runtime) -> None:
    fill(parts.sessions, "waiting")
    shop = Counting()
    with most_parameters(parts.sessions) as most:
        watch_shipments(app, with_shop(parts, shop), SHOP)
    assert (sum(shop.asked), max(shop.asked)) == (OPEN, AT_ONCE)
    assert most[0] <= MOST_PARAMETERS


def test_a_round_of_what_is_through_goes_through_all_of_them(app: Celery, parts: Runtime) -> None:
    """Each is asked about again, since its package is missing."""
    fill(parts.sessions, "done")
    asked = []
    with most_parameters(parts.sessions) as most:
        for _ in range(4):
            shop = Counting()
            watch_confirmed(app, with_shop(parts, shop), SHOP)
            asked.append(sum(shop.asked))
    share = 2 * MOST_SHARES * AT_ONCE
    assert asked == [share, share, 2 * OPEN - 2 * share, 0]
    assert most[0] <= MOST_PARAMETERS


def test_every_query_takes_as_many_ids_at_once(parts: Runtime) -> None:
    ids = range(1, IDS + 1)
    numbers = [str(one) for one in ids]
    memos = [CreditMemo(one, one, "", NOW, "EUR", ZERO, ZERO, ()) for one in ids]
    sessions = parts.sessions
    watch = Shipments(sessions, a_vault())
    with most_parameters(sessions) as most:
        with sessions() as session, session.begin():
            assert lock(session, ids) == {}
            assert wake(session, ids, NOW) == []
            assert look_in_turn(session, ids, NOW, timedelta(0)) == []
            assert dismiss(session, ids, "done elsewhere", NOW) == []
            reopen(session, ids, NOW)
        assert parts.orders.positions(ids, NOW) == []
        awaited = {one: one for one in ids}
        states = {one: MagentoOrder(one, state="canceled") for one in ids}
        assert watch.missing(awaited, []) == {}
        assert watch.store(SHOP, awaited, [], states, NOW, ids) == []
        assert Refunds(sessions).store([ACCOUNT], SHOP, memos) == 0
        assert (
            Buyers(sessions, a_vault(), parse_report).tell(ids, Action.NAMES_SHOWN, signed()) == {}
        )
        assert Backfills(sessions).known(ACCOUNT, numbers) == 0
        assert SkusByHand(sessions).of(ACCOUNT, numbers) == {}
        assert weigh(sessions, Act.RELEASE, these(ids)).orders == 0
    assert most[0] <= MOST_PARAMETERS
