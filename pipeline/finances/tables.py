"""The tables of Amazon's transactions, and of the orders whose transactions are to be read."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, Integer, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class TransactionRow(Base):
    """A transaction as Amazon last showed it; nothing in it names a person.

    `external_id` is Amazon's order number, `order_id` our order, once we have it. `items` are lists
    of SKU, quantity, total, amounts and adjustment item id; an amount is group, kind, amount and
    tax, money as text. `copy_of` is the deferred transaction that this one releases: `is_counted`
    is false then, and the sum of an order leaves it out. `charges`, `fees` and `unknown` are those
    of `order_money.figures`, of an order's transactions alone; an unknown amount is its name and
    the amount as text. `changed_at` is when it was stored or last changed.
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
        Index(
            "transactions_fees",
            "account",
            "posted_at",
            postgresql_include=["currency", "charges", "fees"],
            postgresql_where=text("is_counted AND (charges <> 0 OR fees <> 0)"),
        ),
        Index(
            "transactions_unknown",
            "account",
            "posted_at",
            postgresql_where=text("is_counted AND unknown <> '[]'::jsonb"),
        ),
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
    charges: Mapped[Decimal] = mapped_column(default=Decimal(0), server_default="0")
    fees: Mapped[Decimal] = mapped_column(default=Decimal(0), server_default="0")
    unknown: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default="[]")
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class MoneyRead(Base):
    """An order whose transactions are to be read by its number, or were read so within a day.

    `asked_at` is when that was last asked for; `due_at` is None when nothing is to be read any
    more. `tries` counts failed reads since the last success, `read_at` is when the last success
    was, and `trouble` the code of the last failure after it.
    """

    __tablename__ = "money_reads"
    __table_args__ = (
        Index(
            "money_reads_due",
            "account",
            "due_at",
            postgresql_where=text("due_at IS NOT NULL"),
        ),
    )

    account: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    lane: Mapped[str]
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    read_at: Mapped[datetime | None]
    trouble: Mapped[str] = mapped_column(default="", server_default="")
