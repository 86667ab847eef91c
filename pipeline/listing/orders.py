"""The list of orders, page by page, its counts, and one whole order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import selectinload

from pipeline.db import Sessions
from pipeline.models import Order, OrderItem, Shipment, Status

PAGE_SIZE = 50
_PLACE = re.compile(r"(.*)~(\d{1,18})")


class Place(NamedTuple):
    """Where a page of the list ended: the next one begins below it."""

    purchased_at: datetime | None
    order_id: int

    def __str__(self) -> str:
        return f"{self.purchased_at.isoformat() if self.purchased_at else ''}~{self.order_id}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place that `str` wrote. Raises ValueError."""
        parts = _PLACE.fullmatch(text)
        if parts is None:
            raise ValueError("not a place in the list of orders")
        purchased_at = datetime.fromisoformat(parts[1]) if parts[1] else None
        if purchased_at is not None and purchased_at.tzinfo is None:
            raise ValueError("a place in the list of orders needs a time zone")
        return cls(purchased_at, int(parts[2]))


@dataclass(frozen=True, slots=True)
class Selection:
    """Which orders are listed. `everything` takes in those that are hidden, such as unpaid ones."""

    status: Status | None = None
    everything: bool = False

    def with_status(self, status: Status | None) -> Selection:
        return replace(self, status=status)

    def with_everything(self, everything: bool) -> Selection:
        return replace(self, everything=everything)

    def conditions(self) -> list[ColumnElement[bool]]:
        wanted: list[ColumnElement[bool]] = []
        if self.status is not None:
            wanted.append(Order.status == self.status)
        if not self.everything:
            wanted.append(Order.shown.is_(True))
        return wanted


@dataclass(frozen=True, slots=True)
class Listed:
    """One order of the list. `items` are pairs of SKU and quantity."""

    id: int
    account: str
    external_id: str
    marketplace_id: str
    fulfilled_by: str
    remote_status: str
    step: str
    status: str
    magento_increment_id: str | None
    currency: str | None
    grand_total: Decimal | None
    purchased_at: datetime | None
    ship_by_at: datetime | None
    due_at: datetime | None
    hold_code: str | None
    hold_reason: str | None
    last_note: str
    items: Sequence[tuple[str, int]]
    tracking_numbers: Sequence[str]

    @property
    def note(self) -> str:
        """Why it stands where it stands."""
        return self.hold_reason or self.last_note


@dataclass(frozen=True, slots=True)
class Page:
    """Orders, newest first, and where the next page begins; None on the last one."""

    orders: Sequence[Listed]
    following: Place | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many orders a selection without a status has, by status, and how many are hidden."""

    by_status: Mapping[Status, int]
    hidden: int

    @property
    def total(self) -> int:
        return sum(self.by_status.values())


class Listing:
    """Reads orders. Each method is its own short transaction with a fixed number of queries."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def page(
        self, selection: Selection, *, after: Place | None = None, limit: int = PAGE_SIZE
    ) -> Page:
        """At most `limit` orders, newest purchase first, those below `after`. One query."""
        conditions = selection.conditions()
        if after is not None:
            conditions.append(_below(after))
        with self._sessions() as session:
            rows = session.execute(
                select(*_COLUMNS)
                .where(*conditions)
                .order_by(Order.purchased_at.desc(), Order.id.desc())
                .limit(limit + 1)
            ).all()
        listed = [Listed(**row._mapping) for row in rows[:limit]]
        if len(rows) <= limit:
            return Page(listed, None)
        return Page(listed, Place(listed[-1].purchased_at, listed[-1].id))

    def counts(self, *, everything: bool) -> Counts:
        """Counts by status, of all orders or of those that are not hidden. One query."""
        with self._sessions() as session:
            rows = session.execute(
                select(Order.status, Order.shown, func.count().label("orders")).group_by(
                    Order.status, Order.shown
                )
            ).all()
        by_status = dict.fromkeys(Status, 0)
        for row in rows:
            if row.shown or everything:
                by_status[Status(row.status)] += row.orders
        return Counts(by_status, sum(row.orders for row in rows if not row.shown))

    def find(self, number: str) -> list[int]:
        """Ids of the orders with this Amazon number, in any account, or with this id of ours."""
        names: list[ColumnElement[bool]] = [Order.external_id == number]
        if re.fullmatch(r"[0-9]{1,18}", number):
            names.append(Order.id == int(number))
        with self._sessions() as session:
            return list(session.scalars(select(Order.id).where(or_(*names)).order_by(Order.id)))

    def held(self) -> list[int]:
        """Ids of all held orders, oldest purchase first."""
        with self._sessions() as session:
            return list(
                session.scalars(
                    select(Order.id)
                    .where(Order.status == Status.HELD)
                    .order_by(Order.purchased_at, Order.id)
                )
            )

    def order(self, order_id: int) -> Order | None:
        """One order with its lines and shipments, detached."""
        with self._sessions() as session:
            return session.get(
                Order,
                order_id,
                options=(
                    selectinload(Order.items),
                    selectinload(Order.shipments).selectinload(Shipment.items),
                ),
            )


def _below(place: Place) -> ColumnElement[bool]:
    """PostgreSQL lists rows without a purchase date first when the newest come first."""
    if place.purchased_at is None:
        return or_(
            Order.purchased_at.is_not(None),
            and_(Order.purchased_at.is_(None), Order.id < place.order_id),
        )
    return tuple_(Order.purchased_at, Order.id) < (place.purchased_at, place.order_id)


_ITEMS = (
    select(
        func.coalesce(
            func.jsonb_agg(
                aggregate_order_by(
                    func.jsonb_build_array(OrderItem.sku, OrderItem.quantity), OrderItem.id
                )
            ),
            func.jsonb_build_array(),
        )
    )
    .where(OrderItem.order_id == Order.id)
    .scalar_subquery()
)
_TRACKING_NUMBERS = (
    select(
        func.coalesce(
            func.jsonb_agg(aggregate_order_by(Shipment.tracking_number, Shipment.id)),
            func.jsonb_build_array(),
        )
    )
    .where(Shipment.order_id == Order.id, Shipment.tracking_number != "")
    .scalar_subquery()
)
_COLUMNS = (
    Order.id,
    Order.account,
    Order.external_id,
    Order.marketplace_id,
    Order.fulfilled_by,
    Order.remote_status,
    Order.step,
    Order.status,
    Order.magento_increment_id,
    Order.currency,
    Order.grand_total,
    Order.purchased_at,
    Order.ship_by_at,
    Order.due_at,
    Order.hold_code,
    Order.hold_reason,
    Order.last_note,
    _ITEMS.label("items"),
    _TRACKING_NUMBERS.label("tracking_numbers"),
)
