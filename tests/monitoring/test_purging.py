"""What names a buyer is destroyed when it is time, and stays destroyed."""

from __future__ import annotations

import base64
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from pipeline.amazon.client import Amazon
from pipeline.base.db import Sessions
from pipeline.base.master_keys import Unreadable
from pipeline.base.security_log import Action
from pipeline.base.vault import SealedColumn
from pipeline.clients import parse_report
from pipeline.intake.buyer_index import Buyers
from pipeline.intake.store import Intake
from pipeline.monitoring.purging import (
    BATCH,
    MARGIN,
    SPARED,
    TAKEN,
    Purging,
    destroy,
    oldest_personal_data,
)
from pipeline.operations.acts.address import Corrections
from pipeline.operations.acts.one_order import NotPossible
from pipeline.operations.lists.explain import explain
from pipeline.operations.preview.replay import NotPossible as NoReplay
from pipeline.operations.preview.replay import replay
from pipeline.orders.machine import STEPS, Orders, owner, reopen
from pipeline.orders.outcome import Done
from pipeline.orders.tables import Note, Order, OrderPrivate, Status
from pipeline.settings.model import Timing
from tests.builders import (
    ACCOUNT,
    NOW,
    a_raw_order,
    a_vault,
    an_order,
    loaded,
    settings,
    signed,
    stored,
)
from tests.tables import METADATA

DAYS_30 = timedelta(days=30)
LONG_AGO = NOW - DAYS_30 + MARGIN
SECOND = timedelta(seconds=1)
NAMES = ("Berta", "Buyer", "berta@marketplace.example", "Karla", "Lieferweg", "123456")


def ended(**changes: Any) -> Order:
    """An order that is through, and due for the purge now."""
    facts = {"status": Status.DONE, "due_at": None, "deliver_by_at": LONG_AGO, "step": STEPS[-1]}
    return an_order(raw=a_raw_order(), **{**facts, **changes})


def purge(sessions: Sessions, now: datetime = NOW, most: int | None = None) -> int:
    return Purging(sessions, now, DAYS_30.days).run(most)


def private(sessions: Sessions, order_id: int) -> tuple[Any, ...]:
    with sessions() as session:
        row = session.get_one(OrderPrivate, order_id)
        columns = (row.wrapped_key, row.sealed, row.correction)
        return (*columns, row.buyer_words, row.buyer_initials)


DAY = timedelta(days=1)
CASES: dict[str, dict[str, Any]] = {
    "promised": {},
    "delivered before the promise": {"delivered_at": LONG_AGO, "deliver_by_at": NOW},
    "delivered after the promise": {"delivered_at": LONG_AGO, "deliver_by_at": LONG_AGO - DAY},
    "shipped without a promise": {
        "deliver_by_at": None,
        "shipped_at": LONG_AGO - DAY * 2,
        "purchased_at": NOW,
    },
    "never shipped": {"deliver_by_at": None, "purchased_at": LONG_AGO - DAY * 60},
    "nothing is known": {
        "deliver_by_at": None,
        "purchased_at": None,
        "created_at": LONG_AGO - DAY * 60,
    },
    "promised for years ahead": {
        "deliver_by_at": NOW + DAY * 4000,
        "created_at": LONG_AGO - DAY * 400,
    },
    # Its day of delivery is of no meaning.
    "cancelled": {
        "status": Status.CANCELLED,
        "deliver_by_at": NOW + DAY * 90,
        "remote_updated_at": LONG_AGO,
    },
    "cancelled by Amazon alone": {
        "remote_status": "CANCELLED",
        "deliver_by_at": NOW + DAY * 90,
        "remote_updated_at": LONG_AGO,
    },
    "cancelled after the promise": {
        "status": Status.CANCELLED,
        "remote_updated_at": NOW,
    },
}


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_it_is_purged_when_it_is_time_and_not_a_second_before(
    sessions: Sessions, changes: dict[str, Any]
) -> None:
    order_id = stored(sessions, ended(**changes))
    assert Purging(sessions, NOW - SECOND, 30).count() == 0
    assert purge(sessions, NOW - SECOND) == 0
    assert loaded(sessions, order_id).purged_at is None
    assert Purging(sessions, NOW, 30).count() == 1
    assert purge(sessions) == 1
    assert private(sessions, order_id) == (None, None, None, [], "")
    order = loaded(sessions, order_id)
    assert (order.purged_at, order.version, order.status) == (
        NOW,
        1,
        changes.get("status", Status.DONE),
    )
    assert purge(sessions, NOW + SECOND) == 0
    assert loaded(sessions, order_id).purged_at == NOW


