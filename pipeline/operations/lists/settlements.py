"""Amazon's settlements: their list, their rows and sums, and the columns of their files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.money import written
from pipeline.finances.settlement_tables import Settlement, SettlementRow
from pipeline.operations.lists.columns import Price, Value

PAGE_SIZE = 50
ROWS = 200
_SLICE = 1000


class SettlementState(StrEnum):
    """Whether a settlement adds up, by itself and with the transactions of its orders."""

    ADDS_UP = "adds up"
    DIFFERS = "differs"
    INCOMPLETE = "incomplete"
    NOT_COMPARED = "not compared"


def state(settlement: Settlement) -> SettlementState:
    """The state; a settlement with orders whose transactions are not read is incomplete."""
    if settlement.file_difference or settlement.differing_orders:
        return SettlementState.DIFFERS
    if settlement.compared_at is None:
        return SettlementState.NOT_COMPARED
    return SettlementState.INCOMPLETE if settlement.unread_orders else SettlementState.ADDS_UP


def difference(settlement: Settlement) -> Decimal:
    """By how much it differs: the file's difference and the orders', without signs."""
    return abs(settlement.file_difference) + settlement.orders_difference


def described(settlement: Settlement) -> str:
    """The state as a sentence for the command line."""
    match state(settlement):
        case SettlementState.ADDS_UP:
            return "adds up"
        case SettlementState.DIFFERS:
            return f"differs by {written(difference(settlement), settlement.currency)}"
        case SettlementState.INCOMPLETE:
            number = settlement.unread_orders
            orders = "order" if number == 1 else "orders"
            return f"{number} {orders} whose transactions are not all here yet"
        case SettlementState.NOT_COMPARED:
            return "not compared yet"


def newest(
    session: Session, limit: int = PAGE_SIZE, offset: int = 0, account: str = ""
) -> Sequence[Settlement]:
    """The settlements, the newest period first."""
    query = select(Settlement).order_by(Settlement.ends_at.desc(), Settlement.id.desc())
    if account:
        query = query.where(Settlement.account == account)
    return session.scalars(query.limit(limit).offset(offset)).all()


def named(session: Session, settlement_id: str, account: str = "") -> Sequence[Settlement]:
    """The settlements with this id of Amazon's; two accounts may have the same."""
    query = select(Settlement).where(Settlement.settlement_id == settlement_id)
    if account:
        query = query.where(Settlement.account == account)
    return session.scalars(query.order_by(Settlement.account)).all()


@dataclass(frozen=True, slots=True)
class KindSum:
    """The rows of a kind: their number and their sum. `is_of_order` parts what belongs to orders
    from what stays on the settlement."""

    is_of_order: bool
    transaction_type: str
    amount_type: str
    amount_description: str
    rows: int
    total: Decimal


def sums(session: Session, settlement: Settlement) -> list[KindSum]:
    """The sums by kind, those of orders first."""
    kind = (
        SettlementRow.is_of_order,
        SettlementRow.transaction_type,
        SettlementRow.amount_type,
        SettlementRow.amount_description,
    )
    query = (
        select(*kind, func.count(), func.sum(SettlementRow.amount))
        .where(SettlementRow.settlement_id == settlement.id)
        .group_by(*kind)
        .order_by(SettlementRow.is_of_order.desc(), *kind[1:])
    )
    return [KindSum(*row) for row in session.execute(query)]


def rows_page(
    session: Session, settlement: Settlement, after: int = 0, order: str = ""
) -> Sequence[SettlementRow]:
    """The next rows in the sequence of the file, all or an order's."""
    query = (
        select(SettlementRow)
        .where(SettlementRow.settlement_id == settlement.id, SettlementRow.number > after)
        .order_by(SettlementRow.number)
        .limit(ROWS)
    )
    if order:
        query = query.where(SettlementRow.external_id == order)
    return session.scalars(query).all()


class Sheet(NamedTuple):
    """The names of a file's columns, and its rows in slices."""

    names: Sequence[str]
    slices: Iterator[Sequence[Sequence[Value | int | Decimal]]]


_COLUMNS = (
    *("account", "settlement", "line", "posted_at", "transaction_type", "amount_type"),
    *("amount_description", "order", "sku", "quantity", "amount", "currency", "marketplace"),
    *("order_item", "shipment", "adjustment", "merchant_order", "merchant_item"),
    *("merchant_adjustment", "fulfillment", "promotion"),
)
_SUM_COLUMNS = (
    *("account", "settlement", "deposited_at", "belongs_to", "transaction_type", "amount_type"),
    *("amount_description", "rows", "amount", "currency"),
)


def rows_sheet(sessions: Sessions, settlement: Settlement) -> Sheet:
    """A line for each row, in the sequence of the file. Amounts are as in the file.

    Each slice is a transaction of its own: whoever reads it may be slow.
    """

    def slices() -> Iterator[Sequence[Sequence[Value | int | Decimal]]]:
        after = 0
        while True:
            with sessions() as session:
                rows = session.scalars(
                    select(SettlementRow)
                    .where(
                        SettlementRow.settlement_id == settlement.id, SettlementRow.number > after
                    )
                    .order_by(SettlementRow.number)
                    .limit(_SLICE)
                ).all()
            if not rows:
                return
            yield [_cells(settlement, row) for row in rows]
            after = rows[-1].number

    return Sheet(_COLUMNS, slices())


def sums_sheet(session: Session, settlement: Settlement) -> Sheet:
    """A line for each kind of amount: what a bookkeeper books to an account of the ledger."""
    lines = [
        [
            settlement.account,
            settlement.settlement_id,
            settlement.deposited_at,
            "orders" if one.is_of_order else "settlement",
            one.transaction_type,
            one.amount_type,
            one.amount_description,
            one.rows,
            Price(one.total, settlement.currency),
            settlement.currency,
        ]
        for one in sums(session, settlement)
    ]
    return Sheet(_SUM_COLUMNS, iter([lines]))


def _cells(settlement: Settlement, row: SettlementRow) -> list[Value | int | Decimal]:
    return [
        settlement.account,
        settlement.settlement_id,
        row.number,
        row.posted_at,
        row.transaction_type,
        row.amount_type,
        row.amount_description,
        row.external_id,
        row.sku,
        row.quantity if row.quantity is not None else "",
        Price(row.amount, settlement.currency),
        settlement.currency,
        row.marketplace_name,
        row.order_item_code,
        row.shipment_id,
        row.adjustment_id,
        row.merchant_order_id,
        row.merchant_order_item_id,
        row.merchant_adjustment_item_id,
        row.fulfillment_id,
        row.promotion_id,
    ]
