"""What a cancellation on Amazon means for us, wherever the order stands."""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.effects import Write
from pipeline.errors import CannotMap
from pipeline.magento.records import ENDED, MagentoOrder
from pipeline.models import Order
from pipeline.outcome import Cancelled, Hold, HoldCode, Outcome
from tasks.steps.edited import newest_edit
from tasks.steps.pending_stock import release_stock
from tasks.steps.placement import placed_trace
from tasks.steps.reserving import reserved
from tasks.steps.told import comment

_TOO_LATE = (
    "cancelled on Amazon after goods had left the warehouse; get them back or talk to the buyer"
)
_GIVEN_UP = "not made any more: cancelled on Amazon meanwhile"


def cancel(order: Order, clients: Clients) -> Outcome:
    """Cancel our Magento order when there is one; hold when goods have already left."""
    release_stock(order, clients)
    entity_id = clients.ledger.made(order.id, placed_trace(order, clients))
    if order.shipments and entity_id is not None:
        return Hold(HoldCode.CANCELLED_AFTER_SHIPMENT, _TOO_LATE)
    # An invoice or a status that lands after the cancellation would open the order again.
    clients.ledger.landed(order.id, clients.settles_after(order))
    if entity_id is None:
        clients.ledger.give_up(order.id, _GIVEN_UP)
        return Cancelled("cancelled on Amazon before it was created in Magento")
    # One that is still being reserved looks cancelled and is not: its stock would be held for ever.
    there = newest_edit(order, clients.shop(order).order(int(entity_id)), clients)
    now = reserved(order, there, clients)
    order.magento_order_id = now.entity_id
    cancellation = _cancellation(order, now, clients)
    # What the seller has asked for himself needs no second look.
    is_left = (
        clients.marketplace(order).cancel_from_amazon == "hold" and order.cancel_reason is None
    )
    # One that was begun before the setting was turned is seen through.
    if is_left and clients.ledger.made(order.id, cancellation) is None:
        return Hold(
            HoldCode.CANCEL_REFUSED,
            "cancelled on Amazon; cancel it in Magento too (cancel_from_amazon = hold)",
        )
    order.magento_status = clients.ledger.once(order.id, cancellation)
    clients.ledger.give_up(order.id, _GIVEN_UP)
    note = comment(order, "Cancelled on Amazon, and therefore here too.", clients)
    return Cancelled("; ".join(filter(None, ("cancelled on Amazon and in Magento", note))))


def _cancellation(order: Order, now: MagentoOrder, clients: Clients) -> Write:
    shop, entity_id = clients.shop(order), now.entity_id

    def find() -> str | None:
        state = shop.order(entity_id).state
        return state if state in ENDED else None

    def send() -> str:
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
