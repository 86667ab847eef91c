"""The orders in which a settlement differs from the transactions, and the lines that differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from pipeline.base.id_lists import among
from pipeline.finances.settlement_comparison import (
    OrderDifference,
    Why,
    differences,
    placed_transactions,
)
from pipeline.finances.settlement_lines import (
    Amount,
    LineDifference,
    amount_of_row,
    amounts_of_transaction,
    differing_lines,
)
from pipeline.finances.settlement_tables import Settlement, SettlementRow
from pipeline.finances.store import as_transaction
from pipeline.finances.tables import TransactionRow

_SHOWN_LINES = 12


@dataclass(frozen=True, slots=True)
class DifferingOrder:
    """An order that differs, and the first lines in which it does."""

    external_id: str
    order_id: int | None
    settled: Decimal
    released: Decimal
    difference: Decimal
    why: Why
    lines: Sequence[LineDifference]


def differing_orders(
    session: Session, settlement: Settlement, limit: int, offset: int = 0
) -> list[DifferingOrder]:
    """The orders that differ, the largest difference first, in three statements."""
    found = differences(session, settlement, limit, offset)
    numbers = [one.external_id for one in found if one.why != Why.NOT_READ]
    settled = _settled(session, settlement, numbers)
    released = _released(session, settlement, numbers)
    return [_differing(one, settled, released) for one in found]


def _differing(
    one: OrderDifference, settled: dict[str, list[Amount]], released: dict[str, list[Amount]]
) -> DifferingOrder:
    own = (settled.get(one.external_id, []), released.get(one.external_id, []))
    return DifferingOrder(
        one.external_id,
        one.order_id,
        one.settled,
        one.released,
        one.difference,
        one.why,
        # A whole side that is missing needs no list of its lines.
        differing_lines(*own)[:_SHOWN_LINES] if all(own) else (),
    )


def _settled(
    session: Session, settlement: Settlement, numbers: Sequence[str]
) -> dict[str, list[Amount]]:
    amounts: dict[str, list[Amount]] = defaultdict(list)
    rows = session.scalars(
        select(SettlementRow)
        .where(
            SettlementRow.settlement_id == settlement.id,
            SettlementRow.is_of_order,
            among(SettlementRow.external_id, numbers),
        )
        .order_by(SettlementRow.number)
    )
    for row in rows:
        amounts[row.external_id].append(amount_of_row(row))
    return amounts


def _released(
    session: Session, settlement: Settlement, numbers: Sequence[str]
) -> dict[str, list[Amount]]:
    amounts: dict[str, list[Amount]] = defaultdict(list)
    none = select(literal("")).where(literal(False))
    placed = placed_transactions(settlement, none).subquery()
    rows = session.scalars(
        select(TransactionRow)
        .join(placed, placed.c.id == TransactionRow.id)
        .where(placed.c.is_here, among(TransactionRow.external_id, numbers))
        .order_by(TransactionRow.id)
    )
    for row in rows:
        if row.external_id is not None:
            amounts[row.external_id].extend(amounts_of_transaction(as_transaction(row)))
    return amounts
