"""What a report tells of an order's delivery, for the time that personal data is kept."""

from __future__ import annotations

from typing import Any

from pipeline.orders.channel import Channel, Raw
from pipeline.orders.channel_order import Identity, RemoteStatus


def delivery_columns(channel: Channel, raw: Raw, identity: Identity) -> dict[str, Any]:
    """The columns of `orders` for the promised delivery, the departure and the delivery.

    Without a time of departure or delivery in the report, its own time of change stands for it.
    """
    told = channel.delivery(raw)
    has_left = identity.status == RemoteStatus.SHIPPED
    return {
        "deliver_by_at": told.promised_at,
        "shipped_at": (told.left_at or identity.updated_at) if has_left else None,
        "delivered_at": identity.updated_at if has_left and told.is_delivered else None,
    }
