"""Units of a Magento order that Amazon does not want any more."""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.orders.tables import Order, OrderItem

Fewer = list[tuple[OrderItem, int]]
"""Lines, each with the number of units that Amazon still wants."""


def being_reduced(order: Order, clients: Clients) -> Fewer:
    """The lines of a Magento order of which Amazon wants fewer units than imported, and how many.

    While any exist, the Magento order may be in the middle of a change of ours.
    """
    if order.magento_order_id is None or order.report.raw is None:
        return []
    placed = clients.placed(order)
    wanted = {line.item_id: line.quantity for line in (*placed.lines, *placed.cancelled_lines)}
    return [
        (item, wanted[item.external_item_id])
        for item in order.items
        if wanted.get(item.external_item_id, item.quantity) < item.quantity
    ]
