"""The rows of the effect ledger. Each function works in its caller's transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, func, or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.orders.tables import Effect, EffectState

IN_DOUBT = (EffectState.INTENDED, EffectState.UNKNOWN)
# Done without an id is no proof of anything: it is looked for, and made where it is not there.
IS_UNPROVEN = and_(Effect.state == EffectState.DONE, func.coalesce(Effect.remote_id, "") == "")
IS_OPEN = or_(Effect.state != EffectState.DONE, IS_UNPROVEN)


def intend(
    session: Session, order_id: int, key: str, kind: str, intended_at: datetime
) -> Effect | None:
    """Write an intent down; None when there is one of this key."""
    return session.scalar(
        insert(Effect)
        .values(
            order_id=order_id,
            key=key,
            kind=kind,
            state=EffectState.INTENDED,
            intended_at=intended_at,
        )
        .on_conflict_do_nothing(index_elements=[Effect.key])
        .returning(Effect)
    )


def intend_again(session: Session, effect: Effect, now: datetime) -> Effect | None:
    """Begin the next try; None when another worker took or ended it meanwhile."""
    again: Effect | None = session.scalar(
        update(Effect)
        .where(Effect.id == effect.id, Effect.tries == effect.tries, IS_OPEN)
        .values(
            state=EffectState.INTENDED,
            tries=Effect.tries + 1,
            intended_at=now,
            ended_at=None,
            detail=None,
        )
        .returning(Effect)
    )
    return again


def end(
    session: Session,
    effect: Effect,
    state: EffectState,
    now: datetime,
    *,
    remote_id: str | None,
    adopted: bool,
    detail: str | None,
) -> None:
    """Write down how a try ended, unless a later one has begun or it was adopted meanwhile."""
    session.execute(
        update(Effect)
        .where(Effect.id == effect.id, Effect.tries == effect.tries, IS_OPEN)
        .values(state=state, ended_at=now, remote_id=remote_id, adopted=adopted, detail=detail)
    )
