"""The tables beside the orders: what is still to be fetched, feeds, backfills and incidents.

None of them holds anything that names a buyer.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, Integer, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models import Base


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


class FeedKind(StrEnum):
    """What a feed tells Amazon."""

    CONFIRMATIONS = "confirmations"
    CANCELLATIONS = "cancellations"


class FeedState(StrEnum):
    """How far a feed has come; each state is committed before the next call is made."""

    COLLECTED = "collected"
    UPLOADED = "uploaded"
    SUBMITTED = "submitted"
    LOOKING = "looking"
    ENDED = "ended"


class Feed(Base):
    """A batch of confirmations or cancellations, sent as one document.

    `submitted_at` is written before the feed is created and `feed_id` after it: one without the
    other means that it may have been created, so that Amazon is asked first. From `overdue_at` on
    it has been in its state for too long, and the next feed goes out beside it.
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
    """One message of a feed, and what became of it. `body` is enough to write it again.

    Without an `outcome` its feed has no result of it yet.
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
    body: Mapped[dict[str, Any]]
    outcome: Mapped[str | None]
    words: Mapped[str | None]


class Incident(Base):
    """Something a person has to know, told once, and told again when it is over."""

    __tablename__ = "incidents"
    __table_args__ = (
        Index("incidents_open", "key", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("incidents_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    key: Mapped[str]
    account: Mapped[str | None]
    text: Mapped[str]
    opened_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


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


class StockCheck(Base):
    """A product's stock as the guard last found it: how many more can be sold than should be.

    `sku` is folded as the shop compares it, `store` the store view it is sold in.
    """

    __tablename__ = "stock_checks"

    shop: Mapped[str] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(primary_key=True)
    store: Mapped[str]
    checked_at: Mapped[datetime]
    difference: Mapped[Decimal]


class AccountAccess(Base):
    """An account that Amazon refuses; there is no row of one that works.

    `refused_since` is the first refusal since the last call that went well. From `stopped_at` on
    nothing is sent but one call at `probe_at`.
    """

    __tablename__ = "account_access"

    account: Mapped[str] = mapped_column(primary_key=True)
    refused_since: Mapped[datetime]
    stopped_at: Mapped[datetime | None]
    probe_at: Mapped[datetime]
    reason: Mapped[str]


class DatabaseLife(Base):
    """A stretch of time in which the database forgot nothing; see `pipeline.lives`.

    `identity` is what PostgreSQL says of itself, empty for one that a person began.
    """

    __tablename__ = "database_lives"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    identity: Mapped[str]
    began_at: Mapped[datetime]


class ReconciliationState(StrEnum):
    """How far a reconciliation has come."""

    RUNNING = "running"
    DONE = "done"


class Reconciliation(Base):
    """One comparison of Amazon, this database and Magento over a period of Amazon's changes.

    `is_listed` says that Amazon's list is through and what was open before is looked at once more.
    `due_at` is when it may go on.
    """

    __tablename__ = "reconciliations"
    __table_args__ = (
        Index(
            "reconciliations_running",
            "account",
            unique=True,
            postgresql_where=text("state = 'running'"),
        ),
        Index("reconciliations_of_account", "account", "id"),
        Index("reconciliations_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    author: Mapped[str]
    state: Mapped[str]
    after_at: Mapped[datetime]
    before_at: Mapped[datetime]
    due_at: Mapped[datetime]
    page_token: Mapped[str | None]
    is_listed: Mapped[bool] = mapped_column(default=False, server_default=false())
    orders_seen: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    unreadable: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    resolved: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    trouble: Mapped[str | None]


class Difference(Base):
    """Something the three sides disagree about; closed when a later look finds it gone.

    `reconciliation_id` is the last look that saw it, `treatment` what was done about it then.
    `accepted_by` is who said that it may stay as `detail` tells it.
    """

    __tablename__ = "differences"
    __table_args__ = (
        Index(
            "differences_open",
            "account",
            "external_id",
            "kind",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("differences_of_reconciliation", "reconciliation_id"),
        Index("differences_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    external_id: Mapped[str]
    kind: Mapped[str]
    detail: Mapped[str]
    treatment: Mapped[str]
    reconciliation_id: Mapped[int] = mapped_column(ForeignKey("reconciliations.id"))
    found_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    accepted_by: Mapped[str | None]
