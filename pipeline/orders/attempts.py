"""How a run of a step ends, as its attempt stores it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import update
from sqlalchemy.orm import Session

from pipeline.orders.outcome import Cancelled, Done, Hold, Outcome, Skipped, Wait
from pipeline.orders.states import AttemptOutcome
from pipeline.orders.tables import Attempt


class AttemptEnd(NamedTuple):
    """The end of a run. `request_id` is the remote's id of a call that failed."""

    outcome: str
    code: str | None
    detail: str | None
    ended_at: datetime
    request_id: str | None


def end_of(outcome: Outcome, now: datetime, request_id: str) -> AttemptEnd:
    """The end of a run with this outcome."""
    code = detail = None
    match outcome:
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
    return AttemptEnd(str(name), code, detail, now, request_id or None)


def end_as_superseded(session: Session, attempt_id: int, now: datetime, request_id: str) -> None:
    """Store that another worker had claimed the order before this run ended."""
    session.execute(
        update(Attempt)
        .where(Attempt.id == attempt_id, Attempt.ended_at.is_(None))
        .values(ended_at=now, outcome=AttemptOutcome.SUPERSEDED, request_id=request_id or None)
    )
