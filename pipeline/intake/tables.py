"""The tables of orders to be fetched, of how far lists were read, of backfills and credit memos."""

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
    """How far a remote list has been read: everything changed before `position` is stored. One that
    `operations.history.thinning` keeps says how far orders have been gone through, by their last
    change.

    A search over several pages keeps its start, its token and its upper bound here, so that it goes
    on where it stopped when the quota ran out or a worker died; `search_before` is the bound it was
    asked with, if any. `busy` says that the last search had more than one page. `read_at` is when a
    page last brought news or a search came to its end, or when the reading began.
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
    """An order that a notification or a person named: to be read anew, once, however often named.

    `asked_at` is when it was last named; one that is named again while it is read stays here.
    `changed_at` is when it changed, by Amazon's word; None where a person named it.
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
    """A stretch of time that notifications covered and no search has read yet, or one of which a
    search told orders without a number.

    `tries` counts the searches that did, `due_at` is when the next one may be, and `again` says
    that the one going on did.
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
    """The pages of a search that goes on: by the token of each the numbers on it, both hashed.

    `fruitless` counts the last pages that brought no order the search had not brought before.
    """

    __tablename__ = "searches"

    name: Mapped[str] = mapped_column(primary_key=True)
    pages: Mapped[dict[str, Any]]
    fruitless: Mapped[int] = mapped_column(Integer)


class SeenNotification(Base):
    """A notification that has been taken in; SQS delivers some more than once."""

    __tablename__ = "seen_notifications"
    __table_args__ = (Index("seen_notifications_seen", "seen_at"),)

    notification_id: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]


class BackfillState(StrEnum):
    """How far a backfill has come."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"


class Backfill(Base):
    """A person's wish to have older orders imported: a period, or `asked` orders by number.

    `due_at` is when its next page may be read.
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

    `adjustment` is what was given beyond the lines and shipping, negative when a fee was kept.
    `lines` are quantity and amounts, tax included, per marketplace item id.
    """

    __tablename__ = "refunds"
    __table_args__ = (UniqueConstraint("order_id", "magento_creditmemo_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    magento_creditmemo_id: Mapped[int]
    refunded_at: Mapped[datetime]
    currency: Mapped[str]
    grand_total: Mapped[Decimal]
    shipping: Mapped[Decimal]
    adjustment: Mapped[Decimal]
    lines: Mapped[dict[str, Any]]
