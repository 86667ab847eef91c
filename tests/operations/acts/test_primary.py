"""The act that an order's page puts first."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.operations.acts.offered import OrderAct, acts_of
from pipeline.operations.acts.primary import primary_act
from pipeline.orders.outcome import HoldCode
from pipeline.orders.requested_shipment import RequestState
from pipeline.orders.tables import Status
from tests.console.builders import NOW, a_held_order, a_pending_order, a_shipped_order, an_order

A = OrderAct
WITHOUT_TOTAL = {"hold_code": HoldCode.TOTALS_UNCLEAR, "hold_facts": {"amazon_tells": "no total"}}


@pytest.mark.parametrize(
    ("build", "changes", "requested", "act"),
    [
        # Held: try again, unless only a form on the page helps.
        (a_held_order, {}, None, A.RELEASE),
        (an_order, {"status": Status.HELD, "hold_code": HoldCode.KEPT_BACK}, None, A.RELEASE),
        (a_held_order, {"hold_code": HoldCode.TRANSPARENCY_CODES}, None, A.TRANSPARENCY),
        (a_held_order, WITHOUT_TOTAL, None, A.WORTH),
        (a_held_order, {**WITHOUT_TOTAL, "stated_value": {"total": "1"}}, None, A.RELEASE),
        (
            an_order,
            {"status": Status.HELD, "hold_code": HoldCode.SHIPMENT_REFUSED},
            RequestState.REFUSED,
            A.RELEASE,
        ),
        # To ship, unless that is asked already or somebody holds it.
        (an_order, {}, None, A.SHIP),
        (an_order, {}, RequestState.OPEN, None),
        (an_order, {"cancellation": "asked"}, None, None),
        (an_order, {"kept_back": "otto"}, None, A.RELEASE),
        # Nothing for a person.
        (an_order, {"fulfilled_by": "FBA"}, None, None),
        (a_pending_order, {}, None, None),
        (a_shipped_order, {}, None, None),
        (an_order, {"status": Status.CANCELLED, "kept_back": "otto"}, None, None),
        # Ignored, also one that somebody had held.
        (
            an_order,
            {"status": Status.DONE, "dismissed_at": NOW, "kept_back": "otto"},
            None,
            A.TAKE_UP,
        ),
        (an_order, {"status": Status.DONE, "dismissed_at": NOW}, None, A.TAKE_UP),
    ],
)
def test_it_is_what_takes_the_order_on(
    build: Any, changes: dict[str, Any], requested: RequestState | None, act: OrderAct | None
) -> None:
    order = build(1, **changes)
    # What the database gives where nothing was said.
    order.programs, order.hold_facts = order.programs or [], order.hold_facts or {}
    for item in order.items:
        item.quantity_fulfilled_before = 0
    offered = acts_of(order, requested)
    assert primary_act(order, offered) == act
    assert act is None or act in offered
    assert primary_act(order, frozenset()) is None