def test_an_hourly_job_keeps_thirty_days_although_a_night_passes_without_it(
    sessions: Sessions,
) -> None:
    order_id = stored(sessions, ended(deliver_by_at=None, delivered_at=NOW - DAYS_30))
    assert purge(sessions, NOW - timedelta(hours=11)) == 1
    order = loaded(sessions, order_id)
    assert order.delivered_at is not None
    assert order.purged_at is not None
    assert order.purged_at - order.delivered_at < DAYS_30


LIVE_STATES: dict[str, dict[str, Any]] = {
    "ready": {"status": Status.READY},
    "waiting": {"status": Status.WAITING},
    "held for currency": {"status": Status.HELD, "hold_code": "currency"},
}


@pytest.mark.parametrize(("state", "changes"), LIVE_STATES.items(), ids=LIVE_STATES)
def test_a_live_order_ends_when_its_data_goes(
    sessions: Sessions, state: str, changes: dict[str, Any]
) -> None:
    old = {"step": "create_order", "created_at": NOW - SPARED, "due_at": NOW}
    order_id = stored(sessions, ended(**old, **changes))
    young = stored(sessions, ended(**{**old, "created_at": NOW - SPARED + SECOND}, **changes))
    assert purge(sessions) == 1
    order = loaded(sessions, order_id)
    assert (order.status, order.dismissed_at, order.due_at) == (Status.DONE, NOW, None)
    assert private(sessions, order_id) == (None, None, None, [], "")
    words = f"ended, as its buyer's data was due for destruction; it was {state}"
    assert order.last_note == words
    with sessions() as session:
        [note] = session.scalars(select(Note))
        assert (note.order_id, note.author, note.text) == (order_id, "orderbridge", words)
    # An order of a backfill may be too old when it comes; it has a week to get through.
    assert loaded(sessions, young).status == changes["status"]
    assert private(sessions, young)[0] is not None


@pytest.mark.parametrize("changes", LIVE_STATES.values(), ids=LIVE_STATES)
@pytest.mark.parametrize("step", STEPS[-2:])
def test_an_order_in_the_shop_goes_on_without_its_data(
    sessions: Sessions, step: str, changes: dict[str, Any]
) -> None:
    order_id = stored(sessions, ended(step=step, created_at=LONG_AGO, due_at=NOW, **changes))
    assert purge(sessions) == 1
    order = loaded(sessions, order_id)
    assert (order.status, order.due_at, order.version) == (changes["status"], NOW, 1)
    assert private(sessions, order_id) == (None, None, None, [], "")


def test_a_running_step_ends_first(sessions: Sessions) -> None:
    stored(sessions, ended(status=Status.RUNNING, created_at=LONG_AGO))
    assert purge(sessions) == 0


def test_the_oldest_data_counts_from_its_delivery(sessions: Sessions) -> None:
    def oldest() -> timedelta | None:
        with sessions() as session:
            return oldest_personal_data(session, NOW)

    assert oldest() is None
    stored(sessions, ended(deliver_by_at=NOW + DAY))
    assert oldest() == -DAY
    held = {"status": Status.HELD, "hold_code": "currency", "created_at": NOW - SPARED}
    stored(sessions, ended(deliver_by_at=NOW - DAY * 9, **held))
    stored(sessions, ended(deliver_by_at=NOW - DAY * 99, **{**held, "created_at": NOW}))
    stored(sessions, ended(deliver_by_at=NOW - DAY * 999, purged_at=NOW))
    assert oldest() == DAY * 9


