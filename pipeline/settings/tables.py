"""The table of overrides."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Identity
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class SettingOverrideRow(Base):
    """An override of a setting by a person. Rows are added and never changed: the newest applies.

    Without `marketplace_id` it applies to the whole account. A `value` of None restores the file's
    value.
    """

    __tablename__ = "setting_overrides"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    marketplace_id: Mapped[str | None]
    name: Mapped[str]
    value: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    author: Mapped[str]
    at: Mapped[datetime]
    why: Mapped[str]
