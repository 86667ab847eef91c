"""Step 2 of 7. May we fulfil this order, and is it ready?"""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.decision import Next, Stock
from pipeline.orders.outcome import Done, Outcome, Wait
from pipeline.orders.tables import Order
from tasks.cancelling.stop_check import stopped
from tasks.placing.order_facts import take_facts
from tasks.placing.pending_stock import hold_stock, release_stock


def verify_order(order: Order, clients: Clients) -> Outcome:
    """Wait for Amazon's check of the payment (FBM) or for Amazon to ship the order (FBA).

    Meanwhile the stock is held if the operator wants that. A verified order keeps the held stock
    until its Magento order reserves the stock.
    """
    if order.report.raw is not None:
        # Its dates and programs may have arrived or changed while it waited here.
        take_facts(order, clients.placed(order))
    outcome = stopped(order, clients)
    if outcome is None:
        return Done()
    decision = clients.decision(order)
    if decision.next is not Next.WAIT or decision.stock is not Stock.RESERVED:
        if order.fulfilled_by == FulfilledBy.MERCHANT:
            release_stock(order, clients)
        return outcome
    note, delay = hold_stock(order, clients)
    reason = outcome.reason if isinstance(outcome, Wait) else decision.reason
    return Wait(f"{reason}; {note}", delay)