def test_it_goes_on_from_batch_to_batch_and_stops_where_it_is_told_to(sessions: Sessions) -> None:
    for _ in range(3):
        stored(sessions, ended())
    with sessions() as session, session.begin():
        session.execute(
            text(
                "INSERT INTO orders (account, external_id, marketplace_id, fulfilled_by, step,"
                " status, tries, unfinished, news, version, remote_status, remote_updated_at,"
                " deliver_by_at)"
                " SELECT 'eu', n::text, 'A', 'FBM', 'sync_tracking', 'done', 0, 0, 0, 1,"
                " 'SHIPPED', :at, :at FROM generate_series(1, :count) n"
            ),
            {"at": LONG_AGO, "count": BATCH * 2},
        )
    assert Purging(sessions, NOW, 30).count() == BATCH * 2 + 3
    assert purge(sessions, most=BATCH) == BATCH
    assert purge(sessions) == BATCH + 3


def test_what_is_in_other_hands_is_left_to_the_next_run(sessions: Sessions) -> None:
    taken, free = (stored(sessions, ended()) for _ in range(2))
    with sessions() as session, session.begin():
        session.get_one(Order, taken, with_for_update=True)
        assert purge(sessions) == 1
    assert loaded(sessions, free).purged_at == NOW
    assert purge(sessions) == 1


def everything(sessions: Sessions) -> str:
    """Every row there is, with all that the master key opens of it."""
    vault, parts = a_vault(), []
    with sessions() as session:
        for table in METADATA.tables:
            rows = session.execute(text(f'SELECT t::text FROM "{table}" t'))  # noqa: S608
            parts += [row for (row,) in rows]
        for order, kept in session.execute(
            select(Order, OrderPrivate).join(OrderPrivate, OrderPrivate.order_id == Order.id)
        ):
            columns = {
                SealedColumn.REPORT: kept.sealed,
                SealedColumn.CORRECTION: kept.correction,
            }
            for column, sealed in columns.items():
                if kept.wrapped_key is not None and sealed is not None:
                    parts.append(str(vault.open(kept.wrapped_key, owner(order), column, sealed)))
    return "\n".join(parts)


def test_nothing_of_the_buyer_is_left_even_with_the_master_key(sessions: Sessions) -> None:
    raw = a_raw_order()
    intake = Intake(sessions, a_vault(), Timing())
    account = settings().accounts[ACCOUNT]
    channel = Amazon(ACCOUNT, account, now=lambda: NOW)
    [order_id] = intake.store(ACCOUNT, account, channel, [raw], NOW).new
    Corrections(sessions, a_vault(), parse_report, signed()).correct(
        order_id, {"line1": "Lieferweg 9"}
    )
    before = everything(sessions)
    assert [name for name in NAMES if name not in before] == []
    hashes = private(sessions, order_id)[3]
    assert hashes
    copy = private(sessions, order_id)[1]

    with sessions() as session, session.begin():
        order = session.get_one(Order, order_id)
        order.status, order.due_at, order.deliver_by_at = Status.DONE, None, LONG_AGO
    assert purge(sessions) == 1
    after = everything(sessions)
    assert [name for name in (*NAMES, *hashes, "Lieferweg 9") if name in after] == []
    assert private(sessions, order_id) == (None, None, None, [], "")
    assert base64.b64encode(copy).decode() not in after
    assert copy.hex() not in after
    # A copy of the sealed data from elsewhere is of no use: another order's key does not open it.
    with pytest.raises(Unreadable):
        a_vault().open(a_vault().new_key(owner(order)), owner(order), SealedColumn.REPORT, copy)
    assert (
        Buyers(sessions, a_vault(), parse_report).tell([order_id], Action.NAMES_SHOWN, signed())
        == {}
    )


