"""What a partial cancellation on Amazon means once the Magento order exists."""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.models import Order
from pipeline.outcome import Hold, HoldCode


def reduced(order: Order, clients: Clients) -> Hold | None:
    """Hold while Magento would still ship what Amazon has cancelled of a line.

    Once the shop's order has been brought down too, by a credit memo or by cancelling, the line's
    quantity is Amazon's and the order goes on.
    """
    if order.magento_order_id is None or order.raw is None:
        return None
    placed = clients.placed(order)
    wanted = {line.item_id: line.quantity for line in (*placed.lines, *placed.cancelled_lines)}
    fewer = [
        (item, wanted[item.external_item_id])
        for item in order.items
        if wanted.get(item.external_item_id, item.quantity) < item.quantity
    ]
    if not fewer:
        return None
    in_shop = {one.item_id: one for one in clients.shop(order).order(order.magento_order_id).items}
    for item, quantity in fewer:
        there = in_shop.get(item.magento_item_id or 0)
        if there is not None and there.quantity_left > quantity:
            return Hold(
                HoldCode.PARTLY_CANCELLED,
                f"Amazon cancelled {item.quantity - quantity} of {item.quantity} {item.sku}: take "
                "them off Magento's order with a credit memo, and the order goes on by itself",
                {"sku": item.sku, "quantity": str(quantity)},
            )
    for item, quantity in fewer:
        item.quantity = quantity
    return None
