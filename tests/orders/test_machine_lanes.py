"""A backfill's orders stand behind new ones until they are in the shop; then they are like any."""

from __future__ import annotations

from datetime import timedelta

from pipeline.amazon.client import Amazon
from pipeline.base.db import Sessions
from pipeline.base.quota import Lane
from pipeline.intake.store import Intake
from pipeline.orders.machine import STEPS, Orders
from pipeline.settings.model import Timing
from tests.builders import ACCOUNT, NOW, a_raw_order, a_vault, an_order, loaded, settings, stored

HOUR = timedelta(hours=1)


def orders_of(sessions: Sessions) -> Orders:
    return Orders(sessions, a_vault(), Timing())


def test_a_backfills_orders_come_last_however_long_they_are_due(sessions: Sessions) -> None:
    old = stored(sessions, an_order(lane="backfill", due_at=NOW - HOUR))
    new = stored(sessions, an_order())
    assert orders_of(sessions).due(NOW, 1) == [(new, STEPS[0])]
    assert orders_of(sessions).due(NOW, 1) == [(old, STEPS[0])]


def test_a_backfills_orders_are_left_out_where_there_is_no_room_for_them(
    sessions: Sessions,
) -> None:
    old = stored(sessions, an_order(lane="backfill"))
    new = stored(sessions, an_order())
    assert orders_of(sessions).due(NOW, 10, with_backfill=False) == [(new, STEPS[0])]
    assert orders_of(sessions).due(NOW, 10, with_backfill=False) == []
    assert orders_of(sessions).due(NOW, 10) == [(old, STEPS[0])]


def test_a_confirmation_never_waits_because_a_backfill_brought_its_order(
    sessions: Sessions,
) -> None:
    order_id = stored(
        sessions, an_order(lane="backfill", step="sync_tracking", magento_order_id=900)
    )
    due = orders_of(sessions).due(NOW, 10, with_backfill=False)
    assert due == [(order_id, "sync_tracking")]


def test_a_backfills_new_orders_are_due_at_once_and_marked(sessions: Sessions) -> None:
    given = settings()
    account = given.accounts[ACCOUNT]
    intake = Intake(sessions, a_vault(), given.timing)
    channel = Amazon(ACCOUNT, account, now=lambda: NOW)

    [old] = intake.store(ACCOUNT, account, channel, [a_raw_order()], NOW, lane=Lane.BACKFILL).new
    [new] = intake.store(ACCOUNT, account, channel, [a_raw_order()], NOW).new

    backfilled, ordinary = loaded(sessions, old), loaded(sessions, new)
    assert (backfilled.lane, backfilled.due_at) == ("backfill", NOW)
    resend = timedelta(seconds=given.timing.resend_s)
    assert (ordinary.lane, ordinary.due_at) == ("new", NOW + resend)


def test_news_of_an_order_leave_its_lane_alone(sessions: Sessions) -> None:
    given = settings()
    account = given.accounts[ACCOUNT]
    intake = Intake(sessions, a_vault(), given.timing)
    channel = Amazon(ACCOUNT, account, now=lambda: NOW)
    raw = a_raw_order()
    [order_id] = intake.store(ACCOUNT, account, channel, [raw], NOW).new
    newer = a_raw_order(raw["orderId"], updated_at=NOW + HOUR)

    result = intake.store(ACCOUNT, account, channel, [newer], NOW, lane=Lane.BACKFILL)

    assert (result.new, result.woken) == ([], [order_id])
    assert loaded(sessions, order_id).lane == "new"


def test_the_start_of_an_account_counts_for_new_orders_only(sessions: Sessions) -> None:
    given = settings(account={"start_from": NOW})
    account = given.accounts[ACCOUNT]
    intake = Intake(sessions, a_vault(), given.timing)
    channel = Amazon(ACCOUNT, account, now=lambda: NOW)
    raw = a_raw_order(purchased_at=NOW - HOUR)
    assert intake.store(ACCOUNT, account, channel, [raw], NOW).new == []
    assert len(intake.store(ACCOUNT, account, channel, [raw], NOW, Lane.BACKFILL).new) == 1
