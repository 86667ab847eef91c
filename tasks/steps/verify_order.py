"""Step 2 of 7. May we fulfil this order, and is it ready?"""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.models import Order
from pipeline.outcome import Done, Outcome
from tasks.steps.facts import take_facts
from tasks.steps.gate import stopped


def verify_order(order: Order, clients: Clients) -> Outcome:
    """Wait for Amazon's check of the payment (FBM) or for Amazon to have shipped (FBA)."""
    if order.raw is not None:
        # While it waited here its dates and programs may have come, or changed.
        take_facts(order, clients.placed(order))
    return stopped(order, clients) or Done()
