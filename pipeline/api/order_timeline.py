"""An order's timeline for other systems: its milestones, and what was tried.

Left out are notes and what remotes said in words: both may name a person.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

from pipeline.base.db import Sessions
from pipeline.operations.lists.milestones import placed_in_magento
from pipeline.operations.lists.timeline import Event, Kind, timeline
from pipeline.orders.states import ConfirmationState
from pipeline.orders.tables import Order

MOST = 500


class MilestoneName(StrEnum):
    """What an order reaches once."""

    PLACED_BY_BUYER = "placed_by_buyer"
    IMPORTED = "imported"
    PLACED_IN_MAGENTO = "placed_in_magento"
    SHIPPED = "shipped"
    CONFIRMED = "confirmed"
    DELIVERED = "delivered"


class Milestone(BaseModel):
    """When an order reached something; `shipped` is its first package, `confirmed` its last."""

    name: MilestoneName
    at: datetime


class TimelineEvent(BaseModel):
    """An event, or `times` equal events from `first_at` to `at`."""

    kind: Kind
    what: str
    result: str
    code: str
    reference: str
    at: datetime
    first_at: datetime
    ended_at: datetime | None
    times: int


class Timeline(BaseModel):
    """The milestones in sequence, and the newest events; `is_cut` says that older ones are left
    out."""

    milestones: list[Milestone]
    events: list[TimelineEvent]
    is_cut: bool


def told(sessions: Sessions, order: Order) -> Timeline:
    """The timeline of an order with its packages loaded."""
    events = [event for event in timeline(sessions, order) if event.kind is not Kind.NOTE]
    return Timeline(
        milestones=_milestones(order, events),
        events=[
            TimelineEvent(
                kind=event.kind,
                what=event.what,
                result=event.result,
                code=event.code,
                reference=event.reference,
                at=event.at,
                first_at=event.first_at,
                ended_at=event.ended_at,
                times=event.times,
            )
            for event in events[:MOST]
        ],
        is_cut=len(events) > MOST,
    )


def _milestones(order: Order, events: list[Event]) -> list[Milestone]:
    confirmed = [
        package.confirmed_at
        for package in order.shipments
        if package.confirmation == ConfirmationState.ACCEPTED and package.confirmed_at is not None
    ]
    is_confirmed = confirmed and len(confirmed) == len(order.shipments)
    times = {
        MilestoneName.PLACED_BY_BUYER: order.purchased_at,
        MilestoneName.IMPORTED: order.created_at,
        MilestoneName.PLACED_IN_MAGENTO: placed_in_magento(events),
        MilestoneName.SHIPPED: min(
            (package.shipped_at for package in order.shipments), default=order.shipped_at
        ),
        MilestoneName.CONFIRMED: max(confirmed) if is_confirmed else None,
        MilestoneName.DELIVERED: order.delivered_at,
    }
    return [Milestone(name=name, at=at) for name, at in times.items() if at is not None]
