"""Compares a settlement with the transactions of its orders, to the cent.

A transaction belongs to the settlement that it or its release names; where neither names one, to
the settlement in whose period it was posted or released. Copies are never added. What has no order
(storage, advertising, a subscription) stays on the settlement and is compared with nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Numeric,
    Row,
    Select,
    Subquery,
    and_,
    cast,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.money import ZERO
from pipeline.finances.settlement_tables import Settlement, SettlementRow
from pipeline.finances.tables import TransactionRow

COMPARED_FOR = timedelta(days=180)
"""Late transactions change the comparison of settlements that ended within this time."""
LATE_FOR = timedelta(hours=48)
"""Amazon may show a transaction so long after its time."""
_Orders = Select[*tuple[Any, ...]]
_RELEASED = ("RELEASED", "DEFERRED_RELEASED")


class Why(StrEnum):
    """Why an order's two sums may differ."""

    NOT_READ = "not_read"
    LATE = "late"
    DEFERRED = "deferred"
    ELSEWHERE = "elsewhere"
    NOT_SETTLED = "not_settled"
    AMOUNT = "amount"


WHY = {
    Why.NOT_READ: "Amazon’s transactions of this order are not read: they come up to 48 hours "
    "late, and none is read from before the account’s beginning",
    Why.LATE: "the newest rows of this order are less than 48 hours old, and Amazon’s transactions "
    "may come so late: wait two days",
    Why.DEFERRED: "Amazon still reports the money as deferred: its release is not read yet",
    Why.ELSEWHERE: "Amazon reports the missing money outside this settlement",
    Why.NOT_SETTLED: "Amazon reports the money as released, but the settlement has no row of it: "
    "look into the next one",
    Why.AMOUNT: "the two differ by an amount that no other transaction explains",
}
"""Each as a sentence, for pages and commands."""


@dataclass(frozen=True, slots=True)
class OrderDifference:
    """An order whose rows and released transactions differ; both sides, and why it may be."""

    external_id: str
    order_id: int | None
    settled: Decimal
    released: Decimal
    why: Why

    @property
    def difference(self) -> Decimal:
        """What the settlement has beyond the transactions."""
        return self.settled - self.released


def compare(sessions: Sessions, account: str, now: datetime) -> int:
    """Compare the account's settlements of the last half year, and return how many differ.

    A statement for each settlement, however many orders it has.
    """
    differing = 0
    with sessions() as session:
        recent = session.scalars(
            select(Settlement)
            .where(Settlement.account == account, Settlement.ends_at > now - COMPARED_FOR)
            .order_by(Settlement.id)
        ).all()
    for settlement in recent:
        with sessions() as session, session.begin():
            totals = _totals(session, settlement, now)
            session.execute(
                update(Settlement)
                .where(Settlement.id == settlement.id)
                .values(compared_at=now, **totals)
            )
        differing += bool(totals["differing_orders"])
    return differing


def _totals(session: Session, settlement: Settlement, now: datetime) -> dict[str, Decimal | int]:
    sums = _orders(settlement).subquery()
    differs = sums.c.settled != sums.c.released
    is_late = and_(differs, func.coalesce(sums.c.newest > now - LATE_FOR, False))
    is_unread = or_(sums.c.transactions == 0, is_late)
    row = session.execute(
        select(
            func.count(),
            func.count().filter(is_unread),
            func.count().filter(differs, ~is_unread),
            func.coalesce(
                func.sum(func.abs(sums.c.settled - sums.c.released)).filter(differs, ~is_unread), 0
            ),
        ).select_from(sums)
    ).one()
    names = ("orders", "unread_orders", "differing_orders", "orders_difference")
    return dict(zip(names, row, strict=True))


def differences(
    session: Session, settlement: Settlement, limit: int, offset: int = 0
) -> list[OrderDifference]:
    """The orders that differ, the largest difference first; unread orders come last."""
    sums = _orders(settlement).subquery()
    difference = func.abs(sums.c.settled - sums.c.released)
    rows = session.execute(
        select(sums)
        .where(or_(difference != 0, sums.c.transactions == 0))
        .order_by(sums.c.transactions == 0, difference.desc(), sums.c.external_id)
        .limit(limit)
        .offset(offset)
    )
    return [
        OrderDifference(
            row.external_id,
            row.order_id,
            row.settled,
            row.released,
            _why(row, settlement.compared_at),
        )
        for row in rows
    ]


