"""What happened lately: runs of steps, and writes to the remotes.

Attempts and effects grow with all orders ever, and have no index by time, which each step would
have to maintain. The ids of attempts go up with time, so that the newest are read until one is too
old. An effect that ends changes its order, so that the index of `orders.updated_at` leads to the
few orders of the window, and from there to their effects. See docs/decisions/0067 and 0081.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    Float,
    Select,
    Subquery,
    and_,
    exists,
    extract,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import Session, aliased

from pipeline.orders.tables import LIVE, Attempt, Effect, EffectState, Order, Status

WINDOW = timedelta(minutes=15)
LONGEST_RUN = timedelta(hours=1)
"""No step runs for so long."""
LOST = "lost"
"""The outcome of a run whose worker died, as on the timeline."""


class Runs(NamedTuple):
    """The runs of a step, all of them (`outcome` is None) or those with an outcome."""

    step: str
    outcome: str | None
    number: int
    median_s: float | None
    p95_s: float | None


def runs(session: Session, now: datetime) -> Sequence[Runs]:
    """The runs that ended within the window, and those that are lost."""
    since = now - WINDOW
    later = aliased(Attempt)
    is_superseded = exists().where(later.order_id == Attempt.order_id, later.id > Attempt.id)
    # Not a join, for which PostgreSQL would read all orders: it expects many more recent attempts.
    status = select(Order.status).where(Order.id == Attempt.order_id).scalar_subquery()
    is_lost = and_(
        Attempt.ended_at.is_(None),
        Attempt.started_at >= since,
        or_(status != Status.RUNNING, is_superseded),
    )
    taken_s = extract("epoch", Attempt.ended_at - Attempt.started_at).cast(Float)
    older = (
        select(Attempt.id)
        .where(Attempt.started_at < since - LONGEST_RUN)
        .order_by(Attempt.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    found = (
        select(
            Attempt.step,
            func.coalesce(Attempt.outcome, LOST).label("outcome"),
            taken_s.label("taken_s"),
        )
        .where(Attempt.id > func.coalesce(older, 0), or_(Attempt.ended_at >= since, is_lost))
        .subquery()
    )
    shares = literal([0.5, 0.95], ARRAY(Float))
    quantiles = func.percentile_cont(shares).within_group(found.c.taken_s)
    sets = func.grouping_sets(tuple_(found.c.step, found.c.outcome), tuple_(found.c.step))
    rows = session.execute(
        select(found.c.step, found.c.outcome, func.count(), quantiles).group_by(sets)
    )
    return [
        Runs(step, outcome, number, *(both or (None, None))) for step, outcome, number, both in rows
    ]


def effects(session: Session, now: datetime) -> Sequence[tuple[str, str, int]]:
    """The writes that ended within the window: kind, state and number."""
    since = now - WINDOW
    found = _of_changed(
        select(Effect.kind, Effect.state).where(
            Effect.order_id == Order.id, Effect.ended_at >= since
        ),
        since,
    )
    rows = session.execute(
        select(found.c.kind, found.c.state, func.count()).group_by(found.c.kind, found.c.state)
    )
    return [(kind, state, number) for kind, state, number in rows]


def _of_changed(rows: Select[*tuple[Any, ...]], since: datetime) -> Subquery:
    """These rows of the orders that changed since then.

    OFFSET keeps the planner from joining otherwise: it takes the orders of the window for more than
    they are, and would read all attempts.
    """
    each = rows.correlate(Order).offset(0).lateral()
    return (
        select(*each.c)
        .select_from(Order)
        .join(each, true())
        .where(Order.updated_at >= since)
        .subquery()
    )


def unsettled(session: Session) -> dict[str, int]:
    """The writes that are not known to be done, by state, of live orders.

    An order with such a write runs, is held, or has failed and tries again: the many that wait for
    the warehouse are passed over.
    """
    rows = session.execute(
        select(Effect.state, func.count())
        .join(Order, Order.id == Effect.order_id)
        .where(
            Order.status.in_(LIVE),
            or_(Order.tries > 0, Order.status.in_((Status.RUNNING, Status.HELD))),
            Effect.state != EffectState.DONE,
        )
        .group_by(Effect.state)
    )
    return dict(rows.all())
