"""The tables of reports that were asked for, and of buyers' returns."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Identity, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class ReportState(StrEnum):
    """How far a report has come; each state is committed before the next call is made."""

    WANTED = "wanted"
    REQUESTED = "requested"
    READY = "ready"
    ENDED = "ended"


class ReportOutcome(StrEnum):
    """How a report ended.

    EMPTY: Amazon had no rows for it. ODD: its headings are unknown, and nothing of it was stored.
    NOT_NEEDED: the account has no orders that such a report could tell of, and none was asked for.
    """

    READ = "read"
    EMPTY = "empty"
    FATAL = "fatal"
    ODD = "odd"
    REFUSED = "refused"
    GIVEN_UP = "given up"
    NOT_NEEDED = "not needed"


class AmazonReport(Base):
    """A report of an account that Amazon is asked for.

    `asked_at` is written before createReport and `report_id` after it: `asked_at` alone means that
    Amazon may have the report, so Amazon's reports are searched first. `trouble` is a sentence of
    ours on the last call that failed.
    """

    __tablename__ = "reports"
    __table_args__ = (
        Index(
            "reports_open",
            "account",
            "report_type",
            unique=True,
            postgresql_where=text("state <> 'ended'"),
        ),
        Index("reports_latest", "account", "report_type", "id"),
        Index("reports_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    report_type: Mapped[str]
    state: Mapped[str]
    marketplace_ids: Mapped[list[str]]
    since_at: Mapped[datetime]
    until_at: Mapped[datetime]
    created_at: Mapped[datetime]
    state_since: Mapped[datetime]
    due_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    report_id: Mapped[str | None]
    document_id: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    rows: Mapped[int | None] = mapped_column(Integer)
    bad_rows: Mapped[int | None] = mapped_column(Integer)
    trouble: Mapped[str | None]


class Return(Base):
    """A line of a buyer's return as the last report shows it; a request is not an arrival.

    It belongs to the order with its account and number, which may be imported later. `reference` is
    Amazon's RMA id, or the licence plate of a unit at Amazon; `place` tells equal rows apart, which
    are two units. `arrived_on` is the delivery to us, or the receipt at Amazon. `gone_at` is when a
    report of its time no longer showed it: the buyer withdrew the request. The buyer's comments,
    the product's name and the tracking number are not stored.
    """

    __tablename__ = "returns"
    __table_args__ = (
        UniqueConstraint(
            "account",
            "external_id",
            "fulfilled_by",
            "reference",
            "item",
            "place",
            name="returns_key",
        ),
        Index("returns_arrived", "arrived_on", postgresql_where=text("arrived_on IS NOT NULL")),
        Index("returns_requested", "account", "fulfilled_by", "requested_on"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    external_id: Mapped[str]
    fulfilled_by: Mapped[str]
    reference: Mapped[str]
    item: Mapped[str]
    place: Mapped[int] = mapped_column(Integer)
    sku: Mapped[str]
    asin: Mapped[str]
    quantity: Mapped[int] = mapped_column(Integer)
    ordered_quantity: Mapped[int | None] = mapped_column(Integer)
    reason: Mapped[str]
    status: Mapped[str]
    disposition: Mapped[str]
    resolution: Mapped[str]
    merchant_rma: Mapped[str]
    label_payer: Mapped[str]
    is_a_to_z: Mapped[bool]
    requested_on: Mapped[date | None]
    arrived_on: Mapped[date | None]
    refunded_total: Mapped[Decimal | None]
    currency: Mapped[str]
    first_seen_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    gone_at: Mapped[datetime | None]
