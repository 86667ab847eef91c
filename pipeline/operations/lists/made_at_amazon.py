"""The refunds that were made at Amazon: those of an order, and all that need a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select

from pipeline.base.db import Sessions
from pipeline.orders.tables import Order
from pipeline.refunds.made_at_amazon_tables import MadeAtAmazon
from pipeline.refunds.tables import AmazonRefund

AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """A refund, and the credit memo over `booked` of it; without a memo it was noted."""

    refund_id: str
    amount: Decimal
    currency: str
    memo: str
    booked: Decimal


@dataclass(frozen=True, slots=True)
class ShownMade:
    """The refunds of an order on both sides. `sentence` says what a person can do."""

    order_id: int
    external_id: str
    currency: str
    at_amazon: Decimal
    in_shop: Decimal
    looked_at: datetime | None
    code: str
    sentence: str
    needs_person: bool
    answers: Sequence[ShownAnswer]


def made_of(sessions: Sessions, order_id: int) -> ShownMade | None:
    """The refunds of an order, once they were compared."""
    with sessions() as session:
        row = session.get(MadeAtAmazon, order_id)
        order = session.get(Order, order_id) if row is not None else None
    if row is None or order is None or row.looked_at is None:
        return None
    return _shown(row, order.external_id)


def waiting(sessions: Sessions) -> list[ShownMade]:
    """The orders whose refunds need a person, the longest known first; at most 200."""
    with sessions() as session:
        found = session.execute(
            select(MadeAtAmazon, Order.external_id)
            .join(Order, Order.id == MadeAtAmazon.order_id)
            .where(MadeAtAmazon.needs_person)
            .order_by(MadeAtAmazon.order_id)
            .limit(AT_ONCE)
        )
        return [_shown(row, external_id) for row, external_id in found]


def count_in_all(sessions: Sessions) -> int:
    """How many refunds need a person: those to Amazon, and the orders with some made there."""
    to_amazon, made = (
        select(func.count()).select_from(table).where(table.needs_person).scalar_subquery()
        for table in (AmazonRefund, MadeAtAmazon)
    )
    with sessions() as session:
        count: int = session.scalars(select(to_amazon + made)).one()
    return count


def _shown(row: MadeAtAmazon, external_id: str) -> ShownMade:
    return ShownMade(
        order_id=row.order_id,
        external_id=external_id,
        currency=row.currency or "",
        at_amazon=row.at_amazon or Decimal(0),
        in_shop=row.in_shop or Decimal(0),
        looked_at=row.looked_at,
        code=row.code or "",
        sentence=row.sentence or "",
        needs_person=row.needs_person,
        answers=[
            ShownAnswer(
                refund_id,
                Decimal(answer["amount"]),
                answer["currency"],
                answer["memo"],
                Decimal(answer["booked"]),
            )
            for refund_id, answer in row.answers.items()
        ],
    )
