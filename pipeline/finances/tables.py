"""The table of Amazon's transactions."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class TransactionRow(Base):
    """A transaction as Amazon last showed it; nothing in it names a person.

    `external_id` is Amazon's order number, `order_id` our order, once we have it. `items` are lists
    of SKU, quantity, total, amounts and adjustment item id; an amount is group, kind, amount and
    tax, money as text. `copy_of` is the deferred transaction that this one releases: `is_counted`
    is false then, and the sum of an order leaves it out. `changed_at` is when it was stored or last
    changed.
    """

    __tablename__ = "transactions"
    __table_args__ = (
        UniqueConstraint("account", "transaction_id"),
        Index("transactions_of_order", "order_id"),
        Index("transactions_of_number", "account", "external_id"),
        Index("transactions_posted", "account", "posted_at"),
        Index(
            "transactions_open",
            "account",
            "matures_at",
            postgresql_where=text("status = 'DEFERRED' AND is_counted"),
        ),
        Index(
            "transactions_without_order",
            "account",
            "external_id",
            postgresql_where=text("order_id IS NULL AND external_id IS NOT NULL"),
        ),
        Index("transactions_copies", "account", "copy_of", postgresql_where=text("copy_of <> ''")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    transaction_id: Mapped[str]
    kind: Mapped[str]
    status: Mapped[str]
    posted_at: Mapped[datetime]
    currency: Mapped[str]
    total: Mapped[Decimal]
    marketplace_id: Mapped[str]
    identifiers: Mapped[dict[str, Any]]
    items: Mapped[list[Any]] = mapped_column(JSONB)
    leaves: Mapped[list[Any]] = mapped_column(JSONB)
    deferral_reason: Mapped[str]
    matures_at: Mapped[datetime | None]
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    external_id: Mapped[str | None]
    copy_of: Mapped[str]
    is_counted: Mapped[bool]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
