"""What the Orders tab needs of an order, taken from the marketplace's words. Nothing personal."""

from __future__ import annotations

from pipeline.channel import Amounts, ChannelOrder
from pipeline.models import Order, OrderItem


def take_facts(order: Order, placed: ChannelOrder) -> None:
    """Copy dates, total, programs and lines onto the order's row; repeating it changes nothing."""
    order.purchased_at = placed.purchased_at
    order.ship_by_at = placed.ship_by_at
    order.deliver_by_at = placed.deliver_by_at
    order.currency = placed.currency
    order.grand_total = placed.grand_total
    order.programs = list(placed.programs)
    known = {item.external_item_id: item for item in order.items}
    for line in placed.lines:
        item = known.get(line.item_id)
        if item is None:
            item = OrderItem(external_item_id=line.item_id, quantity_fulfilled_before=0)
            order.items.append(item)
        item.sku, item.title, item.quantity = line.sku, line.title, line.quantity


def take_amounts(order: Order, amounts: Amounts) -> None:
    """Keep the proof of the total: every line and adjustment that makes it up."""
    order.currency, order.grand_total = amounts.currency, amounts.grand_total
    for item in order.items:
        line = amounts.lines.get(item.external_item_id)
        item.line_total = line.total if line else None
    order.total_proof = {
        "mode": amounts.mode,
        "grand_total": str(amounts.grand_total),
        "lines": {item_id: str(line.total) for item_id, line in amounts.lines.items()},
        "adjustments": {one.label: str(one.amount) for one in amounts.adjustments},
    }
