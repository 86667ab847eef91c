"""Fees and unknown names of the last 30 days, over two accounts with the same transaction ids."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from pipeline.amazon.transactions import Leaf, Transaction, TransactionItem
from pipeline.base.db import Sessions
from pipeline.finances.order_money import UNREADABLE_NAME
from pipeline.finances.recent_sums import FeeSum, UnknownSum, fee_sums, unknown_sums
from pipeline.finances.store import Transactions
from tests.builders import NOW
from tests.finances.test_store import a_sale

DAY = timedelta(days=1)
BOTH = ("eu", "us")


def of(*leaves: tuple[str, str, str], kind: str = "Shipment", **others: object) -> Transaction:
    """A transaction of order 302-1-1 with these amounts: group, name and amount."""
    made = tuple(Leaf(group, name, Decimal(amount)) for group, name, amount in leaves)
    total = sum((leaf.amount for leaf in made), Decimal(0))
    facts = {"number": "302-5550001-5550001", "posted_at": NOW - DAY, **others}
    number, transaction_id = str(facts.pop("number")), str(facts.pop("transaction_id", "t1"))
    item = TransactionItem("MUG", 1, total, made)
    return a_sale(transaction_id, number, kind=kind, total=total, items=(item,), **facts)


SALE = (
    ("ProductCharges", "OurPricePrincipal", "90.00"),
    ("Tax", "OurPriceTax", "17.10"),
    ("Shipping", "ShippingPrincipal", "10.00"),
    ("PromoRebates", "OurPriceDiscount", "-5.00"),
    ("AmazonFees", "Commission", "-15.00"),
)
REFUND = (
    ("ProductCharges", "OurPricePrincipal", "-90.00"),
    ("AmazonFees", "Commission", "12.00"),
    ("AmazonFees", "RefundCommission", "-3.00"),
)


def store(sessions: Sessions, *transactions: Transaction, account: str = "eu") -> None:
    Transactions(sessions).store(account, transactions, NOW)


def fees(sessions: Sessions, *accounts: str) -> list[FeeSum]:
    with sessions() as session:
        return fee_sums(session, accounts, NOW)


def unknown(sessions: Sessions, *accounts: str) -> list[UnknownSum]:
    with sessions() as session:
        return unknown_sums(session, accounts, NOW)


def test_fees_of_sales_and_refunds_by_the_charges_of_sales(sessions: Sessions) -> None:
    store(
        sessions,
        of(*SALE),
        of(*REFUND, kind="Refund", transaction_id="t2"),
        of(*SALE, transaction_id="copy", identifiers={"DEFERRED_TRANSACTION_ID": "t1"}),
        of(*SALE, transaction_id="old", posted_at=NOW - 31 * DAY),
        of(("AmazonFees", "FBAStorageFee", "-7.00"), transaction_id="t3", number=""),
        of(*SALE, transaction_id="t4", currency="SEK", status="RELEASED"),
    )
    store(sessions, of(("AmazonFees", "Commission", "-9.00")), account="us")
    assert fees(sessions, "eu") == [
        FeeSum("eu", "EUR", Decimal(100), Decimal(6)),
        FeeSum("eu", "SEK", Decimal(100), Decimal(15)),
    ]
    assert [one.percent for one in fees(sessions, *BOTH)] == [
        *(Decimal("6.0"), Decimal("15.0")),
        None,
    ]
    assert fees(sessions, "nobody") == []


def test_a_transaction_that_changes_counts_as_it_is_now(sessions: Sessions) -> None:
    store(sessions, of(*SALE))
    store(sessions, of(*SALE[:-1], ("AmazonFees", "Commission", "-20.00")))
    assert [one.fees for one in fees(sessions, "eu")] == [Decimal(20)]


def test_unknown_names_are_counted_and_summed_by_account_and_currency(sessions: Sessions) -> None:
    odd = ("Surprises", "NewLevy", "-1.10")
    store(
        sessions,
        of(*SALE, odd, odd),
        of(*REFUND, ("", "GoodwillPrincipal", "-2.00"), kind="Refund", transaction_id="t2"),
        of(odd, transaction_id="old", posted_at=NOW - 31 * DAY),
        of(odd, transaction_id="t3", number=""),
        of(odd, transaction_id="t4", currency="SEK"),
    )
    store(sessions, of(*SALE, odd), account="us")
    assert unknown(sessions, *BOTH) == [
        UnknownSum("eu", "EUR", "NewLevy", 2, Decimal("-2.20")),
        UnknownSum("eu", "SEK", "NewLevy", 1, Decimal("-1.10")),
        UnknownSum("us", "EUR", "NewLevy", 1, Decimal("-1.10")),
    ]


@pytest.mark.parametrize(
    "name", ["a text of more than four words", "anna@example.com", "302-5550001-5550001", "X" * 61]
)
def test_what_is_no_name_is_not_repeated(sessions: Sessions, name: str) -> None:
    store(sessions, of(("Surprises", name, "-1.00")))
    assert [one.name for one in unknown(sessions, "eu")] == [UNREADABLE_NAME]
    with sessions() as session:
        assert name not in str(session.scalar(text("SELECT unknown::text FROM transactions")))


@pytest.mark.parametrize(
    ("index", "query"), [("transactions_fees", fee_sums), ("transactions_unknown", unknown_sums)]
)
def test_each_reads_its_own_index(sessions: Sessions, index: str, query: object) -> None:
    plans: list[str] = []
    others = "SELECT indexname FROM pg_indexes WHERE tablename = 'transactions'"
    with sessions() as session:
        # On an empty table any index is as good as another: take the others away, and give back.
        session.execute(text("SET LOCAL enable_seqscan = off"))
        constraint = "transactions_account_transaction_id_key"
        session.execute(text(f"ALTER TABLE transactions DROP CONSTRAINT {constraint}"))
        for name in session.scalars(text(others)).all():
            if name not in (index, "transactions_pkey"):
                session.execute(text(f"DROP INDEX {name}"))
        execute = session.execute

        class Explained:
            """A session that explains its only statement."""

            def execute(self, statement: object) -> list[object]:
                sql = statement.compile(  # type: ignore[attr-defined]
                    session.get_bind(), compile_kwargs={"literal_binds": True}
                )
                plans.extend(row[0] for row in execute(text(f"EXPLAIN {sql}")))
                return []

        query(Explained(), BOTH, NOW)  # type: ignore[operator]
        session.rollback()
    assert [line for line in plans if index in line and "Index" in line], plans
