"""The one act that an order's page puts first: what most likely takes the order on."""

from __future__ import annotations

from collections.abc import Collection

from pipeline.operations.acts.offered import OrderAct
from pipeline.orders.tables import Order, Status

# Of a held order, these are its only remedies here: without them a retry would be held again.
_ONLY_REMEDIES = (OrderAct.TRANSPARENCY, OrderAct.WORTH)


def primary_act(order: Order, offered: Collection[str]) -> OrderAct | None:
    """The first act among those the order offers. None where nothing is left for a person to do."""
    first_to_last: tuple[OrderAct, ...]
    if order.dismissed_at is not None:
        first_to_last = (OrderAct.TAKE_UP,)
    elif order.status == Status.HELD:
        is_remedied = OrderAct.WITHDRAW_WORTH in offered
        remedies = () if is_remedied else _ONLY_REMEDIES
        first_to_last = (*remedies, OrderAct.RELEASE)
    elif order.holder is not None:
        first_to_last = (OrderAct.RELEASE,)
    else:
        first_to_last = (OrderAct.SHIP,)
    return next((act for act in first_to_last if act in offered), None)
