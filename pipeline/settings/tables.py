"""The table of what operators turn while everything runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Identity
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class SettingOverrideRow(Base):
    """One turn of one setting, by a person. Rows are added and never changed: the newest counts.

    Without `marketplace_id` it is for all of the account. `value` is None where the setting is as
    in the file again.
    """

    __tablename__ = "turned_settings"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    marketplace_id: Mapped[str | None]
    name: Mapped[str]
    value: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    author: Mapped[str]
    at: Mapped[datetime]
    why: Mapped[str]
