"""Amazon's transactions from its stand-in over HTTP into the database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from pipeline.base.money import ZERO
from pipeline.finances.order_money import OrderMoney, order_money
from pipeline.finances.store import as_transaction, transactions_of
from pipeline.finances.tables import TransactionRow
from pipeline.intake.tables import Watermark
from pipeline.orders.tables import Order
from sandbox.amazon.builders import a_line
from sandbox.amazon.builders import an_order as amazons_order
from tasks.jobs.transactions import OVERLAP, YOUNGEST, watch_transactions
from tests.builders import ACCOUNT
from tests.tasks.jobs.test_reconcile import World
from tests.tasks.jobs.test_reconcile import world as world

FIRST, SECOND = "302-5550001-5550001", "302-5550002-5550002"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def sell(world: World, *numbers: str) -> None:
    """Orders that Amazon delivers itself, and has shipped: their money is in the books."""
    for number in numbers:
        order = amazons_order(
            number,
            lines=[a_line("MUG-BLUE")],
            created_at=world.clock.at,
            fulfilled_by="AMAZON",
            status="SHIPPED",
        )
        world.tell("amazon", "orders", order=order)
    world.clock.on(timedelta(minutes=10))


def read(world: World) -> None:
    watch_transactions(world.parts, ACCOUNT)


def stored(world: World) -> list[TransactionRow]:
    with world.parts.sessions() as session:
        return list(session.scalars(select(TransactionRow).order_by(TransactionRow.id)))


def money(world: World, number: str) -> OrderMoney:
    rows = [row for row in stored(world) if row.external_id == number]
    [sums] = order_money([as_transaction(row) for row in rows])
    return sums


def position(world: World) -> Watermark:
    with world.parts.sessions() as session:
        return session.get_one(Watermark, f"finances:{ACCOUNT}")


def told(world: World) -> list[str]:
    return [incident.key for incident in world.parts.incidents.all_open(ACCOUNT)]


def test_a_sale_and_its_refund_are_read_once_however_often_the_job_runs(world: World) -> None:
    sell(world, FIRST)
    read(world)
    before = money(world, FIRST)
    assert (before.refunds, before.other, before.is_expected) == (ZERO, ZERO, False)
    assert before.fees < 0 < before.charges
    world.tell("amazon", "refunds", order_id=FIRST)
    world.clock.on(HOUR)
    read(world)
    read(world)
    after = money(world, FIRST)
    assert after.refunds == -before.paid_by_buyer
    assert len(stored(world)) == 2


def test_what_amazon_shows_late_is_found_by_the_overlap(world: World) -> None:
    world.tell("amazon", "finances", delay_s=47 * 3600)
    sell(world, FIRST)
    read(world)
    assert stored(world) == []
    world.clock.on(2 * DAY)
    read(world)
    assert [row.external_id for row in stored(world)] == [FIRST]
    assert position(world).position == world.clock.at - YOUNGEST - OVERLAP


def test_a_clock_that_is_minutes_ahead_of_amazons_is_not_refused(world: World) -> None:
    world.tell("amazon", "clock", offset_s=-240)
    sell(world, FIRST)
    read(world)
    assert position(world).trouble is None
    assert [row.external_id for row in stored(world)] == [FIRST]


def test_a_release_copy_is_stored_and_never_counted(world: World) -> None:
    world.tell("amazon", "finances", defer="DD7")
    sell(world, FIRST)
    read(world)
    held_back = money(world, FIRST)
    assert held_back.is_expected
    world.clock.on(6 * DAY)  # Longer than the overlap: Amazon does not list the original again.
    world.tell("amazon", "finances/release", order_id=FIRST)
    world.clock.on(HOUR)
    read(world)
    original, copy = stored(world)
    assert (original.status, original.is_counted) == ("DEFERRED_RELEASED", True)
    assert (copy.copy_of, copy.is_counted) == (original.transaction_id, False)
    assert money(world, FIRST).net == held_back.net
    assert not money(world, FIRST).is_expected


def test_pages_and_empty_pages_with_a_token_are_read_to_the_end(world: World) -> None:
    world.tell("amazon", "finances", page_size=1, empty_pages=2)
    sell(world, FIRST, SECOND)
    read(world)
    assert [row.external_id for row in stored(world)] == [FIRST, SECOND]
    assert position(world).page_token is None


def test_words_in_another_case_and_null_parts_change_nothing(world: World) -> None:
    world.tell("amazon", "finances", nulls=True, statuses="title", new_fee="0.10")
    sell(world, FIRST)
    read(world)
    sums = money(world, FIRST)
    assert [row.status for row in stored(world)] == ["RELEASED"]
    assert sums.other or sums.fees


def test_money_of_no_order_is_kept_without_one(world: World) -> None:
    world.tell("amazon", "finances/transactions", amount="-39.00")
    world.clock.on(HOUR)
    read(world)
    [row] = stored(world)
    assert (row.external_id, row.order_id, row.total) == (None, None, Decimal("-39.00"))


def test_a_missing_role_is_told_after_an_hour_and_over_with_the_role(world: World) -> None:
    read(world)
    world.tell("amazon", "finances", is_forbidden=True)
    sell(world, FIRST)
    read(world)
    assert f"finances:{ACCOUNT}" not in told(world)
    world.clock.on(2 * HOUR)
    read(world)
    assert f"finances:{ACCOUNT}" in told(world)
    world.tell("amazon", "finances", is_forbidden=False)
    world.clock.on(HOUR)
    read(world)
    assert f"finances:{ACCOUNT}" not in told(world)
    assert len(stored(world)) == 1


def test_an_order_that_comes_after_its_money_gets_it(world: World) -> None:
    sell(world, FIRST)
    read(world)
    assert [row.order_id for row in stored(world)] == [None]
    world.poll()
    read(world)
    with world.parts.sessions() as session:
        order_id = session.scalars(select(Order.id).where(Order.external_id == FIRST)).one()
        assert len(transactions_of(session, [order_id])[order_id]) == 1


def test_a_search_of_many_pages_ends_while_the_clock_goes_on(world: World) -> None:
    world.tell("amazon", "finances", page_size=1, defer="DD7")
    sell(world, FIRST, SECOND, "302-5550003-5550003")
    world.tell("amazon", "finances/release")
    world.clock.on(HOUR)

    def ticking() -> datetime:
        world.clock.on(timedelta(seconds=1))
        return world.clock.at

    clients = replace(world.parts.clients, now=ticking)
    watch_transactions(replace(world.parts, clients=clients), ACCOUNT)
    assert world.calls()[0]["list_transactions"] == {"200": 6}
    assert {row.status for row in stored(world) if row.is_counted} == {"DEFERRED_RELEASED"}


def test_transactions_that_cannot_be_read_for_hours_are_told(world: World) -> None:
    sell(world, FIRST)
    read(world)
    world.clock.on(7 * HOUR)
    world.tell(
        "amazon", "faults", route="list_transactions", kind="status", status=400, times=100, body={}
    )
    read(world)
    assert f"finances:{ACCOUNT}" in told(world)
    world.tell("amazon", "faults", "DELETE")
    read(world)
    assert told(world) == []
