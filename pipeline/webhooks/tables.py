"""The tables of webhook endpoints and deliveries.

Triggers of the database add the deliveries in the transaction of the change that they tell of: see
docs/decisions/0080.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, Integer, func, text, true
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import UNSAMPLED, Base


class EventType(StrEnum):
    """What is told. The triggers name these too."""

    PLACED = "order.placed"
    HELD = "order.held"
    SHIPPED = "order.shipped"
    CONFIRMED = "order.confirmed"
    CANCELLED = "order.cancelled"
    REFUNDED = "order.refunded"


class Outcome(StrEnum):
    """How a delivery ended."""

    DELIVERED = "delivered"
    GIVEN_UP = "given up"


class WebhookEndpoint(Base):
    """Where another system is told. The secret is sealed under a key of the endpoint's own.

    While the endpoint does not answer, `failures` counts the tries in a row, and nothing is sent
    until `paused_until`.
    """

    __tablename__ = "webhook_endpoints"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    url: Mapped[str]
    events: Mapped[list[str]]
    wrapped_key: Mapped[bytes] = mapped_column(info=UNSAMPLED)
    secret: Mapped[bytes] = mapped_column(info=UNSAMPLED)
    active: Mapped[bool] = mapped_column(default=True, server_default=true())
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    paused_until: Mapped[datetime | None]


class WebhookDelivery(Base):
    """An event for an endpoint. `ended_at` is None until it is delivered or given up.

    `data` are the order's facts at `happened_at`, nothing that names a buyer. `queued_at` is when
    the event, or its replay, was queued. `trouble` is why the last try failed.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index(
            "webhook_deliveries_waiting",
            "endpoint_id",
            "order_id",
            "id",
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("webhook_deliveries_of_endpoint", "endpoint_id", "id"),
        Index("webhook_deliveries_event", "event_id"),
        Index(
            "webhook_deliveries_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    event_id: Mapped[str]
    type: Mapped[str]
    order_id: Mapped[int | None]
    happened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    data: Mapped[dict[str, Any]]
    queued_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    trouble: Mapped[str | None]
    outcome: Mapped[str | None]
    ended_at: Mapped[datetime | None]
