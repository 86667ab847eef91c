"""An order's way by milestones: what people want to know first, with the runs and writes of each
folded beneath it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from pipeline.operations.lists.timeline import Event, Kind
from pipeline.orders.states import AttemptOutcome, EffectKind, StepName
from pipeline.orders.tables import LIVE, EffectState, Order, Status


class Name(StrEnum):
    """What a milestone is."""

    PLACED = "placed"
    IMPORTED = "imported"
    VERIFIED = "verified"
    IN_MAGENTO = "in_magento"
    SHIPPED = "shipped"
    CONFIRMED = "confirmed"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


@dataclass(slots=True)
class Milestone:
    """A milestone; the one that the order is on its way to has no time yet.

    `lasted` is the time since the milestone before, `events` are the runs and writes that led to
    it, newest first.
    """

    name: Name
    at: datetime | None
    about: str = ""
    lasted: timedelta | None = None
    events: list[Event] = field(default_factory=list)

    @property
    def runs(self) -> int:
        """How often a step ran for it."""
        return sum(event.times for event in self.events if event.kind is Kind.ATTEMPT)

    @property
    def writes(self) -> int:
        """How many writes to a remote it took."""
        return sum(event.times for event in self.events if event.kind is Kind.WRITE)

    @property
    def holds(self) -> list[str]:
        """The codes of the holds on the way to it, each once, the newest first."""
        return list(dict.fromkeys(one.code for one in self.events if one.result == "hold"))


_OF_STEP: Mapping[str, Name] = {
    StepName.IMPORT_ORDER: Name.IMPORTED,
    StepName.VERIFY_ORDER: Name.VERIFIED,
    StepName.ENRICH_ORDER: Name.IN_MAGENTO,
    StepName.CREATE_CUSTOMER: Name.IN_MAGENTO,
    StepName.CREATE_ORDER: Name.IN_MAGENTO,
    StepName.SHIP_ORDER: Name.SHIPPED,
    StepName.SYNC_TRACKING: Name.CONFIRMED,
}
# Other writes belong to whichever milestone came next.
_OF_WRITE: Mapping[str, Name] = {
    EffectKind.CUSTOMER: Name.IN_MAGENTO,
    EffectKind.ORDER: Name.IN_MAGENTO,
    EffectKind.INVOICE: Name.IN_MAGENTO,
    EffectKind.SHIPMENT: Name.SHIPPED,
    EffectKind.CONFIRMATION: Name.CONFIRMED,
    EffectKind.CANCELLATION: Name.CANCELLED,
    EffectKind.CREDIT_MEMO: Name.REFUNDED,
}
_OVER = (AttemptOutcome.DONE, AttemptOutcome.SKIPPED)


def milestones(order: Order, events: Sequence[Event]) -> list[Milestone | Event]:
    """The milestones and what people did, newest first, out of the events of the timeline."""
    reached = sorted(_reached(order, events), key=_time)
    for before, after in pairwise(reached):
        after.lasted = _time(after) - _time(before)
    ahead = [Milestone(_OF_STEP[order.step], None)] if order.status in LIVE else []
    for event in events:
        if event.kind in (Kind.ATTEMPT, Kind.WRITE):
            _home(event, [*reached, *ahead]).events.append(event)
    people = [event for event in events if event.kind is Kind.NOTE]
    past: list[Milestone | Event] = [*reached, *reversed(people)]
    return [*ahead, *sorted(past, key=_time)[::-1]]


def _reached(order: Order, events: Sequence[Event]) -> Iterator[Milestone]:
    if order.purchased_at is not None:
        yield Milestone(Name.PLACED, order.purchased_at)
    yield Milestone(Name.IMPORTED, order.created_at)
    if verified := _first_end(events, Kind.ATTEMPT, StepName.VERIFY_ORDER, _OVER):
        yield Milestone(Name.VERIFIED, verified)
    placed = placed_in_magento(events) or _first_end(
        events, Kind.ATTEMPT, StepName.CREATE_ORDER, (AttemptOutcome.DONE,)
    )
    if placed and order.magento_order_id is not None:
        number = order.magento_increment_id or str(order.magento_order_id)
        yield Milestone(Name.IN_MAGENTO, placed, number)
    for event in events:
        match event.kind:
            case Kind.PACKAGE:
                name = Name.SHIPPED if event.result == "shipped" else Name.CONFIRMED
                yield Milestone(name, event.at, event.detail or event.what)
            case Kind.REFUND:
                yield Milestone(Name.REFUNDED, event.at, f"{event.what}: {event.detail}")
            case Kind.WRITE if (event.what, event.result) == (
                EffectKind.CREDIT_MEMO,
                EffectState.DONE,
            ):
                yield Milestone(Name.REFUNDED, event.ended_at or event.at)
    if order.shipped_at is not None and not order.shipments:
        yield Milestone(Name.SHIPPED, order.shipped_at)
    if order.delivered_at is not None:
        yield Milestone(Name.DELIVERED, order.delivered_at)
    if order.status == Status.CANCELLED:
        ended = _first_end(events, Kind.ATTEMPT, None, (AttemptOutcome.CANCELLED,))
        yield Milestone(Name.CANCELLED, ended or order.updated_at)


def placed_in_magento(newest_first: Sequence[Event]) -> datetime | None:
    """When the Magento order was made or found, as far as the timeline goes back."""
    return _first_end(newest_first, Kind.WRITE, EffectKind.ORDER, (EffectState.DONE,))


def _first_end(
    newest_first: Sequence[Event], kind: Kind, what: str | None, results: Sequence[str]
) -> datetime | None:
    """When the first event of this kind and result ended."""
    for event in reversed(newest_first):
        if event.kind is kind and what in (None, event.what) and event.result in results:
            return event.ended_at or event.at
    return None


def _home(event: Event, in_turn: Sequence[Milestone]) -> Milestone:
    """The milestone that the run or write led to; one that led nowhere belongs to the last."""
    wanted = (_OF_STEP if event.kind is Kind.ATTEMPT else _OF_WRITE).get(event.what)
    among = [one for one in in_turn if one.name is wanted] or in_turn
    return next((one for one in among if one.at is None or one.at >= event.at), among[-1])


def _time(one: Milestone | Event) -> datetime:
    if one.at is None:
        raise ValueError("only a milestone that was reached has a time")
    return one.at
