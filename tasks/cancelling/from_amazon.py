"""The effects of a cancellation on Amazon, whichever step the order is at."""

from __future__ import annotations

from pipeline.base.errors import CannotMap
from pipeline.base.money import ZERO
from pipeline.clients import Clients
from pipeline.magento.records import ENDED, MagentoOrder
from pipeline.magento.rest.books import Books, Memo
from pipeline.orders.ledger_write import Trace, Write
from pipeline.orders.outcome import Cancelled, Hold, HoldCode, Outcome
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Order
from tasks.cancelling.edited_in_shop import newest_edit
from tasks.placing.pending_stock import release_stock
from tasks.placing.placement import placed_trace
from tasks.placing.reserve import reserved
from tasks.shipping.shop_comment import comment

_TOO_LATE = (
    "cancelled on Amazon after goods had left the warehouse; get them back or talk to the buyer"
)
_GIVEN_UP = "no longer needed: cancelled on Amazon meanwhile"


def cancel(order: Order, clients: Clients) -> Outcome:
    """Cancel the Magento order if it exists; hold the order when goods have already left."""
    # An overtaken run may have placed it since this claim, and nobody would look again.
    order.known_writes = None
    release_stock(order, clients)
    ledger = clients.ledger_of(order)
    entity_id = ledger.made(placed_trace(order, clients))
    if order.shipments and entity_id is not None:
        return Hold(HoldCode.CANCELLED_AFTER_SHIPMENT, _TOO_LATE)
    # An invoice or a status that lands after the cancellation would open the order again.
    ledger.landed()
    if entity_id is None:
        ledger.give_up(_GIVEN_UP)
        return Cancelled("cancelled on Amazon before it was created in Magento")
    # During its reservation an order looks cancelled but is not: its stock would be held for ever.
    in_shop = newest_edit(order, clients.shop(order).orders.get(int(entity_id)), clients)
    now = reserved(order, in_shop, clients)
    order.magento_order_id = now.entity_id
    if any(item.quantity_shipped > 0 for item in now.items):
        return Hold(HoldCode.CANCELLED_AFTER_SHIPMENT, _TOO_LATE)
    # A cancellation that the seller requested here needs no second confirmation.
    is_left = (
        clients.marketplace(order).cancel_from_amazon == "hold" and order.cancel_reason is None
    )
    # A cancellation that began before the setting changed is completed.
    if is_left and now.state not in ENDED and not _is_begun(order, now, clients):
        return Hold(
            HoldCode.CANCEL_REFUSED,
            "cancelled on Amazon; cancel it in Magento too (cancel_from_amazon = hold)",
        )
    shop, was_open = clients.shop(order), now.state not in ENDED
    books = shop.credit_memos.books(now.entity_id)
    # Magento cancels the uninvoiced part and returns true, even if another part is invoiced.
    if was_open and (books.has_units or books.left > ZERO):
        ledger.once(_refund(order, now, books, clients))
        now = shop.orders.get(now.entity_id)
    if now.state not in ENDED:
        ledger.once(_cancellation(order, now, clients))
    now = shop.orders.get(now.entity_id)
    order.magento_state, order.magento_status = now.state, now.status
    books = shop.credit_memos.books(now.entity_id)
    if now.state not in ENDED or books.left != ZERO:
        return _unfinished(now, books, order)
    # A write whose reply was lost is recorded as done, not given up.
    if books.refunded:
        order.magento_refunded = books.refunded
        ledger.made(_refunded(order, now, clients))
    ledger.made(_cancellation(order, now, clients))
    ledger.give_up(_GIVEN_UP)
    note = comment(order, "Cancelled on Amazon, and therefore here too.", clients)
    return Cancelled("; ".join(filter(None, ("cancelled on Amazon and in Magento", note))))


def _is_begun(order: Order, now: MagentoOrder, clients: Clients) -> bool:
    ledger = clients.ledger_of(order)
    return (
        ledger.made(_refunded(order, now, clients)) is not None
        or ledger.made(_cancellation(order, now, clients)) is not None
    )


def _refunded(order: Order, now: MagentoOrder, clients: Clients) -> Trace:
    """The trace of the credit memo: everything invoiced or paid has been refunded."""
    shop = clients.shop(order)

    def find() -> str | None:
        books = shop.credit_memos.books(now.entity_id)
        is_made = not books.has_units and books.left <= ZERO
        newest = shop.credit_memos.newest(now.entity_id) if is_made else None
        return None if newest is None else str(newest)

    return clients.ledger_of(order).trace("cancel-refund", kind=EffectKind.CREDIT_MEMO, find=find)


def _refund(order: Order, now: MagentoOrder, books: Books, clients: Clients) -> Write[str]:
    """The credit memo over everything invoiced, so that the refund equals the payment."""
    shop = clients.shop(order)
    # A line without a product has taken nothing from the stock.
    goods = [item.item_id for item in now.items if item.ext_order_item_id and item.product_id]

    def send() -> str:
        if books.has_units:
            return shop.credit_memos.refund(now.entity_id, goods, books.difference)
        return shop.credit_memos.refund_units(
            now.entity_id, Memo({min(books.lines): ZERO}, books.base_left)
        )

    return _refunded(order, now, clients).write(send, HoldCode.CANCEL_REFUSED)


def _cancellation(order: Order, now: MagentoOrder, clients: Clients) -> Write[str]:
    """The cancellation of the uninvoiced part. Magento may return true and change nothing."""
    shop, entity_id = clients.shop(order), now.entity_id

    def find() -> str | None:
        state = shop.orders.get(entity_id).state
        return state if state in ENDED else None

    def send() -> str:
        shop.orders.cancel(entity_id)
        state = find()
        if state is None:
            in_shop = shop.orders.get(entity_id)
            raise CannotMap(HoldCode.CANCEL_REFUSED, _not_ended(in_shop), {"state": in_shop.state})
        return state

    trace = clients.ledger_of(order).trace("cancel", kind=EffectKind.CANCELLATION, find=find)
    return trace.write(send, HoldCode.CANCEL_REFUSED)


def _not_ended(in_shop: MagentoOrder) -> str:
    number = in_shop.increment_id or str(in_shop.entity_id)
    return (
        f"cancelled on Amazon, but Magento's order {number} is {in_shop.state} and cannot be "
        "cancelled: take it off hold or finish its review, cancel it there, and this "
        "goes on by itself"
    )


def _unfinished(in_shop: MagentoOrder, books: Books, order: Order) -> Hold:
    number = in_shop.increment_id or str(in_shop.entity_id)
    paid, refunded = (f"{amount.normalize():f}" for amount in (books.paid, books.refunded))
    facts = {"state": in_shop.state, "paid": paid, "refunded": refunded}
    if in_shop.state not in ENDED and books.left == ZERO:
        return Hold(HoldCode.CANCEL_REFUSED, _not_ended(in_shop), facts)
    return Hold(
        HoldCode.CANCEL_REFUSED,
        f"cancelled on Amazon; Magento's order {number} is {in_shop.state}, {paid} "
        f"{order.currency or ''} were paid and {refunded} refunded: refund the difference with a "
        "credit memo, and this goes on by itself".replace("  ", " "),
        facts,
    )
