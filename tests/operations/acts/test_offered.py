"""Which acts an order offers, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.operations.acts.offered import OrderAct, acts_of, offered_acts
from pipeline.orders.outcome import HoldCode
from pipeline.orders.requested_shipment import RequestState, requested_shipment_key
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.tables import Effect, EffectState, Status
from tests.builders import loaded
from tests.console.builders import (
    NOW,
    a_held_order,
    a_pending_order,
    a_shipped_order,
    an_order,
    store,
)

A = OrderAct
ALWAYS = {A.REPLAY, A.PURGE}
PARKED = {*ALWAYS, A.RELEASE, A.HOLD, A.DISMISS}
IN_THE_SHOP = {*PARKED, A.SHIP, A.CANCEL}
HELD = {*PARKED, A.CANCEL, A.ADDRESS}
OPEN, REFUSED, DONE = RequestState.OPEN, RequestState.REFUSED, RequestState.DONE
HOLD = {"status": Status.HELD, "hold_reason": "why", "hold_facts": {}}


def held_as(code: HoldCode, **more: Any) -> dict[str, Any]:
    return {**HOLD, "hold_code": code, **more}


@pytest.mark.parametrize(
    ("build", "changes", "requested", "acts"),
    [
        # On its way.
        (an_order, {"status": Status.READY}, None, {*ALWAYS, A.HOLD, A.SHIP, A.CANCEL}),
        (an_order, {"status": Status.RUNNING}, None, {A.HOLD, A.SHIP, A.CANCEL}),
        (an_order, {}, None, IN_THE_SHOP),
        (an_order, {"fulfilled_by": "FBA"}, None, PARKED),
        (an_order, {"remote_status": "SHIPPED"}, None, PARKED),
        (a_pending_order, {}, None, {*ALWAYS, A.RELEASE, A.HOLD, A.CANCEL, A.ADDRESS}),
        # A shipment is requested, refused, made.
        (an_order, {}, OPEN, {*PARKED, A.WITHDRAW_SHIPMENT}),
        (an_order, {}, REFUSED, {*PARKED, A.SHIP, A.WITHDRAW_SHIPMENT}),
        (an_order, {}, DONE, IN_THE_SHOP),
        # Confirmed, and yet its request stands.
        (an_order, {"remote_status": "SHIPPED"}, OPEN, PARKED),
        (a_shipped_order, {}, OPEN, ALWAYS),
        (a_shipped_order, {}, REFUSED, ALWAYS),
        # A cancellation is requested, sent, refused, accepted.
        (an_order, {"cancellation": "asked"}, None, {*ALWAYS, A.RELEASE, A.HOLD, A.KEEP}),
        (an_order, {"cancellation": "sent"}, None, {*ALWAYS, A.RELEASE, A.HOLD}),
        (an_order, {"cancellation": "refused"}, None, {*IN_THE_SHOP, A.KEEP}),
        (an_order, {"cancellation": "accepted"}, None, PARKED),
        (an_order, {"cancellation": "asked", "status": Status.CANCELLED}, None, ALWAYS),
        # A person holds it.
        (an_order, {"kept_back": "anna"}, None, IN_THE_SHOP - {A.HOLD}),
        # Held.
        (a_held_order, {}, None, {*HELD, A.MAP_SKU}),
        (a_held_order, {"items": []}, None, HELD),
        (
            a_held_order,
            {"purged_at": NOW},
            None,
            {A.RELEASE, A.HOLD, A.DISMISS, A.CANCEL, A.MAP_SKU},
        ),
        (an_order, held_as(HoldCode.TRANSPARENCY_CODES), None, {*IN_THE_SHOP, A.TRANSPARENCY}),
        (
            an_order,
            held_as(HoldCode.BUYER_WANTS_TO_CANCEL),
            None,
            {*IN_THE_SHOP, A.CONFIRM_ANYWAY},
        ),
        (an_order, {"hold_code": HoldCode.BUYER_WANTS_TO_CANCEL}, None, IN_THE_SHOP),
        (
            a_held_order,
            {"stated_value": {"total": "1"}},
            None,
            {*HELD, A.MAP_SKU, A.WORTH, A.WITHDRAW_WORTH},
        ),
        # Over.
        (a_shipped_order, {}, None, ALWAYS),
        (a_shipped_order, {"purged_at": NOW}, None, {A.REPLAY}),
        (an_order, {"status": Status.CANCELLED}, None, ALWAYS),
        (an_order, {"status": Status.DONE, "dismissed_at": NOW}, None, {*ALWAYS, A.TAKE_UP}),
    ],
)
def test_an_order_offers_what_can_be_done_with_it(
    build: Any, changes: dict[str, Any], requested: RequestState | None, acts: set[OrderAct]
) -> None:
    order = build(1, **changes)
    # What the database gives where nothing was said.
    order.programs, order.hold_facts = order.programs or [], order.hold_facts or {}
    for item in order.items:
        item.quantity_fulfilled_before = 0
    assert acts_of(order, requested) == acts


@pytest.mark.parametrize(
    ("sent", "acts"),
    [
        (None, {A.WITHDRAW_SHIPMENT}),
        (EffectState.REFUSED, {A.WITHDRAW_SHIPMENT}),
        (EffectState.INTENDED, set()),
        (EffectState.UNKNOWN, set()),
        (EffectState.DONE, set()),
    ],
)
def test_a_shipment_that_was_sent_to_the_shop_is_not_taken_back(
    sessions: Sessions, sent: EffectState | None, acts: set[OrderAct]
) -> None:
    (order_id,) = store(sessions, an_order(1))
    row = RequestedShipmentRow(
        **{"order_id": order_id, "asked_at": NOW, "author": "anna"},
        **{"carrier_code": "dhl", "carrier_title": "DHL", "tracking_number": "0034"},
    )
    with sessions() as session, session.begin():
        session.add(row)
        session.flush()
        if sent is not None:
            key = requested_shipment_key("eu", "303-0000000-0000001", row.id)
            about = {"order_id": order_id, "kind": "shipment", "intended_at": NOW}
            session.add(Effect(key=key, state=sent, **about))
    offered = offered_acts(sessions, loaded(sessions, order_id))
    assert offered & {A.SHIP, A.WITHDRAW_SHIPMENT} == acts
