"""The table of the refunds that Amazon shows of orders, compared with the shops' credit memos."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, false, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class MadeAtAmazon(Base):
    """An order with a refund at Amazon, and how it compares with the shop's credit memos.

    Triggers make the row and set it due: for a transaction that is a refund, and for a credit memo
    of such an order. `news` counts them, so that news during a look is not lost. Without `due_at`
    only news brings the next look.
    `answers` has, by refund id, the `amount` and `posted_at` of each refund with a note or a credit
    memo, and the `memo` and what was `booked` with it. `code`, `sentence` and `facts` are the last
    finding, and `difference` its amount, negative where the shop gave back more than Amazon;
    `dismissed` is the difference for which a person said that nothing is needed.
    """

    __tablename__ = "made_at_amazon"
    __table_args__ = (
        Index("made_at_amazon_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("made_at_amazon_for_person", "order_id", postgresql_where=text("needs_person")),
    )

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    due_at: Mapped[datetime | None]
    news: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    looked_at: Mapped[datetime | None]
    currency: Mapped[str | None]
    at_amazon: Mapped[Decimal | None]
    in_shop: Mapped[Decimal | None]
    answers: Mapped[dict[str, Any]] = mapped_column(
        JSONB(none_as_null=True), default=dict, server_default=text("'{}'")
    )
    needs_person: Mapped[bool] = mapped_column(default=False, server_default=false())
    code: Mapped[str | None]
    sentence: Mapped[str | None]
    facts: Mapped[dict[str, Any] | None]
    difference: Mapped[Decimal | None]
    dismissed: Mapped[Decimal | None]
