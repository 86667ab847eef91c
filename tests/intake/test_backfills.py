"""Backfills in the database: one an account at a time, their progress and their end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from pipeline.amazon.replies import GET_ORDER, SEARCH_ORDERS
from pipeline.base.db import Sessions
from pipeline.base.quota import Lane
from pipeline.intake.backfills import AlreadyRunning, Backfills, duration_s
from pipeline.intake.fetch_list import Fetching
from pipeline.intake.tables import ToFetch
from pipeline.orders.channel import OrderPage
from tests.builders import NOW

LATER = NOW + timedelta(minutes=1)
PERIOD = (NOW - timedelta(days=30), NOW - timedelta(days=1))
NUMBERS = ["028-1111111-1111111", "028-2222222-2222222"]


@pytest.fixture
def backfills(sessions: Sessions) -> Backfills:
    return Backfills(sessions)


def period(backfills: Backfills, account: str = "eu") -> int:
    return backfills.start_period(account, *PERIOD, author="anna", now=NOW)


def test_of_threads_that_start_one_at_once_one_does(backfills: Backfills) -> None:
    def start(_: int) -> bool:
        try:
            backfills.start_ids("eu", NUMBERS, author="anna", now=NOW)
        except AlreadyRunning:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(start, range(8))).count(True) == 1
    [only] = backfills.latest(10)
    assert only.left == 2
    period(backfills, "na")


def test_pages_are_counted_until_the_last(backfills: Backfills) -> None:
    period(backfills)
    [running] = backfills.due(NOW)
    assert backfills.advance(running, OrderPage([{}, {}], "next", None), 1, LATER) == "next"
    [goes_on] = backfills.due(LATER)
    assert goes_on.page_token == "next"
    assert backfills.advance(goes_on, OrderPage([{}], None, None), 1, LATER) is None
    assert backfills.due(LATER) == []
    [ended] = backfills.latest(1)
    row = ended.backfill
    assert (row.state, row.calls, row.orders_seen, row.orders_new) == ("done", 2, 3, 2)
    assert (row.ended_at, row.page_token) == (LATER, None)
    period(backfills)


def test_what_is_put_off_comes_later_at_the_same_page_or_anew(backfills: Backfills) -> None:
    period(backfills)
    [running] = backfills.due(NOW)
    backfills.advance(running, OrderPage([], "next", None), 0, NOW)
    backfills.put_off(running, LATER, None)
    assert backfills.due(NOW) == []
    [later] = backfills.due(LATER)
    assert (later.page_token, later.calls, later.trouble) == ("next", 1, None)
    backfills.put_off(later, LATER, "InvalidInput: no", restart=True)
    [anew] = backfills.due(LATER)
    assert (anew.page_token, anew.calls, anew.trouble) == (None, 2, "InvalidInput: no")


def test_a_page_read_while_a_person_stopped_it_is_the_last(backfills: Backfills) -> None:
    backfill_id = period(backfills)
    [running] = backfills.due(NOW)
    assert backfills.stop(backfill_id, NOW)
    assert backfills.advance(running, OrderPage([{}], "next", None), 1, LATER) is None
    [stopped] = backfills.latest(1)
    assert (stopped.backfill.state, stopped.backfill.page_token) == ("stopped", None)
    assert not backfills.stop(backfill_id, LATER)


def test_orders_by_number_end_when_all_have_been_read(
    sessions: Sessions, backfills: Backfills
) -> None:
    backfills.start_ids("eu", NUMBERS, author="anna", now=NOW)
    fetching = Fetching(sessions)
    [running] = backfills.due(NOW)
    for wanted in fetching.take("eu", NOW, 10):
        assert not backfills.end_when_read(running, NOW)
        fetching.done(wanted, 1)
    assert backfills.end_when_read(running, LATER)
    [ended] = backfills.latest(1)
    row = ended.backfill
    assert (row.state, row.asked, row.orders_seen, row.orders_new) == ("done", 2, 2, 2)


def test_stopping_leaves_what_a_notification_named_as_well(
    sessions: Sessions, backfills: Backfills
) -> None:
    backfill_id = backfills.start_ids("eu", NUMBERS, author="anna", now=NOW)
    Fetching(sessions).ask("eu", NUMBERS[:1], Lane.NEW, NOW)
    assert backfills.stop(backfill_id, NOW)
    with sessions() as session:
        [left] = session.scalars(select(ToFetch)).all()
    assert (left.external_id, left.lane, left.backfill_id) == (NUMBERS[0], "new", None)


def test_how_long_calls_take_behind_everything_else() -> None:
    assert duration_s(GET_ORDER.plan, 15) == 0
    assert duration_s(GET_ORDER.plan, 1815) == 3600
    assert round(duration_s(SEARCH_ORDERS.plan, 11)) == 179
