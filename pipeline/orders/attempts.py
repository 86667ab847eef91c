"""Stores how runs of steps end."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CTE, delete, func, select, update
from sqlalchemy.orm import Session, aliased

from pipeline.orders.outcome import Cancelled, Done, Hold, Outcome, Skipped, Wait
from pipeline.orders.states import REPEATABLE, AttemptOutcome
from pipeline.orders.tables import Attempt


def end_attempt(
    session: Session,
    attempt_id: int,
    order_id: int,
    outcome: Outcome | None,
    now: datetime,
    request_id: str,
) -> None:
    """Store how a run ended; an `outcome` of None means superseded. A run that ended like the
    attempt before it replaces that attempt, so an order that waits for a year keeps a single
    row."""
    code = detail = None
    match outcome:
        case None:
            name = AttemptOutcome.SUPERSEDED
        case Done():
            name = AttemptOutcome.DONE
        case Skipped(why):
            name, detail = AttemptOutcome.SKIPPED, why
        case Wait(reason):
            name, detail = AttemptOutcome.WAIT, reason
        case Hold(hold_code, reason):
            name, code, detail = AttemptOutcome.HOLD, str(hold_code), reason
        case Cancelled(reason):
            name, detail = AttemptOutcome.CANCELLED, reason
    ending = update(Attempt).where(Attempt.id == attempt_id, Attempt.ended_at.is_(None))
    if name in REPEATABLE:
        same = _the_same_before(attempt_id, order_id, name, code, detail)
        ending = ending.values(
            times=1 + func.coalesce(select(same.c.times).scalar_subquery(), 0),
            first_at=select(same.c.first_at).scalar_subquery(),
        )
    session.execute(
        ending.values(
            ended_at=now, outcome=name, code=code, detail=detail, request_id=request_id or None
        ).execution_options(synchronize_session=False)
    )


def _the_same_before(
    attempt_id: int, order_id: int, outcome: str, code: str | None, detail: str | None
) -> CTE:
    """Delete the attempt before this run if it ended alike, and return its count and start.

    This is part of the statement that ends the run. Any attempt between the two, such as a crash,
    keeps both.
    """
    mine, older = aliased(Attempt), aliased(Attempt)
    before = select(func.max(older.id)).where(older.order_id == order_id, older.id < attempt_id)
    return (
        delete(Attempt)
        .where(
            Attempt.id == before.scalar_subquery(),
            Attempt.ended_at.is_not(None),
            Attempt.step == mine.step,
            Attempt.outcome == outcome,
            Attempt.code.is_not_distinct_from(code),
            Attempt.detail.is_not_distinct_from(detail),
            mine.id == attempt_id,
            mine.ended_at.is_(None),
        )
        .returning(
            Attempt.times, func.coalesce(Attempt.first_at, Attempt.started_at).label("first_at")
        )
        .cte("same")
    )
