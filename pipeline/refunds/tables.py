"""The tables of the refunds to Amazon, and of the time since which a marketplace has them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class AmazonRefund(Base):
    """The refund of a credit memo at Amazon: a row for each order, shop and memo, made once.

    `refund_id` is the stored memo (`pipeline.intake.tables.Refund`).
    `state` is a `RefundState`. `body` is the message as `RefundMessage.body` gave it, `total` what
    it gives the buyer in `currency`; both are empty while there is no message. `hold_code` and
    `reason` say why it is held, asked for or refused, in words of ours. `decided_by` is who chose
    or dismissed it, empty where the settings did. `feed_id` and `message_id` are its place in the
    last feed, `sent_at` is when createFeed was called for that feed, and `tries` counts its feeds.
    `looked_at` is when Amazon's Finances were last read for it, `due_at` when the job looks at the
    row next; without it a person has to. `transaction_id` is the refund at Amazon.
    `asked_about` are refunds at Amazon that a person was asked about or took back, written as in
    `transaction_id`: they make the row seen no more.
    """

    __tablename__ = "amazon_refunds"
    __table_args__ = (
        UniqueConstraint("order_id", "shop", "memo_id"),
        UniqueConstraint("refund_id"),
        UniqueConstraint("feed_id", "message_id"),
        Index("amazon_refunds_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index(
            "amazon_refunds_for_person",
            "order_id",
            postgresql_where=text("needs_person"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    refund_id: Mapped[int] = mapped_column(ForeignKey("refunds.id", ondelete="CASCADE"))
    shop: Mapped[str]
    memo_id: Mapped[int]
    memo_at: Mapped[datetime]
    state: Mapped[str]
    changed_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    needs_person: Mapped[bool]
    body: Mapped[dict[str, Any] | None]
    total: Mapped[Decimal | None]
    currency: Mapped[str]
    hold_code: Mapped[str | None]
    reason: Mapped[str | None]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    feed_id: Mapped[int | None] = mapped_column(ForeignKey("feeds.id", ondelete="SET NULL"))
    message_id: Mapped[int | None] = mapped_column(Integer)
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    sent_at: Mapped[datetime | None]
    looked_at: Mapped[datetime | None]
    transaction_id: Mapped[str | None]
    asked_about: Mapped[str | None]


class RefundStart(Base):
    """Since when refunds of a marketplace go to Amazon: when its setting was first seen so.

    Without a `marketplace_id` the row is about the account's own settings, which apply to every
    marketplace that never had its own. Older credit memos stay held. While the setting is "never",
    `since` is `pipeline.refunds.adopting.OFF`.
    """

    __tablename__ = "refund_starts"

    account: Mapped[str] = mapped_column(primary_key=True)
    marketplace_id: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