def test_news_of_a_purged_order_bring_no_data_back(sessions: Sessions) -> None:
    raw = a_raw_order(updated_at=LONG_AGO)
    order_id = stored(sessions, ended(external_id=raw["orderId"], remote_updated_at=LONG_AGO))
    purge(sessions)
    account = settings().accounts[ACCOUNT]
    channel = Amazon(ACCOUNT, account, now=lambda: NOW)
    newer = a_raw_order(raw["orderId"], updated_at=NOW, status="SHIPPED")
    Intake(sessions, a_vault(), Timing()).store(ACCOUNT, account, channel, [newer], NOW)
    assert loaded(sessions, order_id).remote_status == "SHIPPED"
    assert private(sessions, order_id) == (None, None, None, [], "")


def test_news_that_arrive_while_it_is_purged_bring_no_data_back_either(sessions: Sessions) -> None:
    order_id = stored(sessions, ended(remote_updated_at=LONG_AGO))
    newer = a_raw_order(loaded(sessions, order_id).external_id, updated_at=NOW)
    account = settings().accounts[ACCOUNT]
    channel = Amazon(ACCOUNT, account, now=lambda: NOW)
    intake = Intake(sessions, a_vault(), Timing())
    reader = threading.Thread(target=intake.store, args=(ACCOUNT, account, channel, [newer], NOW))
    with sessions() as session, session.begin():
        session.get_one(Order, order_id, with_for_update=True)
        reader.start()
        until_somebody_waits(sessions)
        [row] = session.execute(select(*TAKEN)).all()
        destroy(session, [row], NOW, "")
    reader.join()
    assert loaded(sessions, order_id).remote_updated_at == NOW
    assert private(sessions, order_id) == (None, None, None, [], "")


def until_somebody_waits(sessions: Sessions) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while True:
        with sessions() as session:
            if session.scalar(waiting):
                return


def test_a_purged_order_can_still_be_looked_at_and_reopened(sessions: Sessions) -> None:
    order_id = stored(sessions, ended())
    purge(sessions)
    explanation = explain(sessions, settings(), loaded(sessions, order_id))
    assert explanation.facts["buyer's data"] == f"purged on {NOW:%Y-%m-%d}"
    with pytest.raises(NotPossible, match="purged"):
        Corrections(sessions, a_vault(), parse_report, signed()).show(order_id)
    with sessions() as session, session.begin():
        reopen(session, [order_id], NOW)
    orders = Orders(sessions, a_vault(), Timing())
    claim = orders.claim(order_id, STEPS[-1], task_id="t", worker="w", now=NOW)
    assert claim is not None
    assert (claim.order.report.raw, claim.order.report.correction) == (None, None)
    assert orders.record(claim, Done(), now=NOW)


@pytest.mark.parametrize("step", STEPS)
def test_only_the_steps_that_need_no_buyer_are_gone_through_again(
    sessions: Sessions, step: str
) -> None:
    order_id = stored(sessions, ended())
    purge(sessions)
    commands = dict(explain(sessions, settings(), loaded(sessions, order_id)).possible)
    assert any(command.startswith("orderbridge replay") for command in commands)
    if step in ("ship_order", "sync_tracking"):
        replay(sessions, order_id, step, author="anna", now=NOW)
        assert loaded(sessions, order_id).step == step
        return
    with pytest.raises(NoReplay, match="its personal data was purged"):
        replay(sessions, order_id, step, author="anna", now=NOW)
    assert loaded(sessions, order_id).status == Status.DONE


def test_one_that_ended_before_its_shipment_offers_no_replay(sessions: Sessions) -> None:
    order_id = stored(sessions, ended(status=Status.CANCELLED, step="create_order"))
    purge(sessions)
    commands = dict(explain(sessions, settings(), loaded(sessions, order_id)).possible)
    assert not any("replay" in command for command in commands)
