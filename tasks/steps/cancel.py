"""What a cancellation on Amazon means for us, wherever the order stands."""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.effects import Write
from pipeline.errors import CannotMap
from pipeline.magento.records import ENDED
from pipeline.models import Order
from pipeline.outcome import Cancelled, Hold, HoldCode, Outcome
from tasks.steps.placement import placed_trace

_TOO_LATE = (
    "cancelled on Amazon after goods had left the warehouse; get them back or talk to the buyer"
)


def cancel(order: Order, clients: Clients) -> Outcome:
    """Cancel our Magento order when there is one; hold when goods have already left."""
    entity_id = clients.ledger.made(order.id, placed_trace(order, clients))
    if entity_id is None:
        return Cancelled("cancelled on Amazon before it was created in Magento")
    order.magento_order_id = int(entity_id)
    if order.shipments:
        return Hold(HoldCode.CANCELLED_AFTER_SHIPMENT, _TOO_LATE)
    # What the seller has asked for himself needs no second look.
    if clients.marketplace(order).cancel_from_amazon == "hold" and order.cancel_reason is None:
        return Hold(
            HoldCode.CANCEL_REFUSED,
            "cancelled on Amazon; cancel it in Magento too (cancel_from_amazon = hold)",
        )
    order.magento_status = clients.ledger.once(
        order.id, _cancellation(order, int(entity_id), clients)
    )
    return Cancelled("cancelled on Amazon and in Magento")


def _cancellation(order: Order, entity_id: int, clients: Clients) -> Write:
    shop = clients.shop(order)

    def find() -> str | None:
        state = shop.order(entity_id).state
        return state if state in ENDED else None

    def send() -> str:
        now = shop.order(entity_id)
        if any(item.quantity_shipped > 0 for item in now.items):
            raise CannotMap(HoldCode.CANCELLED_AFTER_SHIPMENT, _TOO_LATE)
        # An invoiced order cannot be cancelled in Magento; its invoice is taken back instead.
        if now.state not in ENDED and not shop.cancel(entity_id):
            goods = [item.item_id for item in now.items if item.ext_order_item_id]
            shop.refund(entity_id, back_to_stock=goods)
        return find() or ""

    return Write(
        key=f"cancel:{order.account}:{order.external_id}",
        kind="cancellation",
        send=send,
        find=find,
        settles_after=clients.settles_after(order),
        refused_as=HoldCode.CANCEL_REFUSED,
    )
