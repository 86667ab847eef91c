"""Destroys the data that names a buyer, some days after the delivery.

The order's key is destroyed, and with it all data sealed under the key; facts and amounts stay. See
docs/decisions/0043.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.orders.package_tables import Shipment
from pipeline.orders.tables import LIVE, Attempt, Order, OrderPrivate, Status

BATCH = 500


class Purging:
    """Purges orders that were delivered or cancelled before a given time, never live orders."""

    def __init__(self, sessions: Sessions, delivered_before: datetime) -> None:
        self._sessions = sessions
        self._before = delivered_before

    def count(self) -> int:
        """Return how many orders are to be purged."""
        with self._sessions() as session:
            count = select(func.count()).select_from(Order).where(*self._due())
            return session.scalar(count) or 0

    def run(self, now: datetime, most: int | None = None) -> int:
        """Purge orders in short transactions, at most about `most`; return how many.

        Orders that a step is working on are left to the next run.
        """
        purged, after = 0, 0
        while most is None or purged < most:
            with self._sessions() as session, session.begin():
                ids = self._take(session, after)
                if not ids:
                    break
                _destroy(session, ids, now)
            purged, after = purged + len(ids), ids[-1]
        return purged

    def _take(self, session: Session, after: int) -> list[int]:
        query = (
            select(Order.id)
            .where(*self._due(), Order.id > after)
            .order_by(Order.id)
            .limit(BATCH)
            .with_for_update(of=Order, skip_locked=True)
        )
        return list(session.scalars(query))

    def _due(self) -> tuple[ColumnElement[bool], ...]:
        return (
            Order.purged_at.is_(None),
            Order.status.not_in(LIVE),
            _delivered_at() <= self._before,
        )


def oldest_delivered_at(session: Session) -> datetime | None:
    """When the first of the orders that may be purged was delivered, as far as known.

    Only the thousand that were stored first are looked at: when the purge does not run, they are
    overdue first.
    """
    stored_first = (
        select(_delivered_at().label("at"))
        .where(Order.purged_at.is_(None), Order.status.not_in(LIVE))
        .order_by(Order.id)
        .limit(1_000)
        .subquery()
    )
    at: datetime | None = session.scalar(select(func.min(stored_first.c.at)))
    return at


def _delivered_at() -> ColumnElement[datetime]:
    """When the order was delivered, as far as known; when it ended, for a cancelled order."""
    shipped = (
        select(func.max(func.coalesce(Shipment.confirmed_at, Shipment.shipped_at)))
        .where(Shipment.order_id == Order.id)
        .scalar_subquery()
    )
    ended = select(func.max(Attempt.ended_at)).where(Attempt.order_id == Order.id).scalar_subquery()
    return case(
        (Order.status == Status.CANCELLED, func.coalesce(ended, Order.remote_updated_at)),
        else_=func.coalesce(Order.deliver_by_at, shipped, ended, Order.remote_updated_at),
    )


def _destroy(session: Session, order_ids: list[int], now: datetime) -> None:
    # The version stays the same: no worker holds an order that has ended.
    for statement in (
        update(OrderPrivate)
        .where(among(OrderPrivate.order_id, order_ids))
        .values(wrapped_key=None, sealed=None, correction=None, buyer_words=[], buyer_initials=""),
        update(Order).where(among(Order.id, order_ids)).values(purged_at=now),
    ):
        session.execute(statement.execution_options(synchronize_session=False))
