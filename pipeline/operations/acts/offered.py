"""The acts that an order offers: for its page and for the command line.

Each act checks once more, under the order's lock, whether it is possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.operations.acts.ship import obstacle, requested_of
from pipeline.operations.acts.stated_value import may_say, may_withdraw
from pipeline.operations.preview.replay import WITHOUT_PERSONAL_DATA
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.decision_table import PENDING, STILL_TO_SHIP
from pipeline.orders.outcome import ABOUT_PRODUCTS, HoldCode
from pipeline.orders.requested_shipment import STANDING, RequestState, requested_shipment_key
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.states import TAKEN_BACK, CancellationState
from pipeline.orders.tables import LIVE, Effect, EffectState, Order, Status
from pipeline.shipping.feed_collecting import CANCELLABLE


class OrderAct(StrEnum):
    """What a person can do with an order, by the last word of its address on the console."""

    RELEASE = "release"
    HOLD = "hold"
    DISMISS = "dismiss"
    TAKE_UP = "take-up"
    CONFIRM_ANYWAY = "confirm-anyway"
    SHIP = "ship"
    WITHDRAW_SHIPMENT = "withdraw-shipment"
    CANCEL = "cancel"
    KEEP = "keep"
    MAP_SKU = "map-sku"
    TRANSPARENCY = "transparency"
    ADDRESS = "address"
    WORTH = "worth"
    WITHDRAW_WORTH = "withdraw-worth"
    REPLAY = "replay"
    PURGE = "purge"


_CONFIRMED_ANYWAY = (
    HoldCode.BUYER_WANTS_TO_CANCEL,
    HoldCode.SHIPMENT_CHANGED,
    HoldCode.CONFIRMATION_LOST,
)


def offered_acts(
    sessions: Sessions, order: Order, requested: Sequence[RequestedShipmentRow] | None = None
) -> frozenset[OrderAct]:
    """The acts that the order offers. `requested` are its requested shipments, if the caller has
    read them already."""
    if requested is None:
        requested = requested_of(sessions, order.id)
    # An open request counts more than a refused one.
    states = [state for state in STANDING if any(each.state == state for each in requested)]
    was_sent = False
    if states:
        keys = [
            requested_shipment_key(order.account, order.external_id, each.id)
            for each in requested
            if each.state in STANDING
        ]
        with sessions() as session:
            sent = session.scalars(
                select(Effect.key).where(
                    among(Effect.key, keys), Effect.state != EffectState.REFUSED
                )
            ).all()
        was_sent = len(sent) == len(keys)
    return acts_of(order, states[0] if states else None, was_sent=was_sent)


def acts_of(
    order: Order, requested: RequestState | None, *, was_sent: bool = False
) -> frozenset[OrderAct]:
    """The acts for an order whose requested shipments are in this state. `was_sent` says that all
    requests were sent to the shop, and not refused there."""
    is_live, is_ours = order.status in LIVE, order.fulfilled_by == FulfilledBy.MERCHANT
    is_parked = order.status in (Status.WAITING, Status.HELD)
    is_held, is_running = order.status == Status.HELD, order.status == Status.RUNNING
    is_asked = requested in STANDING
    acts = {
        OrderAct.RELEASE: is_parked,
        OrderAct.HOLD: is_live and order.holder is None,
        OrderAct.DISMISS: is_parked
        and order.remote_status not in PENDING
        and order.cancellation not in (CancellationState.ASKED, CancellationState.SENT),
        OrderAct.TAKE_UP: order.dismissed_at is not None,
        OrderAct.CONFIRM_ANYWAY: is_held and order.hold_code in _CONFIRMED_ANYWAY,
        OrderAct.SHIP: not obstacle(order) and requested != RequestState.OPEN and not was_sent,
        OrderAct.WITHDRAW_SHIPMENT: is_live
        and not was_sent
        and (
            requested == RequestState.REFUSED
            or (requested == RequestState.OPEN and order.remote_status in STILL_TO_SHIP)
        ),
        OrderAct.CANCEL: is_live
        and is_ours
        and not order.shipments
        and not is_asked
        and order.cancellation in (None, CancellationState.REFUSED)
        and order.remote_status in CANCELLABLE,
        OrderAct.KEEP: is_live and order.cancellation in TAKEN_BACK,
        OrderAct.MAP_SKU: is_held and order.hold_code in ABOUT_PRODUCTS and bool(mappable(order)),
        OrderAct.TRANSPARENCY: is_held and order.hold_code == HoldCode.TRANSPARENCY_CODES,
        OrderAct.ADDRESS: is_live
        and is_ours
        and order.magento_order_id is None
        and order.purged_at is None,
        OrderAct.WORTH: may_say(order),
        OrderAct.WITHDRAW_WORTH: may_withdraw(order),
        OrderAct.REPLAY: not is_running
        and (order.purged_at is None or order.step in WITHOUT_PERSONAL_DATA),
        OrderAct.PURGE: not is_running and order.purged_at is None,
    }
    return frozenset(act for act, is_offered in acts.items() if is_offered)


def mappable(order: Order) -> list[str]:
    """The SKUs of an order's lines, first the SKUs that the order waits for."""
    facts = order.hold_facts
    waited = facts.get("amazon_skus", facts.get("skus", "")).split(", ")
    skus = dict.fromkeys(line.sku.strip() for line in order.items if line.sku.strip())
    return sorted(skus, key=lambda sku: sku not in waited)
