"""What the marketplace reports becomes rows: once each, the newest counts, and no claim is lost."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from pipeline.amazon.client import Amazon
from pipeline.base.db import Sessions
from pipeline.base.vault import SealedColumn
from pipeline.intake.store import Intake, Stored
from pipeline.orders.channel import Raw
from pipeline.orders.machine import STEPS, Orders
from pipeline.orders.outcome import Done, Wait
from pipeline.orders.tables import Order, OrderPrivate, Status
from pipeline.settings.model import Settings
from tests.builders import (
    ACCOUNT,
    NOW,
    a_number,
    a_raw_order,
    a_vault,
    loaded,
    settings,
    stored,
)
from tests.builders import an_order as an_order_of

NEWER = NOW + timedelta(minutes=1)
HOUR = timedelta(hours=1)


def taken_in(
    sessions: Sessions, *raws: Raw, given: Settings | None = None, now: datetime = NOW
) -> Stored:
    given = given or settings()
    account = given.accounts[ACCOUNT]
    channel = Amazon(ACCOUNT, account, now=lambda: now)
    return Intake(sessions, a_vault(), given.timing).store(ACCOUNT, account, channel, raws, now)


def known(sessions: Sessions, raw: Raw, **changes: Any) -> int:
    return stored(sessions, an_order_of(raw=raw, **changes))


def opened(sessions: Sessions, order_id: int) -> dict[str, Any]:
    with sessions() as session:
        order, private = (session.get_one(one, order_id) for one in (Order, OrderPrivate))
        assert isinstance(order, Order)
        assert isinstance(private, OrderPrivate)
        assert private.wrapped_key is not None
        assert private.sealed is not None
        owner = f"{order.account}/{order.external_id}"
        return a_vault().open(private.wrapped_key, owner, SealedColumn.REPORT, private.sealed)


def count(sessions: Sessions) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(Order)) or 0


def test_a_new_order_is_kept_whole_and_starts_at_the_first_step(sessions: Sessions) -> None:
    raw = a_raw_order(updated_at=NEWER)
    result = taken_in(sessions, raw)
    [order_id] = result.new
    assert (result.woken, result.unreadable) == ([], 0)
    row = loaded(sessions, order_id)
    assert (row.account, row.external_id) == ("eu", raw["orderId"])
    assert (row.marketplace_id, row.fulfilled_by) == ("A1PA6795UKMFR9", "FBM")
    assert (row.step, row.status) == (STEPS[0], Status.READY)
    # The message that is sent right after has a minute's head start on the sweep.
    assert (row.due_at, row.sent_at) == (NOW + timedelta(seconds=60), None)
    assert (row.tries, row.unfinished, row.news, row.version) == (0, 0, 0, 1)
    assert (row.remote_status, row.remote_updated_at) == ("UNSHIPPED", NEWER)
    assert (row.purchased_at, row.shown) == (NOW - HOUR, True)
    assert opened(sessions, order_id) == raw


def test_a_new_order_can_be_claimed_and_recorded(sessions: Sessions) -> None:
    raw = a_raw_order()
    [order_id] = taken_in(sessions, raw).new
    orders = Orders(sessions, a_vault(), settings().timing)
    claim = orders.claim(order_id, STEPS[0], task_id="t", worker="w", now=NOW)
    assert claim is not None
    assert claim.order.report.raw == raw
    assert orders.record(claim, Done(), now=NOW)


WITHHELD: dict[str, Any] = {"recipient": {"deliveryAddress": {"countryCode": "DE"}}}
HELD: dict[str, Any] = {
    "status": Status.HELD,
    "hold_code": "address_unusable",
    "due_at": NOW + HOUR,
    "step": "enrich_order",
}


def test_an_address_that_was_withheld_counts_although_the_order_did_not_change(
    sessions: Sessions,
) -> None:
    before = a_raw_order(**WITHHELD)
    order_id = known(sessions, before, **HELD)
    after = a_raw_order(before["orderId"])
    assert taken_in(sessions, after).woken == [order_id]
    assert opened(sessions, order_id) == after
    assert loaded(sessions, order_id).due_at == NOW
    # Once it is told it is no news any more.
    assert taken_in(sessions, after).woken == []


@pytest.mark.parametrize(
    ("stored_as", "held", "told"),
    [
        (WITHHELD, HELD, WITHHELD),
        # Too long a street, say, and by now nothing is told any more.
        ({}, HELD, WITHHELD),
        ({}, HELD, {"recipient": {}}),
        (WITHHELD, HELD, {"orderItems": []}),
        (WITHHELD, HELD, {"updated_at": NOW - HOUR}),
    ],
)
def test_else_a_report_of_the_same_time_is_none(
    stored_as: dict[str, Any], held: dict[str, Any], told: dict[str, Any], sessions: Sessions
) -> None:
    before = a_raw_order(**stored_as)
    order_id = known(sessions, before, **held)
    assert taken_in(sessions, a_raw_order(before["orderId"], **told)).woken == []
    assert opened(sessions, order_id) == before


@pytest.mark.parametrize(
    ("status", "shown"),
    [("PENDING", False), ("UNSHIPPED", True), ("SHIPPED", True), ("LOST_IN_SPACE", True)],
)
def test_whether_it_shows_comes_from_the_decision_table(
    status: str, shown: bool, sessions: Sessions
) -> None:
    [order_id] = taken_in(sessions, a_raw_order(status=status)).new
    assert loaded(sessions, order_id).shown is shown


NOT_KEPT = {
    **{
        f"FBA {status}": a_raw_order(status=status, fulfilled_by="AMAZON")
        for status in ("PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "CANCELLED", "UNFULFILLABLE")
    },
    "FBM CANCELLED": a_raw_order(status="CANCELLED"),
    "from before the start": a_raw_order(purchased_at=NOW - timedelta(days=30, seconds=1)),
}


@pytest.mark.parametrize("raw", NOT_KEPT.values(), ids=NOT_KEPT)
def test_what_is_none_of_ours_is_not_kept(raw: Raw, sessions: Sessions) -> None:
    assert taken_in(sessions, raw) == Stored([], [], 0)
    assert count(sessions) == 0


def test_an_order_from_the_very_start_is_kept(sessions: Sessions) -> None:
    assert len(taken_in(sessions, a_raw_order(purchased_at=NOW - timedelta(days=30))).new) == 1


def test_fba_is_kept_once_amazon_has_shipped_it(sessions: Sessions) -> None:
    number = a_number()
    assert taken_in(sessions, a_raw_order(number, fulfilled_by="AMAZON")).new == []
    shipped = a_raw_order(number, fulfilled_by="AMAZON", status="SHIPPED", updated_at=NEWER)
    [order_id] = taken_in(sessions, shipped).new
    assert loaded(sessions, order_id).fulfilled_by == "FBA"


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_reports_in_one_page_the_newer_counts(order: int, sessions: Sessions) -> None:
    number = a_number()
    reports = [
        a_raw_order(number, status="PENDING", updated_at=NOW),
        a_raw_order(number, status="UNSHIPPED", updated_at=NEWER),
    ]
    [order_id] = taken_in(sessions, *reports[::order]).new
    assert loaded(sessions, order_id).remote_status == "UNSHIPPED"
    assert count(sessions) == 1


def test_a_report_that_is_older_changes_nothing(sessions: Sessions) -> None:
    raw = a_raw_order(status="PENDING")
    order_id = known(sessions, raw, status=Status.WAITING, due_at=NOW + HOUR)
    late = a_raw_order(raw["orderId"], status="CANCELLED", updated_at=NOW - timedelta(seconds=1))
    assert taken_in(sessions, late) == Stored([], [], 0)
    row = loaded(sessions, order_id)
    assert (row.remote_status, row.remote_updated_at, row.news) == ("PENDING", NOW, 0)
    assert row.due_at == NOW + HOUR
    assert opened(sessions, order_id) == raw


@pytest.mark.parametrize(
    "changes",
    [{"status": Status.WAITING}, {"status": Status.HELD, "hold_code": "currency"}],
    ids=["waiting", "held"],
)
def test_a_newer_report_refreshes_status_and_data_and_wakes(
    changes: dict[str, Any], sessions: Sessions
) -> None:
    raw = a_raw_order(status="PENDING")
    order_id = known(sessions, raw, due_at=NOW + HOUR, sent_at=NOW, **changes)
    newer = a_raw_order(raw["orderId"], updated_at=NEWER, programs=["PRIME"])
    assert taken_in(sessions, newer) == Stored([], [order_id], 0)
    row = loaded(sessions, order_id)
    assert (row.remote_status, row.remote_updated_at) == ("UNSHIPPED", NEWER)
    assert (row.due_at, row.sent_at, row.news, row.shown) == (NOW, None, 1, True)
    assert opened(sessions, order_id) == newer


def test_a_newer_report_of_a_purged_order_brings_no_personal_data_back(sessions: Sessions) -> None:
    raw = a_raw_order()
    order_id = known(sessions, raw, status=Status.WAITING)
    with sessions() as session, session.begin():
        private = session.get_one(OrderPrivate, order_id)
        private.wrapped_key = private.sealed = None
    taken_in(sessions, a_raw_order(raw["orderId"], status="SHIPPED", updated_at=NEWER))
    assert loaded(sessions, order_id).remote_status == "SHIPPED"
    with sessions() as session:
        private = session.get_one(OrderPrivate, order_id)
        assert (private.wrapped_key, private.sealed) == (None, None)


def test_a_run_that_is_going_on_keeps_its_claim_and_learns_of_the_news(sessions: Sessions) -> None:
    raw = a_raw_order(status="PENDING")
    order_id = known(sessions, raw)
    orders = Orders(sessions, a_vault(), settings().timing)
    claim = orders.claim(order_id, STEPS[0], task_id="t", worker="w", now=NOW)
    assert claim is not None
    claim.order.currency = "EUR"
    taken_in(sessions, a_raw_order(raw["orderId"], updated_at=NEWER))
    assert loaded(sessions, order_id).status == Status.RUNNING
    assert orders.record(claim, Wait("not paid yet", HOUR), now=NEWER)
    row = loaded(sessions, order_id)
    assert (row.status, row.due_at) == (Status.WAITING, NEWER)
    assert (row.remote_status, row.currency, row.shown) == ("UNSHIPPED", "EUR", True)


@pytest.mark.parametrize(
    ("status", "magento_order_id", "reopened"),
    [
        (Status.DONE, 4711, True),
        (Status.DONE, None, False),
        (Status.CANCELLED, 4711, False),
    ],
)
def test_a_cancellation_of_what_was_through_opens_it_again(
    status: Status, magento_order_id: int | None, reopened: bool, sessions: Sessions
) -> None:
    raw = a_raw_order(status="SHIPPED")
    order_id = known(
        sessions,
        raw,
        step=STEPS[-1],
        status=status,
        due_at=None,
        magento_order_id=magento_order_id,
    )
    result = taken_in(sessions, a_raw_order(raw["orderId"], status="CANCELLED", updated_at=NEWER))
    assert result.woken == ([order_id] if reopened else [])
    row = loaded(sessions, order_id)
    assert (row.status, row.due_at) == ((Status.WAITING, NOW) if reopened else (status, None))
    assert (row.step, row.remote_status) == (STEPS[-1], "CANCELLED")


def test_any_other_news_of_what_was_through_only_refresh_it(sessions: Sessions) -> None:
    raw = a_raw_order()
    order_id = known(sessions, raw, status=Status.DONE, due_at=None, magento_order_id=4711)
    newer = a_raw_order(raw["orderId"], status="SHIPPED", updated_at=NEWER)
    assert taken_in(sessions, newer) == Stored([], [], 0)
    row = loaded(sessions, order_id)
    assert (row.status, row.due_at, row.remote_status) == (Status.DONE, None, "SHIPPED")


def test_one_that_cannot_be_read_does_not_stop_the_page(sessions: Sessions) -> None:
    good = [a_raw_order(), a_raw_order()]
    no_id, no_time = a_raw_order(), a_raw_order()
    del no_id["orderId"]
    no_time["lastUpdatedTime"] = "yesterday"
    result = taken_in(sessions, good[0], no_id, {}, no_time, good[1])
    assert (len(result.new), result.woken, result.unreadable) == (2, [], 3)


def test_the_same_number_in_another_account_is_another_order(sessions: Sessions) -> None:
    raw = a_raw_order()
    stored(sessions, an_order_of(raw=raw, account="na"))
    assert len(taken_in(sessions, raw).new) == 1
    assert count(sessions) == 2


def test_a_page_may_be_empty(sessions: Sessions) -> None:
    assert taken_in(sessions) == Stored([], [], 0)


@pytest.mark.parametrize("order", [1, -1], ids=["in one order", "in opposite orders"])
def test_threads_that_store_one_page_at_once_give_one_row_each(
    order: int, sessions: Sessions
) -> None:
    """Each has inserted what comes before the row of a third, and then waits for that one."""
    page = [a_raw_order() for _ in range(21)]
    results: list[Stored] = []

    def store(raws: list[dict[str, Any]]) -> None:
        results.append(taken_in(sessions, *raws))

    threads = [threading.Thread(target=store, args=(raws,)) for raws in (page, page[::order])]
    with sessions() as session, session.begin():
        session.add(an_order_of(raw=page[10]))
        session.flush()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(0.3)
        session.rollback()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert sorted([*results[0].new, *results[1].new]) == sorted(ids(sessions))
    assert count(sessions) == 21
    for order_id in ids(sessions):
        assert opened(sessions, order_id)["orderId"]


def ids(sessions: Sessions) -> list[int]:
    with sessions() as session:
        return list(session.scalars(select(Order.id)))


def test_the_newer_of_two_pages_stored_at_once_counts(sessions: Sessions) -> None:
    """The older page's row is inserted, but not committed, when the newer page comes."""
    number = a_number()
    older = a_raw_order(number, status="PENDING")
    newer = a_raw_order(number, updated_at=NEWER)
    results: list[Stored] = []
    second = threading.Thread(target=lambda: results.append(taken_in(sessions, newer)))
    with sessions() as session, session.begin():
        order = an_order_of(raw=older)
        session.add(order)
        session.flush()
        key = a_vault().new_key(f"eu/{number}")
        sealed = a_vault().seal(key, f"eu/{number}", SealedColumn.REPORT, older)
        session.add(OrderPrivate(order_id=order.id, wrapped_key=key, sealed=sealed))
        session.flush()
        second.start()
        second.join(0.3)
    second.join()
    [order_id] = ids(sessions)
    assert results == [Stored([], [order_id], 0)]
    assert loaded(sessions, order_id).remote_status == "UNSHIPPED"
    assert opened(sessions, order_id) == newer


