"""The store view of the shop that an order belongs to."""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.tables import Order


def store_code(order: Order, clients: Clients) -> str:
    """The code of the marketplace's store view; FBA orders may have a separate store view."""
    settings = clients.marketplace(order)
    return settings.store(is_fba=order.fulfilled_by == FulfilledBy.AMAZON)
