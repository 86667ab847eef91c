"""The tables of reconciliations and their differences."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Identity, Index, Integer, false, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class ReconciliationState(StrEnum):
    """The progress of a reconciliation."""

    RUNNING = "running"
    DONE = "done"


class Reconciliation(Base):
    """A comparison of Amazon, this database and Magento over a period of Amazon's changes.

    `is_listed` says that Amazon's list has been read to its end; the orders with earlier open
    differences are compared next. `due_at` is when the run may continue.
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
    """A difference between the three sides; a later comparison that no longer sees it closes it.

    `reconciliation_id` is the last run that saw the difference, `treatment` what that run did about
    it. `accepted_by` is the person who accepted the difference as `detail` describes it.
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
