"""Step 2 of 7. May we fulfil this order, and is it ready?"""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.models import Order
from pipeline.outcome import Done, Outcome
from tasks.steps.gate import stopped


def verify_order(order: Order, clients: Clients) -> Outcome:
    """Wait for Amazon's check of the payment (FBM) or for Amazon to have shipped (FBA)."""
    return stopped(order, clients) or Done()
