"""A search that goes round in circles ends, is told and begins anew; one bad order is set aside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from celery import Celery
from sqlalchemy import select

from pipeline.base.errors import AccountStopped
from pipeline.base.quota import Lane
from pipeline.intake.tables import Gap, ToFetch, Watermark
from pipeline.monitoring.account_checks import cursor_name
from pipeline.orders.channel import OrderPage, Raw
from pipeline.orders.tables import Order
from tasks.engine.runtime import Runtime, build
from tasks.jobs.notifications import fetch_orders
from tasks.jobs.search_and_sweep import poll_amazon
from tests.builders import ACCOUNT, NOW, a_raw_order, settings
from tests.tasks.conftest import close
from tests.tasks.fakes import FakeChannel

HOUR = timedelta(hours=1)
A, B = ("028-0000000-9000001", "028-0000000-9000002")


class Pages(FakeChannel):
    """Gives pages by their tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.by_token: dict[str | None, OrderPage | Exception] = {}
        self.whole: dict[str, Raw] = {}
        self.searched = 0

    def changed_orders(
        self,
        since: datetime,
        token: str | None,
        before: datetime | None = None,
        lane: Lane = Lane.NEW,
    ) -> OrderPage:
        self.searched += 1
        if lane is Lane.BACKFILL:
            token = f"gap {token}"
        found = self.by_token.get(token)
        if isinstance(found, Exception):
            raise found
        return found or OrderPage([], f"{token}+", NOW)

    def order(self, external_id: str, lane: Lane = Lane.NEW) -> Raw:
        return self.whole[external_id]


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
def parts(database_url: str, redis_url: str, pages: Pages) -> Iterator[Runtime]:
    built = build(settings(database_url=database_url, redis_url=redis_url))
    yield replace(
        built,
        clients=replace(built.clients, channels={ACCOUNT: pages}, now=lambda: NOW),
    )
    close(built)


def told(parts: Runtime) -> list[str]:
    return [incident.key for incident in parts.incidents.all_open(ACCOUNT)]


def cursor(parts: Runtime) -> Watermark:
    with parts.sessions() as session:
        return session.get_one(Watermark, cursor_name(ACCOUNT))


def test_a_token_that_repeats_ends_the_search_and_is_told_until_one_ends(
    app: Celery, parts: Runtime, pages: Pages
) -> None:
    first = OrderPage([a_raw_order(A)], "x", NOW)
    pages.by_token = {None: first, "x": OrderPage([a_raw_order(B)], "y", NOW)}
    pages.by_token["y"] = OrderPage([], "x", NOW)
    poll_amazon(app, parts, ACCOUNT)
    assert pages.searched == 3
    assert told(parts) == [f"stalled:{cursor_name(ACCOUNT)}"]
    assert (cursor(parts).page_token, cursor(parts).position < NOW) == (None, True)
    pages.by_token["y"] = OrderPage([], None, NOW)
    poll_amazon(app, parts, ACCOUNT)
    assert told(parts) == []
    assert cursor(parts).position == NOW


def test_pages_that_bring_nothing_end_the_search(app: Celery, parts: Runtime, pages: Pages) -> None:
    poll_amazon(app, parts, ACCOUNT)
    assert pages.searched == 20
    assert told(parts) == [f"stalled:{cursor_name(ACCOUNT)}"]
    # That Amazon answered is no reading of orders.
    assert cursor(parts).checked_at == NOW
    assert cursor(parts).read_at != NOW


def test_a_gap_that_goes_in_circles_is_told_and_kept(
    app: Celery, parts: Runtime, pages: Pages
) -> None:
    pages.by_token = {None: OrderPage([], None, NOW), "gap x": OrderPage([], "x", NOW)}
    pages.by_token["gap None"] = OrderPage([a_raw_order(A)], "x", NOW)
    with parts.sessions() as session, session.begin():
        session.add(Gap(account=ACCOUNT, from_at=NOW - 2 * HOUR, until_at=NOW - HOUR))
    poll_amazon(app, parts, ACCOUNT)
    assert told(parts) == [f"stalled:gap:{ACCOUNT}"]
    with parts.sessions() as session:
        assert session.scalars(select(Gap.page_token)).all() == [None]


def test_a_stopped_account_is_no_expired_token_of_a_gap(
    app: Celery, parts: Runtime, pages: Pages
) -> None:
    pages.by_token = {None: OrderPage([], None, NOW), "gap x": AccountStopped("authorise again")}
    with parts.sessions() as session, session.begin():
        gap = Gap(account=ACCOUNT, from_at=NOW - 2 * HOUR, until_at=NOW - HOUR, page_token="x")
        session.add(gap)
    poll_amazon(app, parts, ACCOUNT)
    with parts.sessions() as session:
        assert session.scalars(select(Gap.page_token)).all() == ["x"]
    assert "authorise again" in (cursor(parts).trouble or "")


def test_one_bad_order_is_set_aside_and_read_again(
    app: Celery, parts: Runtime, pages: Pages
) -> None:
    bad = {**a_raw_order(B), "lastUpdatedTime": 7}
    pages.by_token = {None: OrderPage([bad, a_raw_order(A)], None, NOW)}
    poll_amazon(app, parts, ACCOUNT)
    assert told(parts) == [f"unreadable:{ACCOUNT}:{B}"]
    assert cursor(parts).position == NOW
    with parts.sessions() as session:
        assert session.scalars(select(Order.external_id)).all() == [A]
        assert session.scalars(select(ToFetch.external_id)).all() == [B]
    pages.whole[B] = a_raw_order(B)
    fetch_orders(app, parts, ACCOUNT)
    assert told(parts) == []
    with parts.sessions() as session:
        assert sorted(session.scalars(select(Order.external_id))) == [A, B]


def test_a_notification_of_a_far_future_counts_as_told_now(parts: Runtime) -> None:
    parts.fetching.notified(ACCOUNT, {"n": A}, NOW, {A: NOW + timedelta(days=45_000)})
    with parts.sessions() as session:
        assert session.scalars(select(ToFetch.changed_at)).all() == [NOW]
