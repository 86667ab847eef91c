"""The tables of what operates the installation: which remotes its database belongs to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models import Base


class Belonging(Base):
    """A remote that this database belongs to, as it was first told or as a person accepted it.

    `name` says which, such as `shops.main`; `noted_by` is empty for the first start.
    """

    __tablename__ = "belongings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    noted_at: Mapped[datetime]
    noted_by: Mapped[str]
