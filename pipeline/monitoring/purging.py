"""Destroys the data that names a buyer, some days after the delivery.

The order's key is destroyed, and with it all data sealed under the key; facts and amounts stay. See
docs/decisions/0043 and 0070.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    union,
    update,
)
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.orders.machine import SHIPPING_STEPS
from pipeline.orders.package_tables import Shipment
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.state_changes import dismiss
from pipeline.orders.tables import LIVE, Note, Order, OrderPrivate, Status
from pipeline.orders.words_table import OrderWords
from pipeline.shipping.typed_by_clerks import is_typed

BATCH = 500
MARGIN = timedelta(hours=12)
"""Data is due for destruction so long before its limit, so that an hourly job, or workers that
stood still for a night, keep the limit."""
OVERDUE = MARGIN - timedelta(hours=3)
"""What is left of the margin when the job has missed three runs: then a person is told."""
SPARED = timedelta(days=7)
"""An order of a backfill may be past its limit when it comes. It has so long to get through."""
ENDS_SOON = timedelta(days=5)
"""A person is told so long before a live order ends for want of its data."""
AUTHOR = "orderbridge"


Taken = Row[*tuple[Any, ...]]
TAKEN = (Order.id, Order.status, Order.step, Order.hold_code, Order.delivery_at)
"""What `destroy` has to know of an order."""


@dataclass(frozen=True, slots=True)
class PurgeClock:
    """When data is due: `days` after the delivery, less the margin. Seen at `now`."""

    now: datetime
    days: int

    @property
    def delivered_before(self) -> datetime:
        """Orders delivered until then are due."""
        return self.now - timedelta(days=self.days) + MARGIN

    def due(self) -> ColumnElement[bool]:
        """The orders whose data is due; a running step is left to end first."""
        return and_(
            self.may_be_purged(),
            Order.status != Status.RUNNING,
            Order.delivery_at <= self.delivered_before,
        )

    def may_be_purged(self) -> ColumnElement[bool]:
        """Orders with personal data, but live ones that came in lately."""
        is_spared = and_(Order.status.in_(LIVE), Order.created_at > self.now - SPARED)
        return and_(Order.purged_at.is_(None), ~is_spared)

    def ending_soon(self) -> ColumnElement[bool]:
        """Live orders that cannot go on without their data, and are about to lose it."""
        return and_(
            Order.status.in_(LIVE),
            Order.step.not_in(SHIPPING_STEPS),
            Order.purged_at.is_(None),
            Order.delivery_at <= self.delivered_before + ENDS_SOON,
            Order.created_at <= self.now - SPARED + ENDS_SOON,
        )


class Purging:
    """Purges orders that are due by the clock, `days` after their delivery."""

    def __init__(self, sessions: Sessions, now: datetime, days: int) -> None:
        self._sessions = sessions
        self._clock = PurgeClock(now, days)

    def count(self) -> int:
        """Return how many orders are to be purged."""
        with self._sessions() as session:
            count = select(func.count()).select_from(Order).where(self._clock.due())
            return session.scalar(count) or 0

    def run(self, most: int | None = None) -> int:
        """Purge orders in short transactions, at most about `most`; return how many.

        Orders that are locked are left to the next run.
        """
        purged = 0
        after: tuple[datetime, int] | None = None
        while most is None or purged < most:
            with self._sessions() as session, session.begin():
                rows = self._take(session, after)
                if not rows:
                    break
                destroy(session, rows, self._clock.now, "its buyer's data was due for destruction")
            purged, after = purged + len(rows), (rows[-1].delivery_at, rows[-1].id)
        return purged

    def _take(self, session: Session, after: tuple[datetime, int] | None) -> Sequence[Taken]:
        query = (
            select(*TAKEN)
            .where(self._clock.due())
            .order_by(Order.delivery_at, Order.id)
            .limit(BATCH)
            .with_for_update(of=Order, skip_locked=True)
        )
        if after is not None:
            query = query.where(tuple_(Order.delivery_at, Order.id) > after)
        return session.execute(query).all()


def typed_titles(session: Session, order_ids: Sequence[int]) -> Sequence[str]:
    """The carriers' titles of these orders that a clerk typed: those that name no known carrier."""
    rows = (Shipment, RequestedShipmentRow)
    titles = union(
        *(select(row.carrier_title).where(among(row.order_id, order_ids)) for row in rows)
    )
    return [title for title in session.scalars(titles) if is_typed(title)]


def _forget_titles(session: Session, order_ids: Sequence[int]) -> None:
    """Take these away. A package whose confirmation is outdated stays so."""
    typed = typed_titles(session, order_ids)
    package, request = Shipment, RequestedShipmentRow
    announced = package.carrier_code + "/" + package.carrier_title + "/" + package.tracking_number
    untitled = package.carrier_code + "//" + package.tracking_number
    is_typed = among(package.carrier_title, typed)
    for statement in (
        update(package)
        .where(among(package.order_id, order_ids), or_(is_typed, package.confirmed_as != announced))
        .values(
            carrier_title=case((is_typed, ""), else_=package.carrier_title),
            confirmed_as=case(
                (package.confirmed_as == announced, untitled),
                else_=func.regexp_replace(package.confirmed_as, "/.*/", "//"),
            ),
            to_feed=None,
        ),
        update(request)
        .where(among(request.order_id, order_ids), among(request.carrier_title, typed))
        .values(carrier_title=""),
    ):
        session.execute(statement.execution_options(synchronize_session=False))


def destroy(session: Session, orders: Sequence[Taken], now: datetime, why: str) -> None:
    """Destroy the personal data of these locked orders. None of them is running.

    A live order goes on if its step does without that data; else it ends as a dismissed order, with
    a note of what it was held for.
    """
    ids = [order.id for order in orders]
    # The version stays the same: no worker holds any of these orders.
    for statement in (
        update(OrderPrivate)
        .where(among(OrderPrivate.order_id, ids))
        .values(
            wrapped_key=None,
            sealed=None,
            correction=None,
            buyer_words=[],
            buyer_initials="",
            report_digest=None,
        ),
        update(Order).where(among(Order.id, ids)).values(purged_at=now),
        delete(OrderWords).where(among(OrderWords.order_id, ids)),
    ):
        session.execute(statement.execution_options(synchronize_session=False))
    _forget_titles(session, ids)
    _end(session, orders, now, why)


def _end(session: Session, orders: Sequence[Taken], now: datetime, why: str) -> None:
    stranded: defaultdict[str, list[int]] = defaultdict(list)
    for order in orders:
        if order.status in LIVE and order.step not in SHIPPING_STEPS:
            state = f"held for {order.hold_code}" if order.hold_code else order.status
            stranded[state].append(order.id)
    for state, ids in stranded.items():
        note = f"ended, as {why}; it was {state}"
        notes = [
            {"order_id": order_id, "at": now, "author": AUTHOR, "text": note}
            for order_id in dismiss(session, ids, note, now)
        ]
        session.execute(insert(Note), notes)


def oldest_personal_data(session: Session, now: datetime) -> timedelta | None:
    """How long ago the oldest delivery was of which personal data is still there.

    None when none is there; negative while even the first delivery lies ahead. A live order that
    came in during the last days does not count.
    """
    clock = PurgeClock(now, 0)
    delivered_at = session.scalar(
        select(Order.delivery_at)
        .where(clock.may_be_purged(), Order.delivery_at.is_not(None))
        .order_by(Order.delivery_at, Order.id)
        .limit(1)
    )
    return None if delivered_at is None else now - delivered_at
