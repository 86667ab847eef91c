"""What a report tells of an order's delivery, for the time that personal data is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipeline.intake.reports import parsed
from pipeline.orders.channel import Channel, Raw
from pipeline.orders.channel_order import ChannelOrder, Identity, RemoteStatus

_DELIVERED, _CANCELLED = "DELIVERED", "CANCELLED"


def delivery_columns(channel: Channel, raw: Raw, identity: Identity) -> dict[str, Any]:
    """The columns of `orders` for the promised delivery, the departure and the delivery.

    The report names no time of a delivery: the report's own time of change stands for it.
    """
    order = parsed(channel, raw)
    has_left = order is not None and order.status == RemoteStatus.SHIPPED
    return {
        "deliver_by_at": order.deliver_by_at if order else None,
        "shipped_at": _left_at(order) or identity.updated_at if order and has_left else None,
        "delivered_at": identity.updated_at if order and _is_delivered(order) else None,
    }


def _left_at(order: ChannelOrder) -> datetime | None:
    return max((at for package in order.packages if (at := package.shipped_at)), default=None)


def _is_delivered(order: ChannelOrder) -> bool:
    states = {package.status for package in order.packages} - {_CANCELLED}
    return order.status == RemoteStatus.SHIPPED and states == {_DELIVERED}
