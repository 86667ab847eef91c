"""The money of single orders, read from Amazon's stand-in when it is asked for or overdue."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from pipeline.base.quota import Lane
from pipeline.finances.money_reads import LATE, LONGEST, SHORTEST, MoneyReads
from pipeline.finances.order_money import OrderMoney, order_money
from pipeline.finances.store import Transactions, as_transaction
from pipeline.finances.tables import MoneyRead
from pipeline.intake.tables import Watermark
from tasks.jobs.order_money import MOST, read_order_money
from tests.builders import ACCOUNT
from tests.finances.test_store import a_sale
from tests.tasks.jobs.test_reconcile import World
from tests.tasks.jobs.test_reconcile import world as world
from tests.tasks.jobs.test_transactions import DAY, FIRST, HOUR, SECOND, read, sell, stored

OTHER = "na"
MATURES = timedelta(days=7)
"""After so long the stand-in releases deferred money."""


def work(world: World) -> None:
    read_order_money(world.parts, ACCOUNT)


def asked(world: World, number: str, account: str = ACCOUNT) -> MoneyRead | None:
    with world.parts.sessions() as session:
        return session.get(MoneyRead, (account, number))


def calls(world: World) -> int:
    return sum(world.calls()[0].get("list_transactions", {}).values())


def ask(world: World, *numbers: str, lane: Lane = Lane.NEW, account: str = ACCOUNT) -> None:
    MoneyReads(world.parts.sessions).ask(account, numbers, world.clock.at, lane)


def ours(world: World) -> OrderMoney:
    rows = [one for one in stored(world) if (one.account, one.external_id) == (ACCOUNT, FIRST)]
    [sums] = order_money([as_transaction(row) for row in rows])
    return sums


def test_a_release_that_the_search_missed_is_read_with_the_order(world: World) -> None:
    world.tell("amazon", "finances", defer="DD7")
    sell(world, FIRST)
    read(world)
    [deferred] = stored(world)
    elsewhere = a_sale(deferred.transaction_id, FIRST, matures_at=deferred.matures_at)
    Transactions(world.parts.sessions).store(OTHER, [elsewhere], world.clock.at)
    world.clock.on(MATURES + LATE + HOUR)
    with world.parts.sessions() as session, session.begin():
        session.execute(update(Watermark).values(position=world.clock.at - timedelta(minutes=9)))
    read(world)
    assert ours(world).is_expected
    before = calls(world)
    work(world)
    work(world)
    assert calls(world) == before + 1
    assert not ours(world).is_expected
    assert [row.status for row in stored(world) if row.account == OTHER] == ["DEFERRED"]
    world.clock.on(2 * DAY)
    work(world)
    read(world)
    assert asked(world, FIRST) is None
    assert asked(world, FIRST, OTHER) is None


def test_money_that_stays_held_back_is_read_ever_more_seldom(world: World) -> None:
    matured_at = world.clock.at
    for account in (ACCOUNT, OTHER):
        sale = a_sale("t1", FIRST, matures_at=matured_at, posted_at=matured_at - MATURES)
        Transactions(world.parts.sessions).store(account, [sale], world.clock.at)
    reads, pauses = MoneyReads(world.parts.sessions), list[timedelta]()
    world.clock.on(LATE)
    reads.ask_overdue(ACCOUNT, world.clock.at, 9)
    while found := reads.due(ACCOUNT, world.clock.at, 9):
        reads.done(found[0], world.clock.at)
        row = asked(world, FIRST)
        assert row is not None
        if row.due_at is None:
            break
        pauses.append(row.due_at - world.clock.at)
        world.clock.on(pauses[-1])
        assert reads.ask_overdue(ACCOUNT, world.clock.at, 9) == 0
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (SHORTEST, LONGEST)
    assert 20 < len(pauses) < 40


def test_what_the_search_may_still_find_is_not_read_singly(world: World) -> None:
    world.tell("amazon", "finances", defer="DD7")
    sell(world, FIRST)
    read(world)
    world.clock.on(MATURES + LATE - DAY)
    read(world)
    assert asked(world, FIRST) is None


def test_a_run_lists_and_reads_a_bounded_number(world: World) -> None:
    numbers = [f"302-0000000-{one:07}" for one in range(MOST + 5)]
    sales = [
        a_sale(number, number, matures_at=world.clock.at - LATE - HOUR, posted_at=world.clock.at)
        for number in numbers
    ]
    Transactions(world.parts.sessions).store(ACCOUNT, sales, world.clock.at)
    reads = MoneyReads(world.parts.sessions)
    assert reads.ask_overdue(ACCOUNT, world.clock.at, 12) == 12
    assert reads.ask_overdue(ACCOUNT, world.clock.at, 12) == 3
    assert reads.ask_overdue(ACCOUNT, world.clock.at, 12) == 0
    ask(world, numbers[-1])
    assert reads.due(ACCOUNT, world.clock.at, 1)[0].external_id == numbers[-1]
    assert len(reads.due(ACCOUNT, world.clock.at, MOST)) == MOST


@pytest.mark.parametrize("days", [-1, 200])
def test_money_not_yet_mature_or_held_back_for_ever_is_not_listed(world: World, days: int) -> None:
    sale = a_sale("t1", FIRST, matures_at=world.clock.at - LATE - days * DAY)
    Transactions(world.parts.sessions).store(ACCOUNT, [sale], world.clock.at)
    assert MoneyReads(world.parts.sessions).ask_overdue(ACCOUNT, world.clock.at, 9) == 0


@pytest.mark.parametrize(("days", "listed"), [(33, 1), (31, 0)])
def test_money_without_a_maturity_counts_as_mature_after_a_month(
    world: World, days: int, listed: int
) -> None:
    sale = a_sale("t1", FIRST, posted_at=world.clock.at - days * DAY)
    Transactions(world.parts.sessions).store(ACCOUNT, [sale], world.clock.at)
    assert MoneyReads(world.parts.sessions).ask_overdue(ACCOUNT, world.clock.at, 9) == listed


def test_an_order_that_is_asked_for_often_is_read_once(world: World) -> None:
    sell(world, FIRST)
    for _ in range(3):
        ask(world, FIRST)
    ask(world, FIRST, account=OTHER)
    work(world)
    work(world)
    assert calls(world) == 1
    assert [row.external_id for row in stored(world)] == [FIRST]
    row = asked(world, FIRST)
    assert row is not None
    assert (row.due_at, row.read_at, row.trouble) == (None, world.clock.at, "")
    assert asked(world, FIRST, OTHER).due_at is not None  # type: ignore[union-attr]


def test_an_order_that_is_asked_for_during_its_read_stays_due(world: World) -> None:
    ask(world, FIRST)
    reads = MoneyReads(world.parts.sessions)
    [wanted] = reads.due(ACCOUNT, world.clock.at, 9)
    world.clock.on(timedelta(seconds=1))
    ask(world, FIRST)
    reads.done(wanted, world.clock.at)
    reads.failed(wanted, "late", None)
    assert [one.external_id for one in reads.due(ACCOUNT, world.clock.at, 9)] == [FIRST]


def test_a_refusal_ends_one_order_and_an_outage_is_tried_again(world: World) -> None:
    sell(world, FIRST, SECOND)
    ask(world, FIRST, SECOND)
    world.tell(
        "amazon", "faults", route="list_transactions", kind="status", status=400, times=1, body={}
    )
    work(world)
    refused = asked(world, FIRST)
    assert refused is not None
    assert (refused.due_at, refused.read_at, bool(refused.trouble)) == (None, None, True)
    assert [row.external_id for row in stored(world)] == [SECOND]
    ask(world, FIRST)
    world.tell("amazon", "finances", is_forbidden=True)
    work(world)
    later = asked(world, FIRST)
    assert later is not None
    assert later.due_at is not None
    assert (later.due_at > world.clock.at, later.tries) == (True, 1)
    world.tell("amazon", "finances", is_forbidden=False)
    world.clock.on(DAY)
    work(world)
    assert {row.external_id for row in stored(world)} == {FIRST, SECOND}


def test_nothing_is_read_while_another_run_reads(world: World) -> None:
    ask(world, FIRST)
    with world.parts.leases.hold(f"order_money:{ACCOUNT}", "another run") as ours:
        assert ours
        work(world)
    assert calls(world) == 0
    with world.parts.sessions() as session:
        assert session.scalars(select(MoneyRead.read_at)).all() == [None]
