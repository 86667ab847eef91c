"""Step 6 of 7. Wait for the warehouse, or ship what a person asked for here.

`watch_shipments` brings the shipments to the order.
"""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.magento.records import HOLDED
from pipeline.orders.channel_order import FulfilledBy, RemoteStatus
from pipeline.orders.decision_table import CARRIED_BY_AMAZON
from pipeline.orders.outcome import Done, Hold, HoldCode, Outcome, Skipped, Wait
from pipeline.orders.tables import Order
from tasks.cancelling.fewer_units import being_reduced
from tasks.cancelling.invoice_check import invoiced_wrongly
from tasks.cancelling.part_cancelled import reduced
from tasks.shipping.packages import CONFIRMED_OTHERWISE
from tasks.shipping.requested_shipment import end_requested_shipments, ship_requested

ON_HOLD = "on hold in Magento, so nothing of it can be shipped until it is taken off hold there"
_SHIPPED_LATER = (
    "Amazon shows it as shipped: its label was bought there, or it was confirmed by hand; ship it "
    "in Magento as well"
)


def ship_order(order: Order, clients: Clients) -> Outcome:
    """Done with the first package that can be confirmed; the last step waits for the rest."""
    if order.fulfilled_by == FulfilledBy.AMAZON:
        return Skipped("Amazon shipped it")
    if CARRIED_BY_AMAZON.intersection(order.programs):
        return Skipped("Amazon's carrier collects it, so there is no tracking number to wait for")
    if order.remote_status == RemoteStatus.SHIPPED and not order.shipments:
        end_requested_shipments(order, "Amazon shows it as shipped", clients)
        return Skipped(
            _SHIPPED_LATER if _is_open(order) else "it was shipped before Orderbridge imported it"
        )
    fewer = being_reduced(order, clients)
    if fewer and (hold := reduced(order, fewer, clients)) is not None:
        return hold
    if (hold := invoiced_wrongly(order, clients)) is not None:
        return hold
    for item in order.items:
        left = item.quantity - item.quantity_fulfilled_before
        if units_shipped(order, item.magento_item_id) > left:
            return Hold(
                HoldCode.QUANTITY_ABOVE_ORDERED,
                f"Magento shipped more of {item.sku} than the {left} that were to be shipped",
                {"sku": item.sku},
            )
    if not order.shipments and order.magento_state == HOLDED:
        return Wait(ON_HOLD, clients.recheck_waiting)
    refused = ship_requested(order, clients)
    if refused is not None and CONFIRMED_OTHERWISE.intersection(order.programs):
        return refused
    # The last step confirms the other packages, tries a refused one again, and then holds.
    if not order.shipments:
        return refused or Wait(
            _shipped_here(order) or "waiting for the warehouse", clients.recheck_waiting
        )
    may_lack_number = clients.marketplace(order).confirm_without_tracking
    if not may_lack_number and not any(shipment.tracking_number for shipment in order.shipments):
        return refused or Wait("shipped, waiting for a tracking number", clients.recheck_waiting)
    return Done()


def _is_open(order: Order) -> bool:
    """Whether the shop still has units to ship, according to the last watch of its orders."""
    return order.magento_state in ("new", "processing")


def _shipped_here(order: Order) -> str:
    made = [
        str(each.magento_shipment_id)
        for each in order.requested_shipments
        if each.magento_shipment_id is not None
    ]
    if not made:
        return ""
    return f"shipped as {', '.join(made)}; the next watch of the shop reads the shipment"


def units_shipped(order: Order, magento_item_id: int | None) -> int:
    """The number of units of a line in Magento's shipments."""
    return sum(
        part.quantity
        for shipment in order.shipments
        for part in shipment.items
        if part.magento_item_id == magento_item_id
    )
