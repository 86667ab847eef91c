"""The refunds of an order that Amazon's transactions show."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy.orm import Session

from pipeline.finances.order_money import is_refund, refunded_to_buyer
from pipeline.finances.store import transactions_of


class RefundAtAmazon(NamedTuple):
    """A refund, whoever made it; `amount` is what the buyer got back."""

    refund_id: str
    posted_at: datetime
    amount: Decimal
    currency: str


def refunds_at_amazon(session: Session, order_id: int) -> list[RefundAtAmazon]:
    """The refunds of the order; the release of deferred money is no second one."""
    return [
        RefundAtAmazon(one.refund_id, one.posted_at, refunded_to_buyer([one]), one.currency)
        for one in transactions_of(session, [order_id]).get(order_id, ())
        if is_refund(one) and not one.copy_of
    ]
