"""Check before a step whether the decision table still lets the order go on."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from pipeline.clients import Clients
from pipeline.magento.records import ENDED
from pipeline.orders.decision import Next, Tab
from pipeline.orders.outcome import Hold, HoldCode, Outcome, Skipped, Wait
from pipeline.orders.tables import Order
from tasks.cancelling.edited_in_shop import follow_edit
from tasks.cancelling.from_amazon import cancel
from tasks.cancelling.to_amazon import cancelling
from tasks.shipping.requested_shipment import end_requested_shipments


def unless_stopped(
    step: Callable[[Order, Clients], Outcome],
) -> Callable[[Order, Clients], Outcome]:
    """The step, which runs only if the decision table lets the order go on."""

    @wraps(step)
    def checked(order: Order, clients: Clients) -> Outcome:
        return stopped(order, clients) or step(order, clients)

    return checked


def stopped(order: Order, clients: Clients) -> Outcome | None:
    """The outcome that ends a step before it begins, or None when the order goes on.

    Raises CannotMap for an order with an edit in Magento that cannot be followed.
    """
    decision = clients.decision(order)
    order.shown = decision.tab is not Tab.HIDDEN
    if order.magento_state in ENDED or order.cancel_reason is not None:
        if decision.next is not Next.CANCEL:
            follow_edit(order, clients)
        if (outcome := cancelling(order, clients)) is not None:
            return outcome
    match decision.next:
        case Next.GO_ON if order.kept_back is not None:
            return Hold(
                HoldCode.KEPT_BACK,
                f"{order.kept_back} holds it; the reason is shown with the buyer's data",
            )
        case Next.GO_ON:
            return None
        case Next.VIEW_ONLY:
            return Skipped(f"shown only: {decision.row}")
        case Next.WAIT:
            return Wait(decision.reason, clients.recheck_waiting)
        case Next.HOLD:
            return Hold(decision.code or HoldCode.UNKNOWN_STATUS, decision.reason)
        case Next.CANCEL:
            end_requested_shipments(order, "cancelled on Amazon meanwhile", clients)
            return cancel(order, clients)
