"""The board: orders that have to ship soon, and packages that left unconfirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from pipeline.base.db import Sessions
from pipeline.monitoring.reconcile.compare import NEVER_CONFIRMED
from pipeline.operations.lists.counts import Count
from pipeline.operations.lists.returns import to_refund
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.decision_table import STILL_TO_SHIP
from pipeline.orders.package_tables import Shipment, ShipmentItem
from pipeline.orders.states import ConfirmationState
from pipeline.orders.tables import LIVE, Order, OrderItem, Status

MOST = 200
COUNTED = 1_000
UNCONFIRMED_AFTER = timedelta(minutes=15)
"""A confirmation is normally sent by then, unless something delays it."""


class Class(StrEnum):
    """How much time is left until an order's ship-by time."""

    LATE = "late"
    HOUR = "within 1 h"
    HOURS = "within 6 h"
    DAY = "within 24 h"


_CLASSES = (
    (Class.LATE, timedelta(0)),
    (Class.HOUR, timedelta(hours=1)),
    (Class.HOURS, timedelta(hours=6)),
    (Class.DAY, timedelta(hours=24)),
)


@dataclass(frozen=True, slots=True)
class ToShip:
    """An order with `left` units still to ship; 0 while its lines are unknown."""

    id: int
    external_id: str
    magento_increment_id: str | None
    status: str
    step: str
    programs: Sequence[str]
    note: str
    ship_by_at: datetime
    left: int

    def class_at(self, now: datetime) -> Class:
        """The order's urgency; only orders due within 24 hours are on the board."""
        return next(name for name, within in _CLASSES if self.ship_by_at <= now + within)


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A package that left the shop at `shipped_at`, and why Amazon has not accepted its
    confirmation yet."""

    id: int
    external_id: str
    shipment: int
    tracking_number: str
    shipped_at: datetime
    confirmation: str
    status: str
    ship_by_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The counts of the navigation: held orders, orders on the board, unconfirmed packages, and
    returns that arrived and are not refunded."""

    held: Count
    to_ship: Count
    unconfirmed: Count
    to_refund: Count


class Board:
    """Reads the board. Each method runs a single query."""

    def __init__(self, sessions: Sessions, now: datetime) -> None:
        self._sessions = sessions
        self._now = now

    def to_ship(self) -> list[ToShip]:
        """Orders whose ship-by time is within 24 hours or has passed: 200 at most."""
        query = (
            select(
                Order.id,
                Order.external_id,
                Order.magento_increment_id,
                Order.status,
                Order.step,
                Order.programs,
                func.coalesce(Order.hold_reason, Order.last_note).label("note"),
                Order.ship_by_at,
                func.coalesce(_left(), 0).label("left"),
            )
            .where(*self._is_to_ship())
            .order_by(Order.ship_by_at, Order.id)
            .limit(MOST)
        )
        with self._sessions() as session:
            return [ToShip(**row._mapping) for row in session.execute(query)]

    def by_class(self) -> dict[Class, int]:
        """How many orders each class has, without a limit."""
        bounds = [(name, self._now + within) for name, within in _CLASSES]
        counts = [func.count().filter(Order.ship_by_at <= until) for _, until in bounds]
        with self._sessions() as session:
            row = session.execute(select(*counts).where(*self._is_to_ship())).one()
        numbers = [0, *row]
        return {
            name: after - before
            for (name, _), before, after in zip(bounds, numbers, numbers[1:], strict=False)
        }

    def unconfirmed(self) -> list[Unconfirmed]:
        """Unconfirmed packages that left at least 15 minutes ago; the oldest first, at most 200."""
        query = (
            select(
                Order.id,
                Order.external_id,
                Shipment.magento_shipment_id.label("shipment"),
                Shipment.tracking_number,
                Shipment.shipped_at,
                Shipment.confirmation,
                Order.status,
                Order.ship_by_at,
                func.coalesce(Shipment.refusal, Order.hold_reason, Order.last_note).label("reason"),
            )
            .join_from(Order, Shipment, Shipment.order_id == Order.id)
            .where(*self._is_unconfirmed())
            .order_by(Shipment.shipped_at, Shipment.id)
            .limit(MOST)
        )
        with self._sessions() as session:
            return [Unconfirmed(**row._mapping) for row in session.execute(query)]

    def standing(self) -> Standing:
        """The counts of the navigation; counting stops at a thousand."""
        held = select(Order.id).where(Order.status == Status.HELD, Order.shown.is_(True))
        to_ship = select(Order.id).where(*self._is_to_ship())
        unconfirmed = (
            select(Shipment.id)
            .join_from(Order, Shipment, Shipment.order_id == Order.id)
            .where(*self._is_unconfirmed())
        )
        counted = (held, to_ship, unconfirmed, to_refund(self._now))
        with self._sessions() as session:
            numbers = session.execute(select(*map(_at_most, counted))).one()
        return Standing(*(Count(min(number, COUNTED), number > COUNTED) for number in numbers))

    def _is_to_ship(self) -> list[ColumnElement[bool]]:
        left = _left()
        return [
            Order.status.in_(LIVE),
            Order.fulfilled_by == FulfilledBy.MERCHANT,
            Order.remote_status.in_(STILL_TO_SHIP),
            Order.ship_by_at <= self._now + _CLASSES[-1][1],
            or_(left.is_(None), left > 0),
        ]

    def _is_unconfirmed(self) -> list[ColumnElement[bool]]:
        return [
            Order.status.in_(LIVE),
            Order.fulfilled_by == FulfilledBy.MERCHANT,
            ~Order.programs.overlap(sorted(NEVER_CONFIRMED)),
            Shipment.confirmation != ConfirmationState.ACCEPTED,
            Shipment.shipped_at <= self._now - UNCONFIRMED_AFTER,
        ]


def _left() -> ColumnElement[int]:
    """Units of an order that the shop has not shipped; NULL while it has no lines."""
    ordered = (
        select(func.sum(OrderItem.quantity - OrderItem.quantity_fulfilled_before))
        .where(OrderItem.order_id == Order.id)
        .scalar_subquery()
    )
    shipped = (
        select(func.coalesce(func.sum(ShipmentItem.quantity), 0))
        .join_from(Shipment, ShipmentItem, ShipmentItem.shipment_id == Shipment.id)
        .where(Shipment.order_id == Order.id)
        .scalar_subquery()
    )
    return ordered - shipped


def _at_most(some: Select[Any]) -> ColumnElement[int]:
    return select(func.count()).select_from(some.limit(COUNTED + 1).subquery()).scalar_subquery()
