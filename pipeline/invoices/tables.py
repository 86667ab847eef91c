"""The table of the invoices that Amazon is to have."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class UploadState(StrEnum):
    """How far an invoice has come; each state is committed before the next call is made.

    WANTED: the shop is asked for its number. HELD: nothing was sent, and a person has to help.
    UNKNOWN: it was sent, and Amazon gave no result; only a person sends it again. MADE_BY_AMAZON:
    Amazon makes the order's invoice itself. IGNORED: a person wants none uploaded.
    """

    WANTED = "wanted"
    WAITING = "waiting"
    UPLOADED = "uploaded"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    HELD = "held"
    UNKNOWN = "unknown"
    MADE_BY_AMAZON = "made by amazon"
    IGNORED = "ignored"


NEED_A_PERSON = (UploadState.REFUSED, UploadState.HELD, UploadState.UNKNOWN)
OPEN = (UploadState.WANTED, UploadState.WAITING, UploadState.UPLOADED, UploadState.SUBMITTED)


class InvoiceUpload(Base):
    """The invoice of an order at Amazon: an order has one at most.

    `submitted_at` is written before createFeed and the last of `feed_ids` after it: in the state
    UPLOADED, `submitted_at` means that Amazon may have the feed; `lost` counts in succession the
    answers of createFeed that never came. `size` and `digest` (SHA-256) are all that is kept of the
    PDF. `code` is Amazon's, `trouble` a sentence of ours. `asked_by` is the person who had it
    uploaded again, and `created_at` begins anew with that. `numbers` are those of all the order's
    invoices; without any, `increment_id` is empty.
    """

    __tablename__ = "invoice_uploads"
    __table_args__ = (
        Index(
            "invoice_uploads_open",
            "account",
            "due_at",
            postgresql_where=text("state IN ('wanted', 'waiting', 'uploaded', 'submitted')"),
        ),
        Index(
            "invoice_uploads_for_person",
            "order_id",
            postgresql_where=text("state IN ('refused', 'held', 'unknown')"),
        ),
        Index("invoice_uploads_ended", "account", "ended_at"),
        Index("invoice_uploads_number", "increment_id"),
        Index("invoice_uploads_digest", "digest"),
    )

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    account: Mapped[str]
    marketplace_id: Mapped[str]
    state: Mapped[str]
    increment_id: Mapped[str]
    numbers: Mapped[list[str]]
    grand_total: Mapped[Decimal]
    tax_total: Mapped[Decimal]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    lost: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    document_id: Mapped[str | None]
    submitted_at: Mapped[datetime | None]
    feed_ids: Mapped[list[str]] = mapped_column(default=list, server_default="{}")
    size: Mapped[int | None]
    digest: Mapped[str | None]
    code: Mapped[int | None] = mapped_column(Integer)
    trouble: Mapped[str | None]
    asked_by: Mapped[str | None]
    ended_at: Mapped[datetime | None]
