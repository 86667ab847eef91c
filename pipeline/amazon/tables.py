"""The table of accounts that Amazon refuses."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class AccountAccess(Base):
    """An account that Amazon refuses; a working account has no row.

    `refused_since` is the first refusal since the last successful call. After `stopped_at` the only
    call to Amazon is the probe that is due at `probe_at`.
    """

    __tablename__ = "account_access"

    account: Mapped[str] = mapped_column(primary_key=True)
    refused_since: Mapped[datetime]
    stopped_at: Mapped[datetime | None]
    probe_at: Mapped[datetime]
    reason: Mapped[str]
