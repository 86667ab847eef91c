"""The tables of feeds and their messages, and of how far the watches of a shop have read."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import UNSAMPLED, Base


class FeedState(StrEnum):
    """How far a feed has come; each state is committed before the next call is made."""

    COLLECTED = "collected"
    UPLOADED = "uploaded"
    SUBMITTED = "submitted"
    LOOKING = "looking"
    ENDED = "ended"


class FeedOutcome(StrEnum):
    """How a feed ended; for any other end the column has Amazon's word in small letters.

    When the report is UNREADABLE, no message is sent again automatically. NOT_CREATED is a feed of
    refunds whose answer was lost, and that Amazon does not list.
    """

    DONE = "done"
    REFUSED = "refused"
    GIVEN_UP = "given up"
    UNREADABLE = "unreadable"
    CANCELLED = "cancelled"
    NOT_CREATED = "not created"


class Feed(Base):
    """A batch of confirmations, cancellations or refunds, sent as one document.

    `submitted_at` is written before createFeed and `feed_id` after it: `submitted_at` alone means
    that Amazon may have the feed, so Amazon's feeds are searched first. `overdue_at` means that the
    feed has been too long in its state, and the next feed is sent beside it.
    """

    __tablename__ = "feeds"
    __table_args__ = (
        Index(
            "feeds_open",
            "account",
            "kind",
            unique=True,
            postgresql_where=text(
                "state IN ('collected', 'uploaded', 'submitted') AND overdue_at IS NULL"
            ),
        ),
        Index("feeds_unended", "account", "kind", postgresql_where=text("state <> 'ended'")),
        # A refund must not be in two feeds, so no second feed goes out beside a late one.
        Index(
            "feeds_refunds",
            "account",
            unique=True,
            postgresql_where=text("kind = 'refunds' AND state <> 'ended'"),
        ),
        Index("feeds_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str]
    marketplace_ids: Mapped[list[str]]
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    document_id: Mapped[str | None]
    feed_id: Mapped[str | None]
    submitted_at: Mapped[datetime | None]
    overdue_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    trouble: Mapped[str | None]


class FeedMessage(Base):
    """A message of a feed and its result. `body` is enough to write the message again.

    `outcome` is empty until the feed has a result for the message, `reason` a sentence of ours.
    """

    __tablename__ = "feed_messages"
    __table_args__ = (
        Index("feed_messages_of_order", "order_id"),
        Index("feed_messages_of_shipment", "shipment_id"),
    )

    feed_id: Mapped[int] = mapped_column(
        ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    message_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    shipment_id: Mapped[int | None] = mapped_column(ForeignKey("shipments.id", ondelete="CASCADE"))
    body: Mapped[dict[str, Any]] = mapped_column(info=UNSAMPLED)
    outcome: Mapped[str | None]
    reason: Mapped[str | None]


class ShopWatch(Base):
    """How far the watches of a shop have read; see `pipeline.shipping.shop_watches`.

    `newest_shipment_id` is the shop's newest shipment that was read. A round through the finished
    orders began at `round_begun_at`, and has read them up to `read_to` and, of that time, up to
    `read_to_order`; without `read_to` it has ended.
    """

    __tablename__ = "shop_watches"

    shop: Mapped[str] = mapped_column(primary_key=True)
    newest_shipment_id: Mapped[int] = mapped_column(default=0, server_default="0")
    round_begun_at: Mapped[datetime | None]
    read_to: Mapped[datetime | None]
    read_to_order: Mapped[int] = mapped_column(default=0, server_default="0")
