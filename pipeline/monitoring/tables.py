"""The tables of operation: the remotes this database belongs to, the alerts sent to people, and the
runs of jobs that read a shop.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, false, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class Belonging(Base):
    """A remote that this database belongs to, since its first use or since a person accepted it.

    `name` names the remote, such as `shops.main`; `noted_by` is empty for the first use.
    """

    __tablename__ = "belongings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    noted_at: Mapped[datetime]
    noted_by: Mapped[str]


class AlertDelivery(Base):
    """The alert on one channel that an incident opened or closed (`event`: opened, closed).

    `due_at` is when the next try may start; during a try it lies later than the try can last.
    """

    __tablename__ = "alert_deliveries"
    __table_args__ = (
        Index("alert_deliveries_due", "due_at", postgresql_where=text("sent_at IS NULL")),
    )

    incident_id: Mapped[int] = mapped_column(
        ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    event: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    sent_at: Mapped[datetime | None]
    trouble: Mapped[str | None]


class ShopRead(Base):
    """The results of a job that reads a shop; see `pipeline.monitoring.shop_reads`.

    `without_success_since` is the start of the first run since the last success; None after a
    success. `failures` counts the failed runs since then.
    """

    __tablename__ = "shop_reads"

    shop: Mapped[str] = mapped_column(primary_key=True)
    job: Mapped[str] = mapped_column(primary_key=True)
    without_success_since: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    is_refused: Mapped[bool] = mapped_column(default=False, server_default=false())
    trouble: Mapped[str] = mapped_column(default="", server_default="")
