"""The tables of what operates the installation: which remotes its database belongs to, and who was
told of what.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, false, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import Base


class Belonging(Base):
    """A remote that this database belongs to, as it was first told or as a person accepted it.

    `name` says which, such as `shops.main`; `noted_by` is empty for the first start.
    """

    __tablename__ = "belongings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    noted_at: Mapped[datetime]
    noted_by: Mapped[str]


class AlertDelivery(Base):
    """An incident's beginning or end (`event`: opened, closed), told or to be told by one way.

    `due_at` is when it may be tried next; while somebody tries, a little later than that can take.
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
    """How a job fares that reads a shop; see `pipeline.monitoring.shop_reads`.

    `trying_since` is when the first run began that has not come to a good end, None when the last
    one did. `failures` are those since then.
    """

    __tablename__ = "shop_reads"

    shop: Mapped[str] = mapped_column(primary_key=True)
    job: Mapped[str] = mapped_column(primary_key=True)
    trying_since: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    is_refused: Mapped[bool] = mapped_column(default=False, server_default=false())
    trouble: Mapped[str] = mapped_column(default="", server_default="")
