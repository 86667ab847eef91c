"""Sums over the transactions of the last 30 days: Amazon's fees, and amounts with unknown names.

Each reads an index that holds these transactions alone: that of fees has all its columns, and that
of unknown names is all but empty. Copies of deferred transactions and what belongs to no order are
in neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Numeric, cast, column, func, select, text, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from pipeline.base.id_lists import among
from pipeline.finances.tables import TransactionRow

PERIOD = timedelta(days=30)
# As the indexes have it: with parameters PostgreSQL might not see that they serve.
_HAS_FIGURES = text("(charges <> 0 OR fees <> 0)")
_HAS_UNKNOWN = text("unknown <> '[]'::jsonb")
_MOST_NAMES = 20
_MOST_READ = 20_000


class FeeSum(NamedTuple):
    """What Amazon took of an account's orders in a currency, and what their buyers were charged.

    `fees` is above zero where the seller pays; fees that Amazon gave back are taken off. `charges`
    are prices, shipping and gift wrap of sales, without refunds.
    """

    account: str
    currency: str
    charges: Decimal
    fees: Decimal

    @property
    def percent(self) -> Decimal | None:
        """The fees in percent of the charges, to a decimal; None without charges."""
        if self.charges <= 0:
            return None
        return (100 * self.fees / self.charges).quantize(Decimal("0.1"))


class UnknownSum(NamedTuple):
    """The amounts of an account in a currency that have a name which is not known here."""

    account: str
    currency: str
    name: str
    number: int
    total: Decimal


def fee_sums(session: Session, accounts: Iterable[str], now: datetime) -> list[FeeSum]:
    """The sums by account and currency, of what was posted in the last 30 days."""
    rows = session.execute(
        select(
            TransactionRow.account,
            TransactionRow.currency,
            func.sum(TransactionRow.charges),
            -func.sum(TransactionRow.fees),
        )
        .where(
            among(TransactionRow.account, accounts),
            TransactionRow.posted_at > now - PERIOD,
            TransactionRow.is_counted,
            _HAS_FIGURES,
        )
        .group_by(TransactionRow.account, TransactionRow.currency)
        .order_by(TransactionRow.account, TransactionRow.currency)
    )
    return [FeeSum(*row) for row in rows]


def unknown_sums(session: Session, accounts: Iterable[str], now: datetime) -> list[UnknownSum]:
    """The names by account and currency, the most frequent first; at most 20 names, from at most
    20,000 transactions."""
    read = (
        select(TransactionRow.account, TransactionRow.currency, TransactionRow.unknown)
        .where(
            among(TransactionRow.account, accounts),
            TransactionRow.posted_at > now - PERIOD,
            TransactionRow.is_counted,
            _HAS_UNKNOWN,
        )
        .limit(_MOST_READ)
        .subquery()
    )
    each = (
        func.jsonb_array_elements(read.c.unknown)
        .table_valued(column("pair", JSONB))
        .render_derived(name="each")
        .lateral()
    )
    name, total = each.c.pair[0].astext, func.sum(cast(each.c.pair[1].astext, Numeric(19, 4)))
    rows = session.execute(
        select(read.c.account, read.c.currency, name, func.count(), total)
        .select_from(read.join(each, true()))
        .group_by(read.c.account, read.c.currency, name)
        .order_by(func.count().desc(), read.c.account, name)
        .limit(_MOST_NAMES)
    )
    return [UnknownSum(*row) for row in rows]
