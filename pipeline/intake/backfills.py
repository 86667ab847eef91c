"""Older orders that a person wants imported: a period, or orders by number.

An account runs a single backfill at a time. The job reads a period page by page; orders by number
are in the fetch list. Both have lower priority than new orders.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.base.quota import Lane, Plan
from pipeline.intake.fetch_list import ask
from pipeline.intake.tables import Backfill, BackfillState, ToFetch
from pipeline.orders.channel import OrderPage
from pipeline.orders.tables import Order


class AlreadyRunning(Exception):
    """The account has a running backfill."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A backfill, and how many orders the fetch list still has for it."""

    backfill: Backfill
    left: int


class Backfills:
    """All backfills. Each method is its own short transaction."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def start_period(
        self, account: str, after: datetime, before: datetime, *, author: str, now: datetime
    ) -> int:
        """Start a backfill of the orders placed in a period; its id. Raises AlreadyRunning."""
        return self._start(
            Backfill(account=account, author=author, after_at=after, before_at=before), (), now
        )

    def start_ids(
        self, account: str, external_ids: Collection[str], *, author: str, now: datetime
    ) -> int:
        """Start a backfill of these orders; its id. Raises AlreadyRunning."""
        wanted = set(external_ids)
        return self._start(Backfill(account=account, author=author, asked=len(wanted)), wanted, now)

    def _start(self, backfill: Backfill, external_ids: Collection[str], now: datetime) -> int:
        backfill.state = BackfillState.RUNNING
        backfill.created_at = backfill.due_at = now
        try:
            with self._sessions() as session, session.begin():
                session.add(backfill)
                session.flush()
                ask(session, backfill.account, external_ids, Lane.BACKFILL, now, backfill.id)
        except IntegrityError as error:
            raise AlreadyRunning(backfill.account) from error
        return backfill.id

    def due(self, now: datetime) -> Sequence[Backfill]:
        """The running backfills that are due."""
        with self._sessions() as session:
            return session.scalars(
                select(Backfill)
                .where(Backfill.state == BackfillState.RUNNING, Backfill.due_at <= now)
                .order_by(Backfill.id)
            ).all()

    def advance(self, backfill: Backfill, page: OrderPage, new: int, now: datetime) -> str | None:
        """Record a stored page; the next page's token, or None after the last page.

        Also None when a person has stopped the backfill.
        """
        with self._sessions() as session, session.begin():
            row = session.get_one(Backfill, backfill.id, with_for_update=True)
            row.calls += 1
            row.orders_seen += len(page.orders)
            row.orders_new += new
            row.trouble = None
            if row.state != BackfillState.RUNNING:
                return None
            row.page_token = page.next_token
            if page.next_token is None:
                _end(row, BackfillState.DONE, now)
            return page.next_token

    def put_off(
        self, backfill: Backfill, due_at: datetime, trouble: str | None, *, restart: bool = False
    ) -> None:
        """Put the next page off until `due_at`; `restart` discards the page's token."""
        with self._sessions() as session, session.begin():
            row = session.get_one(Backfill, backfill.id, with_for_update=True)
            row.due_at = due_at
            if trouble is not None:
                row.calls += 1
                row.trouble = trouble[:500]
            if restart:
                row.page_token = None

    def end_when_read(self, backfill: Backfill, now: datetime) -> bool:
        """End a backfill of orders by number when the fetch list has no more of its orders."""
        with self._sessions() as session, session.begin():
            row = session.get_one(Backfill, backfill.id, with_for_update=True)
            if row.state != BackfillState.RUNNING or _left(session, row.id):
                return False
            _end(row, BackfillState.DONE, now)
            return True

    def stop(self, backfill_id: int, now: datetime) -> bool:
        """Stop a backfill; its imported orders stay. False when it does not run."""
        with self._sessions() as session, session.begin():
            row = session.get(Backfill, backfill_id, with_for_update=True)
            if row is None or row.state != BackfillState.RUNNING:
                return False
            _end(row, BackfillState.STOPPED, now)
            session.execute(
                delete(ToFetch).where(
                    ToFetch.backfill_id == backfill_id, ToFetch.lane == Lane.BACKFILL
                )
            )
            # Orders that a notification named as well are still read.
            session.execute(
                update(ToFetch).where(ToFetch.backfill_id == backfill_id).values(backfill_id=None)
            )
            return True

    def latest(self, limit: int) -> list[Progress]:
        """The latest backfills, the newest first."""
        with self._sessions() as session:
            rows = session.scalars(select(Backfill).order_by(Backfill.id.desc()).limit(limit)).all()
            return [Progress(row, _left(session, row.id)) for row in rows]

    def known(self, account: str, external_ids: Collection[str]) -> int:
        """How many of these orders are stored."""
        with self._sessions() as session:
            return session.scalars(
                select(func.count())
                .select_from(Order)
                .where(Order.account == account, among(Order.external_id, external_ids))
            ).one()

    def known_in(self, account: str, after: datetime, before: datetime) -> int:
        """How many orders placed in a period are stored."""
        with self._sessions() as session:
            return session.scalars(
                select(func.count())
                .select_from(Order)
                .where(Order.account == account, Order.purchased_at.between(after, before))
            ).one()


def duration_s(plan: Plan, calls: int) -> float:
    """Seconds for this number of calls at a backfill's priority, from a full quota."""
    at_once = int(plan.burst * (1 - Lane.BACKFILL.left_share))
    return max(0, calls - at_once) / plan.rate_per_s


def _end(row: Backfill, state: BackfillState, now: datetime) -> None:
    row.state, row.ended_at, row.page_token = state, now, None


def _left(session: Session, backfill_id: int) -> int:
    return session.scalars(
        select(func.count()).select_from(ToFetch).where(ToFetch.backfill_id == backfill_id)
    ).one()
