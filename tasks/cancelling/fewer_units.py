"""Which units of an order in Magento Amazon does not want any more."""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.orders.tables import Order, OrderItem

Fewer = list[tuple[OrderItem, int]]
"""Lines, and how many units of each Amazon still wants."""


def being_reduced(order: Order, clients: Clients) -> Fewer:
    """The lines of an order in Magento of which Amazon wants less than we took over, and how many.

    While there are any, what Magento shows of the order may be half of a change of ours.
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
