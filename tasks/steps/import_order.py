"""Step 1 of 7. Read the marketplace's report, which is already stored."""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.orders.outcome import Done, Outcome
from pipeline.orders.tables import Order
from tasks.placing.order_facts import take_facts


def import_order(order: Order, clients: Clients) -> Outcome:
    """Copy the order's facts onto its row; an unreadable order is held and stops no other order."""
    take_facts(order, clients.placed(order))
    return Done()
