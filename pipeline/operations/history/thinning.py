"""Deletes rows that ended long ago, so that no table grows without end.

The results of writes are never deleted: effects, orders, packages, credit memos and notes stay. See
docs/decisions/0059.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.base.tables import Base
from pipeline.intake.tables import Watermark
from pipeline.operations.history.kinds import GROUPS, QUARTER, Column, Kind
from pipeline.orders.states import REPEATABLE
from pipeline.orders.tables import LIVE, Attempt, Order

BATCH = 1_000
"""Rows that a statement deletes."""
ORDERS_AT_ONCE = 200
"""Orders whose attempts are thinned in a transaction."""
ATTEMPTS = "attempts"
_CURSOR = "thinned attempts"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Thinning:
    """Deletes old rows in short transactions. Two concurrent runs do no harm."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def count(self, now: datetime) -> dict[str, int]:
        """How many rows of each kind would be deleted."""
        counts = {}
        with self._sessions() as session:
            position = session.scalar(select(Watermark.position).where(Watermark.name == _CURSOR))
            ended = select(Order.id).where(_unchanged(position or _NEVER, now))
            repeats = _repeats(Attempt.order_id.in_(ended))
            counts[ATTEMPTS] = session.scalars(
                select(func.count()).select_from(repeats.subquery())
            ).one()
            for kind in (kind for group in GROUPS for kind in group):
                counts[kind.name] = session.scalars(kind.old((func.count(),), now)).one()
        return counts

    def run(self, now: datetime, batches: int | None = None) -> Iterator[tuple[str, int]]:
        """Delete old rows, at most `batches` batches of each kind; yield each kind's count."""
        yield ATTEMPTS, self._attempts(now, batches)
        for group in GROUPS:
            for kind in group:
                count, is_through = self._kind(kind, now, batches)
                yield kind.name, count
                if not is_through:
                    break

    def _kind(self, kind: Kind, now: datetime, batches: int | None) -> tuple[int, bool]:
        """Delete rows of a kind; return how many, and whether none are left."""
        count = done = 0
        while batches is None or done < batches:
            with self._sessions() as session, session.begin():
                gone = _delete(session, kind, now)
            count, done = count + gone, done + 1
            if gone < BATCH:
                return count, True
        return count, False

    def _attempts(self, now: datetime, batches: int | None) -> int:
        """Thin the attempts of orders that have ended and not changed since.

        A cursor keeps the progress by the orders' time of last change: an order that continues
        moves behind all others, and is thinned again later.
        """
        with self._sessions() as session, session.begin():
            session.execute(
                insert(Watermark).values(name=_CURSOR, position=_NEVER).on_conflict_do_nothing()
            )
        count = done = 0
        while batches is None or done < batches:
            with self._sessions() as session, session.begin():
                gone = _thin_next(session, now)
            if gone is None:
                break
            count, done = count + gone, done + 1
        return count


def _delete(session: Session, kind: Kind, now: datetime) -> int:
    old = (
        kind.old(kind.key, now)
        .limit(BATCH)
        .with_for_update(of=kind.table, skip_locked=True)
        .cte("old")
    )
    return _gone(session, kind.table, kind.key, old)


def _thin_next(session: Session, now: datetime) -> int | None:
    """Thin the next orders; return how many rows are deleted, None when no order is left."""
    cursor = session.scalar(
        select(Watermark).where(Watermark.name == _CURSOR).with_for_update(skip_locked=True)
    )
    if cursor is None:  # another worker holds it
        return None
    # Include every order that shares the last order's time: the cursor keeps a time and no id.
    rows = session.execute(
        select(Order.id, Order.updated_at)
        .where(_unchanged(cursor.position, now))
        .order_by(Order.updated_at)
        .fetch(ORDERS_AT_ONCE, with_ties=True)
    ).all()
    if not rows:
        return None
    repeats = _repeats(among(Attempt.order_id, [row.id for row in rows])).limit(BATCH)
    gone = _gone(session, Attempt, (Attempt.id,), repeats.cte("old"))
    if gone < BATCH:
        cursor.position = rows[-1].updated_at
    return gone


def _unchanged(since: datetime, now: datetime) -> ColumnElement[bool]:
    """Orders that have ended, and last changed between `since` and a quarter of a year ago."""
    return and_(
        Order.updated_at > since, Order.updated_at < now - QUARTER, Order.status.not_in(LIVE)
    )


def _repeats(of: ColumnElement[bool]) -> Select[Any]:
    """Ids of the attempts that repeat why an order waits or is held.

    A step's first and last attempts stay, and so do attempts without an end and attempts that were
    handed back or superseded.
    """
    at_step = (Attempt.order_id, Attempt.step)
    saying = (*at_step, Attempt.outcome, Attempt.code, Attempt.detail)
    numbered = (
        select(
            Attempt.id,
            Attempt.outcome,
            func.row_number().over(partition_by=saying, order_by=Attempt.id).label("time"),
            func.max(Attempt.id).over(partition_by=at_step).label("last"),
        )
        .where(of)
        .subquery()
    )
    # A step's first attempt is the first with its reason, so it stays.
    return select(numbered.c.id).where(
        numbered.c.outcome.in_(REPEATABLE),
        numbered.c.time > 1,
        numbered.c.id != numbered.c.last,
    )


def _gone(session: Session, table: type[Base], key: tuple[Column, ...], old: CTE) -> int:
    """Delete these rows. A CTE selects them once: PostgreSQL might run a subquery again for each
    row, and lock other rows each time."""
    statement = delete(table).where(*(column == old.c[column.key] for column in key))
    result = session.connection().execute(statement)
    return result.rowcount
