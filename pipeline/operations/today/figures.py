"""How it went by day or month: orders, the time to Magento, to the confirmation, and on time.

Each function runs a single query whose rows are of a day (or month) of the reader, and of a value
of `by` if one is given. Backfilled periods count for nothing but the number of orders: their orders
were placed long before they were wanted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Float,
    SQLColumnExpression,
    and_,
    case,
    exists,
    extract,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.orm import Session

from pipeline.base.id_lists import among
from pipeline.intake.tables import Backfill
from pipeline.orders.channel_order import FulfilledBy, RemoteStatus
from pipeline.orders.decision_table import STILL_TO_SHIP
from pipeline.orders.package_tables import Shipment
from pipeline.orders.states import ConfirmationState, EffectKind
from pipeline.orders.tables import Effect, EffectState, Order, Status

_SHARES = literal([0.5, 0.9], ARRAY(Float))
Row = tuple[Any, ...]
Columns = Sequence[SQLColumnExpression[Any]]


@dataclass(frozen=True, slots=True)
class Span:
    """The days or months of a zone from `first` on until `now`."""

    first: date
    now: datetime
    zone: ZoneInfo
    unit: Literal["day", "month"] = "day"

    @classmethod
    def of_days(cls, number: int, now: datetime, zone: ZoneInfo) -> Span:
        """The last days, today among them."""
        return cls(now.astimezone(zone).date() - timedelta(days=number - 1), now, zone)

    @classmethod
    def of_months(cls, number: int, now: datetime, zone: ZoneInfo) -> Span:
        """The last months, this one among them."""
        today = now.astimezone(zone).date()
        months = today.year * 12 + today.month - number
        return cls(date(months // 12, months % 12 + 1, 1), now, zone, "month")

    @property
    def since(self) -> datetime:
        """When the first of them begins."""
        return _midnight(self.first, self.zone)

    def days(self) -> list[date]:
        """All days until today."""
        last = self.now.astimezone(self.zone).date()
        return [self.first + timedelta(days=n) for n in range((last - self.first).days + 1)]

    def periods(self) -> list[date]:
        """The first day of each of them."""
        return [day for day in self.days() if self.unit == "day" or day.day == 1]

    def of(self, at: SQLColumnExpression[Any]) -> ColumnElement[int]:
        """Which of `periods` a time is in, from 1 on.

        The beginnings are worked out here: the database may not know the zone by this name.
        """
        begins = [_midnight(day, self.zone) for day in self.periods()]
        return func.width_bucket(at, literal(begins, ARRAY(DateTime(timezone=True))))


def ordered(session: Session, span: Span, *by: SQLColumnExpression[Any]) -> Sequence[Row]:
    """Period, `by`, and the number, total and cancelled ones of the orders placed in it."""
    is_cancelled = Order.status == Status.CANCELLED
    return _rows(
        session,
        span,
        Order.purchased_at,
        by,
        [
            func.count(),
            func.coalesce(func.sum(Order.grand_total).filter(not_(is_cancelled)), 0),
            func.count().filter(is_cancelled),
        ],
        [Order.purchased_at >= span.since, Order.purchased_at <= span.now, Order.shown.is_(True)],
    )


def to_magento(session: Session, span: Span, *by: SQLColumnExpression[Any]) -> Sequence[Row]:
    """Period, `by`, and median and 90th percentile of the minutes from the purchase of an order
    that is ours to ship until Magento had it."""
    taken = extract("epoch", Effect.ended_at - Order.purchased_at).cast(Float) / 60
    return _rows(
        session,
        span,
        Order.purchased_at,
        by,
        [func.percentile_cont(_SHARES).within_group(taken)],
        [
            Order.purchased_at >= span.since,
            Order.fulfilled_by == FulfilledBy.MERCHANT,
            Effect.order_id == Order.id,
            Effect.kind == EffectKind.ORDER,
            Effect.state == EffectState.DONE,
            not_(_is_backfilled()),
        ],
    )


def confirmed(
    session: Session, span: Span, shops: Collection[str], *by: SQLColumnExpression[Any]
) -> Sequence[Row]:
    """Period, `by`, and median and 90th percentile of the minutes from the shop's shipment until
    Amazon had accepted it, for the packages of which Amazon was told once."""
    taken = extract("epoch", Shipment.confirmed_at - Shipment.shipped_at).cast(Float) / 60
    return _rows(
        session,
        span,
        Shipment.confirmed_at,
        by,
        [func.percentile_cont(_SHARES).within_group(taken)],
        [
            among(Shipment.shop, shops),
            Shipment.confirmed_at >= span.since,
            Shipment.confirmed_times <= 1,
            Shipment.confirmation == ConfirmationState.ACCEPTED,
            *([Order.id == Shipment.order_id] if by else []),
        ],
    )


def on_time(session: Session, span: Span, *by: SQLColumnExpression[Any]) -> Sequence[Row]:
    """Period, `by`, the number of orders that had to leave in it, and of those that did in time.

    An order has left with its last package, wherever that was confirmed. An order that is not due
    yet counts once it has left. What Amazon has cancelled, or not released yet, had not to leave.
    """
    last = (
        select(func.max(Shipment.shipped_at)).where(Shipment.order_id == Order.id).scalar_subquery()
    )
    has_left = Order.remote_status == RemoteStatus.SHIPPED
    left_at = case((has_left, func.coalesce(last, Order.shipped_at)))
    return _rows(
        session,
        span,
        Order.ship_by_at,
        by,
        [func.count(), func.count().filter(left_at <= Order.ship_by_at)],
        [
            Order.ship_by_at >= span.since,
            or_(Order.ship_by_at <= span.now, and_(has_left, Order.ship_by_at <= _end(span))),
            Order.fulfilled_by == FulfilledBy.MERCHANT,
            Order.status != Status.CANCELLED,
            Order.remote_status.in_((*STILL_TO_SHIP, RemoteStatus.SHIPPED)),
            Order.shown.is_(True),
            or_(not_(has_left), left_at.is_not(None)),
            not_(_is_backfilled()),
        ],
    )


def held_by_day(session: Session, span: Span) -> Sequence[Row]:
    """Day, hold code and number of the orders that were placed on it and are held now."""
    return _rows(
        session,
        span,
        Order.purchased_at,
        [Order.hold_code],
        [func.count()],
        [
            Order.status == Status.HELD,
            Order.shown.is_(True),
            Order.purchased_at >= span.since,
            Order.purchased_at <= span.now,
        ],
    )


def _end(span: Span) -> datetime:
    """The end of today."""
    return _midnight(span.now.astimezone(span.zone).date() + timedelta(days=1), span.zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _is_backfilled() -> ColumnElement[bool]:
    return exists(
        select(Backfill.id).where(
            Backfill.account == Order.account,
            Order.purchased_at.between(Backfill.after_at, Backfill.before_at),
        )
    )


def _rows(
    session: Session,
    span: Span,
    at: SQLColumnExpression[Any],
    by: Columns,
    values: Columns,
    wanted: Sequence[ColumnElement[bool]],
) -> Sequence[Row]:
    # The expression is given once and grouped by its name: it has parameters.
    groups, period = [literal_column("period"), *by], span.of(at).label("period")
    query = select(period, *by, *values).where(*wanted).group_by(*groups).order_by(*groups)
    periods = span.periods()
    return [(periods[number - 1], *row) for number, *row in session.execute(query)]
