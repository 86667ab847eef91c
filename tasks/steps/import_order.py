"""Step 1 of 7. Read what the marketplace reported; the report itself is already stored."""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.orders.outcome import Done, Outcome
from pipeline.orders.tables import Order
from tasks.placing.order_facts import take_facts


def import_order(order: Order, clients: Clients) -> Outcome:
    """Put the order's facts onto its row; an unreadable one is held, and never stops the others."""
    take_facts(order, clients.placed(order))
    return Done()
