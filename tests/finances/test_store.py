"""Transactions are stored once, however often and in whichever order they come."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, update

from pipeline.amazon.transactions import Leaf, Transaction, TransactionItem
from pipeline.base.db import Sessions
from pipeline.finances.store import Transactions, transactions_of
from pipeline.finances.tables import TransactionRow
from tests.builders import NOW, an_order, stored

MUG = TransactionItem("MUG", 1, Decimal("10.00"), (Leaf("Tax", "OurPriceTax", Decimal("10.00")),))


def a_sale(transaction_id: str, external_id: str = "", **others: object) -> Transaction:
    facts: dict[str, object] = {
        "kind": "Shipment",
        "status": "DEFERRED",
        "posted_at": NOW,
        "currency": "EUR",
        "total": Decimal("10.00"),
        "marketplace_id": "A1PA6795UKMFR9",
        "identifiers": {"ORDER_ID": external_id} if external_id else {},
        "items": (MUG,),
        "leaves": (),
    }
    return Transaction(transaction_id, **{**facts, **others})  # type: ignore[arg-type]


def test_the_same_transaction_twice_is_one_and_a_change_is_told(sessions: Sessions) -> None:
    store, order = Transactions(sessions), an_order()
    number = order.external_id
    order_id = stored(sessions, order)
    assert store.store("eu", [a_sale("t1", number)], NOW) == 1
    assert store.store("eu", [a_sale("t1", number)], NOW + timedelta(hours=1)) == 0
    released = a_sale("t1", number, status="DEFERRED_RELEASED")
    assert store.store("eu", [released], NOW + timedelta(hours=2)) == 1
    with sessions() as session:
        assert transactions_of(session, [order_id]) == {order_id: [released]}


def test_two_accounts_may_have_the_same_transaction_id(sessions: Sessions) -> None:
    store = Transactions(sessions)
    assert store.store("eu", [a_sale("t1")], NOW) == 1
    assert store.store("us", [a_sale("t1")], NOW) == 1


def test_a_transaction_that_comes_before_its_order_is_matched_later(sessions: Sessions) -> None:
    store, order = Transactions(sessions), an_order()
    number = order.external_id
    store.store("eu", [a_sale("t1", number)], NOW)
    store.store("us", [a_sale("t1", number)], NOW)
    order_id = stored(sessions, order)
    assert store.match("eu", NOW) == 1
    assert store.match("us", NOW) == 0
    with sessions() as session:
        assert [one.transaction_id for one in transactions_of(session, [order_id])[order_id]] == [
            "t1"
        ]


@pytest.mark.parametrize(
    ("items", "leaves"),
    [
        ([["MUG", 1, "10.00", [["Tax", "OurPriceTax", "10.00"]]]], [["Tax", "Whole", "10.00"]]),
        (
            [["MUG", 1, "10.00", [["Tax", "OurPriceTax", "10.00", "0", "more"]], "", {"new": 1}]],
            [["Tax", "Whole", "10.00", "0", "more", None]],
        ),
    ],
    ids=["fewer fields", "more fields"],
)
def test_a_row_of_another_release_is_read(
    sessions: Sessions, items: list[object], leaves: list[object]
) -> None:
    order = an_order()
    number, order_id = order.external_id, stored(sessions, order)
    Transactions(sessions).store("eu", [a_sale("t1", number), a_sale("t2", number)], NOW)
    with sessions() as session, session.begin():
        other = update(TransactionRow).where(TransactionRow.transaction_id == "t1")
        session.execute(other.values(items=items, leaves=leaves))
    whole = (Leaf("Tax", "Whole", Decimal("10.00")),)
    with sessions() as session:
        assert transactions_of(session, [order_id]) == {
            order_id: [a_sale("t1", number, leaves=whole), a_sale("t2", number)]
        }


@pytest.mark.parametrize("count", [1, 300])
def test_storing_takes_two_statements_however_many_there_are(
    sessions: Sessions, count: int
) -> None:
    sent: list[str] = []
    sales = [a_sale(f"t{n}", f"302-0000000-{n:07}") for n in range(count)]

    def note(_: object, __: object, statement: str, *___: object) -> None:
        sent.append(statement)

    with sessions() as session:
        engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    assert Transactions(sessions).store("eu", sales, NOW) == count
    event.remove(engine, "before_cursor_execute", note)
    assert len(sent) == 2