def _why(row: Row[Any], compared_at: datetime | None) -> Why:
    missing = row.settled - row.released
    if not row.transactions:
        return Why.NOT_READ
    if row.newest and compared_at and row.newest > compared_at - LATE_FOR:
        return Why.LATE
    if not row.lines:
        return Why.NOT_SETTLED
    if row.deferred and missing == row.deferred:
        return Why.DEFERRED
    if row.elsewhere and missing in (row.elsewhere, row.elsewhere + row.deferred):
        return Why.ELSEWHERE
    return Why.AMOUNT


def _orders(settlement: Settlement) -> Select[*tuple[Any, ...]]:
    """Each order of the settlement: the sum of its rows, and of its transactions by where they
    belong."""
    paid = (
        select(
            SettlementRow.external_id,
            func.sum(SettlementRow.amount).label("settled"),
            func.count().label("lines"),
            func.max(SettlementRow.posted_at).label("newest"),
        )
        .where(SettlementRow.settlement_id == settlement.id, SettlementRow.is_of_order)
        .group_by(SettlementRow.external_id)
        .cte("paid")
    )
    placed = placed_transactions(settlement, select(paid.c.external_id)).cte("placed")
    reported = (
        select(
            placed.c.external_id,
            _sum(placed.c.total, placed.c.is_here).label("released"),
            _sum(placed.c.total, ~placed.c.is_released).label("deferred"),
            _sum(placed.c.total, placed.c.is_released, ~placed.c.is_here).label("elsewhere"),
            func.count().label("transactions"),
            func.max(placed.c.order_id).label("order_id"),
        )
        .group_by(placed.c.external_id)
        .cte("reported")
    )
    zero = literal(ZERO, Numeric(19, 4))
    return select(
        func.coalesce(paid.c.external_id, reported.c.external_id).label("external_id"),
        reported.c.order_id,
        func.coalesce(paid.c.settled, zero).label("settled"),
        func.coalesce(reported.c.released, zero).label("released"),
        func.coalesce(reported.c.deferred, zero).label("deferred"),
        func.coalesce(reported.c.elsewhere, zero).label("elsewhere"),
        func.coalesce(paid.c.lines, 0).label("lines"),
        paid.c.newest,
        func.coalesce(reported.c.transactions, 0).label("transactions"),
    ).select_from(paid.join(reported, paid.c.external_id == reported.c.external_id, full=True))


def placed_transactions(
    settlement: Settlement, orders: Select[*tuple[Any, ...]]
) -> Select[*tuple[Any, ...]]:
    """The transactions of these orders and those of this settlement, each once and without copies;
    `is_here` says whether a released one belongs to the settlement. Of several copies the newest
    counts."""
    copy = _newest_copies(settlement.account)
    told = func.coalesce(_settlement_of(TransactionRow.identifiers), copy.c.told)
    at = func.coalesce(copy.c.posted_at, TransactionRow.posted_at)
    status = func.upper(func.coalesce(TransactionRow.status, ""))
    is_released = or_(status.in_(_RELEASED), copy.c.copy_of.is_not(None))
    within: ColumnElement[bool] = at < settlement.ends_at
    if settlement.starts_at is not None:
        within = and_(within, at >= settlement.starts_at)
    is_here = and_(is_released, func.coalesce(told == settlement.settlement_id, within))
    return (
        select(
            TransactionRow.id,
            TransactionRow.external_id,
            TransactionRow.order_id,
            TransactionRow.total,
            is_released.label("is_released"),
            is_here.label("is_here"),
        )
        .join_from(
            TransactionRow,
            copy,
            copy.c.copy_of == TransactionRow.transaction_id,
            isouter=True,
        )
        .where(
            TransactionRow.account == settlement.account,
            TransactionRow.is_counted,
            TransactionRow.currency == settlement.currency,
            TransactionRow.external_id.is_not(None),
            or_(TransactionRow.external_id.in_(orders.subquery().select()), is_here),
        )
    )


def _newest_copies(account: str) -> Subquery:
    """The newest copy of each transaction of the account that Amazon has shown again; a single
    pass over the copies, which a join for each transaction would not be."""
    return (
        select(
            TransactionRow.copy_of,
            TransactionRow.posted_at,
            _settlement_of(TransactionRow.identifiers).label("told"),
        )
        .where(TransactionRow.account == account, TransactionRow.copy_of != "")
        .ext(distinct_on(TransactionRow.copy_of))
        .order_by(TransactionRow.copy_of, TransactionRow.posted_at.desc(), TransactionRow.id.desc())
        .subquery()
    )


def _settlement_of(identifiers: Any) -> ColumnElement[str | None]:
    return func.nullif(identifiers["SETTLEMENT_ID"].astext, "")


def _sum(amount: ColumnElement[Decimal], *where: ColumnElement[bool]) -> ColumnElement[Decimal]:
    return cast(func.coalesce(func.sum(amount).filter(*where), 0), Numeric(19, 4))
