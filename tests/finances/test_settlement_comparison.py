"""Settlements compared with the transactions of their orders, to the cent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, func, select

from pipeline.amazon.transactions import Transaction
from pipeline.base.db import Sessions
from pipeline.finances.settlement_comparison import LATE_FOR, Why, compare
from pipeline.finances.settlement_file import read_settlement
from pipeline.finances.settlement_lines import LineDifference
from pipeline.finances.settlement_tables import Settlement, SettlementRow
from pipeline.finances.settlements import known_reports, store
from pipeline.finances.store import Transactions
from pipeline.operations.lists.settlement_differences import DifferingOrder, differing_orders
from tests.builders import ACCOUNT, NOW
from tests.finances.settlement_files import (
    ENDS,
    EUROPEAN,
    ID,
    STARTS,
    WITHOUT_ORDER,
    Line,
    a_file,
    a_transaction,
    an_order_number,
    sales,
    transactions_of,
)

CENT = Decimal("0.01")


def read(
    sessions: Sessions, lines: Sequence[Line], *, account: str = ACCOUNT, report: str = "R1"
) -> Settlement:
    """The settlement with these rows, stored."""
    file = read_settlement(a_file(lines, EUROPEAN))
    stored_id = store(sessions, account, report, file, NOW)
    return stored(sessions, stored_id)


def stored(sessions: Sessions, settlement_id: int) -> Settlement:
    """The settlement as it is now."""
    with sessions() as session:
        return session.get_one(Settlement, settlement_id)


def add(sessions: Sessions, *transactions: Transaction, account: str = ACCOUNT) -> None:
    """Store these transactions."""
    Transactions(sessions).store(account, transactions, NOW)


def compared(sessions: Sessions, settlement: Settlement) -> Settlement:
    """The settlement after a comparison."""
    compare(sessions, settlement.account, NOW)
    return stored(sessions, settlement.id)


def differing(sessions: Sessions, settlement: Settlement) -> list[DifferingOrder]:
    """The orders of the settlement that differ."""
    with sessions() as session:
        return differing_orders(session, settlement, 1000)


@contextmanager
def counted(sessions: Sessions) -> Iterator[list[str]]:
    """The statements of this block."""
    with sessions() as session:
        engine = session.get_bind()
    seen: list[str] = []

    def note(*args: object) -> None:
        seen.append(str(args[2]))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("named", [True, False], ids=["named", "by period"])
def test_200_orders_come_to_nothing_to_the_cent(sessions: Sessions, named: bool) -> None:
    lines = sales(200)
    settlement = read(sessions, [*lines, *WITHOUT_ORDER])
    add(sessions, *transactions_of(lines, named=named))
    found = compared(sessions, settlement)
    assert found.file_difference == 0
    assert found.lines == len(lines) + 2
    assert (found.orders, found.unread_orders, found.differing_orders) == (200, 0, 0)
    assert found.orders_difference == 0
    assert found.compared_at == NOW
    assert differing(sessions, found) == []
    with sessions() as session:
        kept = session.scalar(select(func.count()).select_from(SettlementRow))
    assert kept == len(lines) + 2


def test_statements_do_not_grow_with_the_orders(sessions: Sessions) -> None:
    few, many = sales(3), sales(300)
    for index, lines in enumerate((few, many)):
        settlement = read(sessions, lines, account=f"a{index}")
        add(sessions, *transactions_of(lines), account=f"a{index}")
        with counted(sessions) as statements:
            compare(sessions, settlement.account, NOW)
        assert len(statements) == 3


def test_a_cent_is_named_with_both_sides(sessions: Sessions) -> None:
    lines = sales(20)
    wrong = replace(lines[7], amount=lines[7].amount + CENT)
    settlement = read(sessions, [*lines[:7], wrong, *lines[8:]])
    add(sessions, *transactions_of(lines))
    found = compared(sessions, settlement)
    assert (found.orders, found.differing_orders, found.orders_difference) == (20, 1, CENT)
    (one,) = differing(sessions, found)
    assert one.external_id == lines[7].order
    assert (one.difference, one.why) == (CENT, Why.AMOUNT)
    assert one.lines == [
        LineDifference(
            *("Order", "ShippingPrincipal", "MUG-BLUE"),
            *(Decimal("4.00"), Decimal("3.99"), (2 + 7 + 1,)),
        )
    ]


def test_a_release_copy_is_never_added_and_carries_its_original_here(sessions: Sessions) -> None:
    lines, order = sales(1), an_order_number(1)
    settlement = read(sessions, lines)
    earlier = STARTS - timedelta(days=9)
    original = a_transaction(order, lines, status="DEFERRED_RELEASED", posted_at=earlier)
    add(sessions, original)
    assert [one.why for one in differing(sessions, settlement)] == [Why.ELSEWHERE]
    copy = a_transaction(
        order, lines, named=True, transaction_id="copy", DEFERRED_TRANSACTION_ID=f"T-{order}"
    )
    add(sessions, copy)
    assert differing(sessions, settlement) == []


@pytest.mark.parametrize("named", [True, False], ids=["named", "by period"])
def test_two_copies_of_a_transaction_are_its_money_once(sessions: Sessions, named: bool) -> None:
    lines, order = sales(1), an_order_number(1)
    deferred = a_transaction(order, lines, status="DEFERRED_RELEASED", posted_at=STARTS)
    copies = [
        a_transaction(
            *(order, lines),
            named=named,
            transaction_id=name,
            posted_at=STARTS + timedelta(days=day),
            DEFERRED_TRANSACTION_ID=f"T-{order}",
        )
        for name, day in (("copy 1", 8), ("copy 2", 9))
    ]
    # The other account has the same numbers, and one copy.
    for account, shown in ((ACCOUNT, copies), ("us", copies[:1])):
        settlement = read(sessions, lines, account=account)
        add(sessions, deferred, *shown, account=account)
        found = compared(sessions, settlement)
        assert (found.orders, found.differing_orders) == (1, 0)
        assert found.orders_difference == 0
        assert differing(sessions, found) == []


def test_the_newest_copy_says_where_the_money_belongs(sessions: Sessions) -> None:
    lines, order = sales(1), an_order_number(1)
    settlement = read(sessions, lines)
    released = f"T-{order}"
    add(
        sessions,
        a_transaction(order, lines, status="DEFERRED", posted_at=STARTS - timedelta(days=3)),
        a_transaction(
            *(order, lines),
            transaction_id="a later one, read first",
            posted_at=STARTS + timedelta(days=2),
            DEFERRED_TRANSACTION_ID=released,
        ),
        a_transaction(
            *(order, lines),
            transaction_id="an earlier one",
            posted_at=STARTS - timedelta(days=1),
            DEFERRED_TRANSACTION_ID=released,
        ),
    )
    assert differing(sessions, settlement) == []


def test_says_why_orders_may_differ(sessions: Sessions) -> None:
    lines = sales(4)
    settlement = read(sessions, [line for line in lines if line.order != an_order_number(4)])
    deferred, elsewhere, _, not_settled = transactions_of(lines)
    deferred = replace(deferred, status="DEFERRED")
    elsewhere = replace(elsewhere, posted_at=ENDS + timedelta(hours=1))
    add(sessions, deferred, elsewhere, not_settled)
    assert {one.external_id: one.why for one in differing(sessions, settlement)} == {
        an_order_number(1): Why.DEFERRED,
        an_order_number(2): Why.ELSEWHERE,
        an_order_number(3): Why.NOT_READ,
        an_order_number(4): Why.NOT_SETTLED,
    }
    found = compared(sessions, settlement)
    assert (found.orders, found.unread_orders, found.differing_orders) == (4, 1, 3)
    # It comes late, and the next comparison has it.
    add(sessions, *transactions_of([line for line in lines if line.order == an_order_number(3)]))
    assert compared(sessions, settlement).unread_orders == 0


def test_a_transaction_of_another_settlement_or_account_does_not_count(sessions: Sessions) -> None:
    lines = sales(2)
    mine, others = read(sessions, lines), read(sessions, lines, account="us")
    add(sessions, *transactions_of(lines), account="us")
    assert compared(sessions, others).differing_orders == 0
    assert compared(sessions, mine).unread_orders == 2
    of_first = [line for line in lines if line.order == an_order_number(1)]
    add(sessions, a_transaction(an_order_number(1), of_first, SETTLEMENT_ID="another"))
    assert [one.why for one in differing(sessions, mine)] == [Why.ELSEWHERE, Why.NOT_READ]


def test_a_settlement_is_stored_once_and_replaced_only_when_it_is_wrong(sessions: Sessions) -> None:
    right = sales(3)
    wrong = read_settlement(a_file(right, total=Decimal("1.00")))
    first = store(sessions, ACCOUNT, "R1", wrong, NOW)
    assert stored(sessions, first).file_difference != 0
    second = read(sessions, right, report="R2")
    assert second.id == first
    assert second.file_difference == 0
    read(sessions, [*right, Line(Decimal(5))], report="R3")
    assert stored(sessions, first).lines == len(right)
    assert known_reports(sessions, ACCOUNT) == {"R1", "R2", "R3"}
    assert known_reports(sessions, "us") == set()
    assert second.settlement_id == ID


@pytest.mark.parametrize(("after", "counts"), [(LATE_FOR, 1), (LATE_FOR - timedelta(hours=1), 0)])
def test_a_refund_that_amazon_may_still_show_is_no_difference_yet(
    sessions: Sessions, after: timedelta, counts: int
) -> None:
    refund = Line(Decimal("-5.00"), an_order_number(1), transaction_type="Refund")
    settlement = read(sessions, [*sales(1), refund])
    add(sessions, *transactions_of(sales(1)))
    with sessions() as session:
        newest = session.scalar(select(func.max(SettlementRow.posted_at)))
    assert newest is not None
    compare(sessions, settlement.account, newest + after)
    found = stored(sessions, settlement.id)
    assert (found.unread_orders, found.differing_orders) == (1 - counts, counts)
    assert [one.why for one in differing(sessions, found)] == [Why.AMOUNT if counts else Why.LATE]