def statements(sessions: Sessions, *raws: Raw) -> int:
    """How many statements it takes to store a page."""
    seen: list[str] = []

    def count_one(*args: Any) -> None:
        seen.append(str(args[2]))

    with sessions() as session:
        engine = session.get_bind()
    assert isinstance(engine, Engine)
    event.listen(engine, "before_cursor_execute", count_one)
    try:
        taken_in(sessions, *raws)
    finally:
        event.remove(engine, "before_cursor_execute", count_one)
    return len(seen)


@pytest.mark.parametrize("size", [10, 100])
def test_a_page_takes_few_statements_whatever_its_size(size: int, sessions: Sessions) -> None:
    numbers = [a_number() for _ in range(size)]
    assert statements(sessions, *map(a_raw_order, numbers)) == 3
    newer = [a_raw_order(number, updated_at=NEWER) for number in numbers]
    assert statements(sessions, *newer) == 4
    assert statements(sessions, *newer) == 1


def test_a_report_is_kept_under_a_new_key_where_the_old_one_opens_no_more(
    sessions: Sessions,
) -> None:
    number = a_number()
    lost = known(sessions, a_raw_order(number))
    other = a_raw_order(updated_at=NEWER)
    with sessions() as session, session.begin():
        session.get_one(OrderPrivate, lost).wrapped_key = b"\x01 of another master key"
    result = taken_in(sessions, a_raw_order(number, updated_at=NEWER), other)
    assert (list(result.woken), len(result.new)) == ([lost], 1)
    assert opened(sessions, lost)["orderId"] == number
