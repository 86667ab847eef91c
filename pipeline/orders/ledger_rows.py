"""The rows of the effect ledger. Each function works in its caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.base import database_restores
from pipeline.base.id_lists import among
from pipeline.orders.tables import Effect, EffectState, Order

IN_DOUBT = (EffectState.INTENDED, EffectState.UNKNOWN)
# An effect that is done without an id proves nothing: the ledger looks for the result, and the
# write is made if the result is missing.
IS_UNPROVEN = and_(Effect.state == EffectState.DONE, func.coalesce(Effect.remote_id, "") == "")
IS_OPEN = or_(Effect.state != EffectState.DONE, IS_UNPROVEN)


def intend(
    session: Session, order_id: int, key: str, kind: str, intended_at: datetime
) -> Effect | None:
    """Store an intent; None when a row with this key exists."""
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
    """Begin the next try; None when another worker has begun or ended it meanwhile."""
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
    """Store how a try ended, unless a later try has begun or it was adopted meanwhile."""
    session.execute(
        update(Effect)
        .where(Effect.id == effect.id, Effect.tries == effect.tries, IS_OPEN)
        .values(state=state, ended_at=now, remote_id=remote_id, adopted=adopted, detail=detail)
    )


def end_as_seen(session: Session, keys: Sequence[str], remote_id: str, now: datetime) -> None:
    """End the begun writes among these: the remote shows their result."""
    session.execute(
        update(Effect)
        .where(among(Effect.key, keys), IS_OPEN)
        .values(
            state=EffectState.DONE, ended_at=now, remote_id=remote_id, adopted=True, detail=None
        )
    )


def give_up(session: Session, order_id: int, why: str, key: str | None, now: datetime) -> None:
    """End the order's writes in doubt, or only the write with this key, as not made."""
    session.execute(
        update(Effect)
        .where(
            Effect.order_id == order_id,
            Effect.state.in_(IN_DOUBT),
            true() if key is None else Effect.key == key,
        )
        .values(state=EffectState.REFUSED, ended_at=now, detail=why)
    )


def forgets_until(session: Session, order_id: int) -> datetime | None:
    """The time until which this database may have lost writes for the order: such a write
    counts as intended at that time. None for an order that was placed later."""
    restore_noticed_at = database_restores.last_noticed_at(session)
    purchased_at = session.scalar(select(Order.purchased_at).where(Order.id == order_id))
    if restore_noticed_at is None or (
        purchased_at is not None and purchased_at >= restore_noticed_at
    ):
        return None
    return restore_noticed_at
