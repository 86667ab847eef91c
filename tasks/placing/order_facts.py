"""Copy the fields for the Orders tab from the marketplace's report. Nothing personal."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pipeline.base.money import written
from pipeline.orders.amounts import Amounts, LineAmounts
from pipeline.orders.channel_order import ChannelOrder
from pipeline.orders.tables import Order, OrderItem


def take_facts(order: Order, placed: ChannelOrder) -> None:
    """Copy dates, total, programs and lines onto the order's row; a repeat changes nothing.

    A line without remaining units is kept with the quantity 0.
    """
    order.purchased_at = placed.purchased_at
    order.ship_by_at = placed.ship_by_at
    order.deliver_by_at = placed.deliver_by_at
    order.currency = placed.currency
    order.grand_total = placed.grand_total
    order.programs = list(placed.programs)
    order.facts = _facts(placed)
    known = {item.external_item_id: item for item in order.items}
    for line in (*placed.lines, *placed.cancelled_lines):
        item = known.get(line.item_id)
        if item is None:
            item = OrderItem(external_item_id=line.item_id, quantity_fulfilled_before=0)
            order.items.append(item)
        item.sku, item.title, item.quantity = line.sku, line.title, line.quantity


def _facts(placed: ChannelOrder) -> dict[str, Any]:
    """Further facts that are shown without opening the sealed reply; empty values are left out."""
    facts = {
        "channel": placed.channel,
        "replaces": placed.replaces,
        "exchanges": placed.exchanges,
        "aliases": list(placed.aliases),
        "missing": {field: str(why) for field, why in placed.missing.items()},
    }
    return {name: value for name, value in facts.items() if value}


def take_amounts(order: Order, amounts: Amounts) -> None:
    """Store the proof of the total: every line and adjustment with all its parts."""
    order.currency, order.grand_total = amounts.currency, amounts.grand_total
    for item in order.items:
        line = amounts.lines.get(item.external_item_id)
        item.line_total = line.total if line else None

    def text(amount: Decimal) -> str:
        return written(amount, amounts.currency)

    order.total_proof = {
        "currency": amounts.currency,
        "mode": amounts.mode,
        "doubt": amounts.doubt,
        **({"said_by": amounts.said_by} if amounts.said_by else {}),
        "grand_total": text(amounts.grand_total),
        "lines": {item_id: text(line.total) for item_id, line in amounts.lines.items()},
        "parts": {
            item_id: {name: text(amount) for name, amount in _parts(line).items()}
            for item_id, line in amounts.lines.items()
        },
        "readings": dict(amounts.readings),
        "adjustments": {
            adjustment.label: text(adjustment.amount) for adjustment in amounts.adjustments
        },
        "collected_by_amazon": {
            item_id: text(line.collected_tax)
            for item_id, line in amounts.lines.items()
            if line.tax_is_collected_by_marketplace
        },
    }


def _parts(line: LineAmounts) -> dict[str, Decimal]:
    """The amounts of a line; they sum to its total."""
    return {
        "net": line.row_net,
        "discount": -line.discount_net,
        "tax": line.tax,
        "shipping": line.shipping_net - line.shipping_discount_net,
        "shipping tax": line.shipping_tax,
        "gift wrap": line.gift_wrap_net,
        "gift wrap tax": line.gift_wrap_tax,
        "other": line.other_net,
        "other tax": line.other_tax,
    }
