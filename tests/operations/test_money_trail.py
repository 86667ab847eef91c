"""The trail of an order's money: it adds up, or the stage that does not is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline.amazon.transactions import Transaction
from pipeline.base.db import Sessions
from pipeline.finances.order_money import order_money
from pipeline.finances.settlement_file import read_settlement
from pipeline.finances.settlements import store as store_settlement
from pipeline.finances.store import Transactions
from pipeline.operations.lists.money_trail import money_trail, sentences
from pipeline.orders.tables import Order
from tests.console.builders import NOW, an_order, store
from tests.console.test_made_at_amazon import compare
from tests.finances.settlement_files import ENDS, Line, a_file, a_transaction, sales


def trail(
    sessions: Sessions,
    invoiced: str | None,
    off_by: str = "0",
    *,
    more: Callable[[str], Sequence[Transaction]] = lambda _: (),
    made: bool | None = None,
) -> list[str]:
    """The sentences of an order of 14.36, with this invoice in Magento."""
    (order_id,) = store(sessions, an_order(1))
    with sessions() as session, session.begin():
        order = session.get_one(Order, order_id)
        order.grand_total, order.currency = Decimal("14.36"), "EUR"
        order.magento_invoiced = None if invoiced is None else Decimal(invoiced)
        order.magento_refunded = None
        number, account = order.external_id, order.account
    lines = [replace(line, order=number) for line in sales(1)]
    file = read_settlement(
        a_file([replace(lines[0], amount=lines[0].amount + Decimal(off_by)), *lines[1:]])
    )
    store_settlement(sessions, account, "R1", file, NOW)
    transactions = [a_transaction(number, lines), *more(number)]
    Transactions(sessions).store(account, transactions, NOW)
    if made is not None:
        compare(sessions, order_id, needs_person=made)
    money = order_money(transactions)
    with sessions() as session:
        stages = money_trail(session, session.get_one(Order, order_id), money)
    return sentences(stages, money, "EUR")


def a_refund(number: str, **changes: Any) -> Transaction:
    """A refund of 5.00, which no settlement that is read can have."""
    line = Line(Decimal("-5.00"), number)
    shape = {"transaction_id": "R", "posted_at": ENDS + timedelta(hours=1), **changes}
    return replace(a_transaction(number, [line], **shape), kind="Refund")


def test_it_adds_up(sessions: Sessions) -> None:
    assert trail(sessions, "14.36")[-1] == "it adds up"


def test_a_side_that_says_nothing_yet_is_no_difference(sessions: Sessions) -> None:
    told = trail(sessions, None)
    assert "invoiced: Magento nothing yet, order 14.36" in told
    assert told[-1] == "it adds up"


def test_the_stage_that_differs_is_named(sessions: Sessions) -> None:
    assert trail(sessions, "14.00", "0.01")[-2:] == [
        "does not add up: invoiced differs by -0.36",
        "does not add up: paid out differs by 0.01",
    ]


def test_a_refund_that_is_noted_and_not_settled_yet_is_no_mistake(sessions: Sessions) -> None:
    told = trail(sessions, "14.36", more=lambda number: [a_refund(number)], made=False)
    assert told[-3:] == [
        "refunded: -5.00 of difference is as it should be: "
        "it was made at Amazon, and needs no person",
        "paid out: 5.00 of difference is as it should be: the rest comes with a later settlement",
        "it adds up so far",
    ]


def test_a_refund_that_needs_a_person_does_not_add_up(sessions: Sessions) -> None:
    told = trail(sessions, "14.36", more=lambda number: [a_refund(number)], made=True)
    assert "does not add up: refunded differs by -5.00" in told


@pytest.mark.parametrize(
    ("changes", "is_open"),
    [
        ({"posted_at": ENDS - timedelta(hours=1)}, False),
        ({"posted_at": ENDS - timedelta(hours=1), "status": "DEFERRED"}, True),
        ({"posted_at": ENDS - timedelta(hours=1), "SETTLEMENT_ID": "of the next"}, True),
    ],
)
def test_only_what_no_settlement_here_can_have_is_still_to_come(
    sessions: Sessions, changes: dict[str, Any], is_open: bool
) -> None:
    told = trail(sessions, "14.36", more=lambda number: [a_refund(number, **changes)], made=False)
    assert ("does not add up: paid out differs by 5.00" in told) is not is_open


def test_money_released_twice_after_the_settlement_is_to_come_once(sessions: Sessions) -> None:
    def more(number: str) -> list[Transaction]:
        held = a_refund(number, posted_at=ENDS - timedelta(hours=1), status="DEFERRED")
        copies = [
            replace(
                held,
                transaction_id=name,
                status="RELEASED",
                posted_at=ENDS + timedelta(days=day),
                identifiers={**held.identifiers, "DEFERRED_TRANSACTION_ID": "R"},
            )
            for day, name in ((1, "C1"), (2, "C2"))
        ]
        return [held, *copies]

    told = trail(sessions, "14.36", more=more, made=False)
    assert "paid out: settlements 12.80, transactions 7.80" in told
    assert told[-1] == "it adds up so far"
