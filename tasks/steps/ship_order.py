"""Step 6 of 7. Wait for the warehouse; `watch_shipments` brings its shipments to the order."""

from __future__ import annotations

from pipeline.channel import FulfilledBy
from pipeline.clients import Clients
from pipeline.models import Order
from pipeline.outcome import Done, Hold, HoldCode, Outcome, Skipped, Wait
from tasks.steps.gate import stopped


def ship_order(order: Order, clients: Clients) -> Outcome:
    """Done with the first package that has a tracking number; the last step waits for the rest."""
    if (outcome := stopped(order, clients)) is not None:
        return outcome
    if order.fulfilled_by == FulfilledBy.AMAZON:
        return Skipped("Amazon shipped it")
    if order.remote_status == "SHIPPED" and not order.shipments:
        return Skipped("it had been shipped before it came to us")
    for item in order.items:
        left = item.quantity - item.quantity_fulfilled_before
        if units_shipped(order, item.magento_item_id) > left:
            return Hold(
                HoldCode.QUANTITY_ABOVE_ORDERED,
                f"Magento shipped more of {item.sku} than the {left} that were to be shipped",
                {"sku": item.sku},
            )
    if not order.shipments:
        return Wait("waiting for the warehouse", clients.recheck_waiting)
    if not any(shipment.tracking_number for shipment in order.shipments):
        return Wait("shipped, waiting for a tracking number", clients.recheck_waiting)
    return Done()


def units_shipped(order: Order, magento_item_id: int | None) -> int:
    """How many units of a line are in Magento's shipments."""
    return sum(
        part.quantity
        for shipment in order.shipments
        for part in shipment.items
        if part.magento_item_id == magento_item_id
    )
