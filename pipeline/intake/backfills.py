"""Older orders that a person wants imported: a period, or orders by number.

One backfill an account runs at a time. A period is read page by page by the job; orders by number
lie in the queue of what is to be fetched. Both go behind everything that is new.
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
    """The account has a backfill that is not through yet."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A backfill, and how many of its orders by number are still to be read."""

    backfill: Backfill
    left: int


class Backfills:
    """All backfills. Each method is its own short transaction."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def start_period(
        self, account: str, after: datetime, before: datetime, *, author: str, now: datetime
    ) -> int:
        """Have everything placed in a period read; the backfill's id. Raises AlreadyRunning."""
        return self._start(
            Backfill(account=account, author=author, after_at=after, before_at=before), (), now
        )

    def start_ids(
        self, account: str, external_ids: Collection[str], *, author: str, now: datetime
    ) -> int:
        """Have these orders read; the backfill's id. Raises AlreadyRunning."""
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
        """Those that run and whose time has come."""
        with self._sessions() as session:
            return session.scalars(
                select(Backfill)
                .where(Backfill.state == BackfillState.RUNNING, Backfill.due_at <= now)
                .order_by(Backfill.id)
            ).all()

    def advance(self, backfill: Backfill, page: OrderPage, new: int, now: datetime) -> str | None:
        """A page has been stored: the next page's token, or None when that was all.

        Also None when a person stopped it meanwhile.
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
        """The next page cannot be read before `due_at`; `restart` gives up the page's token."""
        with self._sessions() as session, session.begin():
            row = session.get_one(Backfill, backfill.id, with_for_update=True)
            row.due_at = due_at
            if trouble is not None:
                row.calls += 1
                row.trouble = trouble[:500]
            if restart:
                row.page_token = None

    def end_when_read(self, backfill: Backfill, now: datetime) -> bool:
        """End a backfill of orders by number when none of them is left to be read."""
        with self._sessions() as session, session.begin():
            row = session.get_one(Backfill, backfill.id, with_for_update=True)
            if row.state != BackfillState.RUNNING or _left(session, row.id):
                return False
            _end(row, BackfillState.DONE, now)
            return True

    def stop(self, backfill_id: int, now: datetime) -> bool:
        """Read no more of it; what has been imported stays. False when none of that id runs."""
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
            # What a notification named as well is read all the same.
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
        """How many of these orders we have."""
        with self._sessions() as session:
            return session.scalars(
                select(func.count())
                .select_from(Order)
                .where(Order.account == account, among(Order.external_id, external_ids))
            ).one()

    def known_in(self, account: str, after: datetime, before: datetime) -> int:
        """How many orders placed in a period we have."""
        with self._sessions() as session:
            return session.scalars(
                select(func.count())
                .select_from(Order)
                .where(Order.account == account, Order.purchased_at.between(after, before))
            ).one()


def duration_s(plan: Plan, calls: int) -> float:
    """How long so many calls take behind everything else, from a full bucket, in seconds."""
    at_once = int(plan.burst * (1 - Lane.BACKFILL.left_share))
    return max(0, calls - at_once) / plan.rate_per_s


def _end(row: Backfill, state: BackfillState, now: datetime) -> None:
    row.state, row.ended_at, row.page_token = state, now, None


def _left(session: Session, backfill_id: int) -> int:
    return session.scalars(
        select(func.count()).select_from(ToFetch).where(ToFetch.backfill_id == backfill_id)
    ).one()
