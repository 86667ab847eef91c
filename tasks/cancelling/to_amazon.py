"""An order with a requested cancellation waits here until Amazon has cancelled it."""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.magento.records import ENDED
from pipeline.orders.channel_order import FulfilledBy, RemoteStatus
from pipeline.orders.decision_table import PENDING
from pipeline.orders.outcome import Hold, HoldCode, Outcome, Wait
from pipeline.orders.states import CancellationState
from pipeline.orders.tables import Order
from tasks.cancelling.fewer_units import being_reduced

_SHIPPED = "goods have left already: take the parcel back and refund the buyer in Seller Central"


def cancelling(order: Order, clients: Clients) -> Outcome | None:
    """The outcome for an order that its seller cancelled; None for every other order.

    The wait ends with Amazon's status CANCELLED, whoever cancelled the order.
    """
    if order.fulfilled_by == FulfilledBy.AMAZON or order.remote_status == RemoteStatus.CANCELLED:
        return None
    if order.cancel_reason is None:
        if order.magento_state not in ENDED or order.shipments:
            return None
        if order.remote_status == RemoteStatus.PARTIALLY_SHIPPED:
            return Hold(HoldCode.CANCELLED_IN_MAGENTO, f"cancelled in Magento, but {_SHIPPED}")
        if order.remote_status not in PENDING | {RemoteStatus.UNSHIPPED} or not _is_ended(
            order, clients
        ):
            return None
        settings = clients.marketplace(order)
        if settings.cancel_to_amazon == "never":
            return Hold(
                HoldCode.CANCELLED_IN_MAGENTO,
                "cancelled in Magento and still open on Amazon: cancel it in Seller Central "
                "(cancel_to_amazon = never)",
            )
        order.cancel_reason = settings.cancel_reason
        order.cancellation = CancellationState.ASKED
    if order.shipments or order.remote_status in (
        RemoteStatus.PARTIALLY_SHIPPED,
        RemoteStatus.SHIPPED,
    ):
        return Hold(
            HoldCode.CANCELLED_AFTER_SHIPMENT,
            f"was to be cancelled on Amazon, but {_SHIPPED}; "
            f"`orderbridge orders cancel {order.external_id} --withdraw` lets it go on",
        )
    if order.cancellation == CancellationState.REFUSED:
        return Hold(
            HoldCode.CANCEL_REFUSED, f"Amazon refused the cancellation: {order.cancel_refusal}"
        )
    if order.cancellation == CancellationState.UNCLEAR:
        return Hold(
            HoldCode.CANCEL_REFUSED,
            f"it is not known whether Amazon accepted the cancellation: {order.cancel_refusal}. "
            "Check the order in Seller Central and cancel it there; or "
            f"`orderbridge orders cancel {order.external_id} --withdraw` and ask again",
        )
    if order.cancellation == CancellationState.ASKED:
        if not clients.account(order).seller_id:
            return Hold(
                HoldCode.SETTING_MISSING,
                f"a cancellation goes to Amazon in a feed, which needs accounts.{order.account}."
                "seller_id (in Seller Central: Account Info, Merchant Token)",
            )
        return Wait("the cancellation goes to Amazon with the next feed", clients.recheck_waiting)
    return Wait(
        "the cancellation was sent to Amazon; the result is pending", clients.recheck_waiting
    )


def _is_ended(order: Order, clients: Clients) -> bool:
    """Whether the Magento order is cancelled for good, before Amazon is asked to cancel the order.

    The watch may have read it while some of its units were being removed.
    """
    if order.magento_order_id is None or being_reduced(order, clients):
        return False
    order.magento_state = clients.shop(order).orders.get(order.magento_order_id).state
    return order.magento_state in ENDED
