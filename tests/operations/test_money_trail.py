"""The trail of an order's money: it adds up, or the stage that does not is named."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from pipeline.base.db import Sessions
from pipeline.finances.order_money import order_money
from pipeline.finances.settlement_file import read_settlement
from pipeline.finances.settlements import store as store_settlement
from pipeline.operations.lists.money_trail import money_trail, sentences
from pipeline.orders.tables import Order
from tests.console.builders import NOW, an_order, store
from tests.finances.settlement_files import a_file, a_transaction, sales


def trail(sessions: Sessions, invoiced: str | None, off_by: str = "0") -> list[str]:
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
    money = order_money([a_transaction(number, lines)])
    with sessions() as session:
        return sentences(
            money_trail(session, session.get_one(Order, order_id), money), money, "EUR"
        )


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
