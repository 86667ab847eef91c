"""The money of an order that no settlement which is read can have."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.amazon.transactions import Transaction
from pipeline.base.id_lists import among
from pipeline.base.money import ZERO
from pipeline.finances.settlement_tables import Settlement
from pipeline.finances.store import transactions_of


def not_settled_yet(session: Session, account: str, order_id: int, currency: str) -> Decimal:
    """The sum of what is held back, was released after the last settlement of the account and
    currency, or names one that is not read. Of several copies of a release the newest counts."""
    transactions = transactions_of(session, [order_id]).get(order_id, ())
    of_account = (Settlement.account == account, Settlement.currency == currency)
    last = session.scalar(select(func.max(Settlement.ends_at)).where(*of_account))
    released = {one.copy_of: one for one in sorted(transactions, key=lambda one: one.posted_at)}
    named = {one.settlement_id for one in transactions} - {""}
    read = set(
        session.scalars(
            select(Settlement.settlement_id).where(
                *of_account, among(Settlement.settlement_id, named)
            )
        )
    )

    def is_open(one: Transaction) -> bool:
        copy = released.get(one.transaction_id)
        number = one.settlement_id or (copy.settlement_id if copy else "")
        if number:
            return number not in read
        at = copy.posted_at if copy else one.posted_at
        return (one.is_deferred and copy is None) or last is None or at >= last

    counted = (one for one in transactions if not one.copy_of and one.currency == currency)
    return sum((one.total for one in counted if is_open(one)), ZERO)
