"""The tables of the fetch list, watermarks, gaps, searches, backfills and credit memos."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ForeignKey,
    Identity,
    Index,
    Integer,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class Watermark(Base):
    """How far a remote list has been read: all changes before `position` are stored. A watermark of
    `operations.history.thinning` tells how far it has processed the orders, by their last change.

    A search of several pages stores its start, its token and its upper bound here, so that it
    continues after the quota ran out or a worker died; `search_before` is the bound that it sent to
    Amazon, if any. `busy` means that the last search had several pages. `read_at` is the time of
    the last page with news, of the last search's end, or of the row's creation.
    """

    __tablename__ = "cursors"

    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[datetime]
    search_from: Mapped[datetime | None]
    search_until: Mapped[datetime | None]
    search_before: Mapped[datetime | None]
    page_token: Mapped[str | None]
    checked_at: Mapped[datetime | None]
    read_at: Mapped[datetime] = mapped_column(server_default=func.now())
    busy: Mapped[bool] = mapped_column(default=False, server_default=false())
    trouble: Mapped[str | None]


class ToFetch(Base):
    """An order that a notification or a person named; it is read once, however often it is named.

    `asked_at` is when it was last named; an order that is named again during its read stays here.
    `changed_at` is Amazon's time of the change; None when a person named the order.
    """

    __tablename__ = "to_fetch"
    __table_args__ = (
        Index("to_fetch_due", "account", "lane", "due_at"),
        Index("to_fetch_changed", "account", "lane", "changed_at"),
        Index("to_fetch_of_backfill", "backfill_id"),
        Index("to_fetch_asked", "asked_at"),
    )

    account: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    lane: Mapped[str]
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime]
    changed_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    backfill_id: Mapped[int | None] = mapped_column(ForeignKey("backfills.id"))


class Gap(Base):
    """A period that no search has read since notifications covered it, or whose search brought
    orders without a number.

    `tries` counts the searches that brought such orders, `due_at` is when the next search may
    start, and `again` means that the current search has brought such orders.
    """

    __tablename__ = "gaps"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]
    page_token: Mapped[str | None]
    due_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    again: Mapped[bool] = mapped_column(default=False, server_default=false())


class SearchPages(Base):
    """The pages of an unfinished search: their order numbers by page token, both hashed.

    `fruitless` counts the last pages in a row without an order that is new to the search.
    """

    __tablename__ = "searches"

    name: Mapped[str] = mapped_column(primary_key=True)
    pages: Mapped[dict[str, Any]]
    fruitless: Mapped[int] = mapped_column(Integer)


class SeenNotification(Base):
    """A stored notification; SQS delivers some notifications more than once."""

    __tablename__ = "seen_notifications"
    __table_args__ = (Index("seen_notifications_seen", "seen_at"),)

    notification_id: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]


class BackfillState(StrEnum):
    """The state of a backfill."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"


class Backfill(Base):
    """Older orders that a person wants imported: a period, or `asked` orders by number.

    `due_at` is when the next page may be read.
    """

    __tablename__ = "backfills"
    __table_args__ = (
        Index(
            "backfills_running",
            "account",
            unique=True,
            postgresql_where=text("state = 'running'"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    author: Mapped[str]
    state: Mapped[str]
    after_at: Mapped[datetime | None]
    before_at: Mapped[datetime | None]
    asked: Mapped[int | None] = mapped_column(Integer)
    due_at: Mapped[datetime]
    page_token: Mapped[str | None]
    calls: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    orders_seen: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    orders_new: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    trouble: Mapped[str | None]


class Refund(Base):
    """A credit memo that the shop's staff made, as facts for the marketplace.

    `shipping` is after its discount, with tax. `adjustment` is the money given back beyond lines
    and shipping, negative when a fee was kept. `lines` have the quantity and total, tax included,
    by the marketplace's item id; a gift wrap or another charge has a line in `facts` alone. `facts`
    are those of `MemoFacts.as_json`: NULL until they are read, empty when the memo is gone.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("order_id", "magento_creditmemo_id"),
        # The credit memos to read again: the youngest, whose comments may still be written, and
        # those without facts.
        Index("refunds_at", "refunded_at"),
        Index("refunds_unread", "id", postgresql_where=text("facts IS NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    magento_creditmemo_id: Mapped[int]
    refunded_at: Mapped[datetime]
    currency: Mapped[str]
    grand_total: Mapped[Decimal]
    shipping: Mapped[Decimal]
    adjustment: Mapped[Decimal]
    lines: Mapped[dict[str, Any]]
    facts: Mapped[dict[str, Any] | None]
