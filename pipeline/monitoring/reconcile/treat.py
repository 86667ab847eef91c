"""Treats the differences of a batch: by the order's own steps where they can, else by a hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.base.id_lists import among
from pipeline.monitoring.reconcile.compare import Cure, FoundDifference, Sides
from pipeline.monitoring.reconcile.tables import Difference, Reconciliation
from pipeline.orders.locking import lock
from pipeline.orders.machine import reopen, wake
from pipeline.orders.outcome import Hold
from pipeline.orders.state_changes import hold_until_news, let_go, set_back
from pipeline.orders.tables import Order, Status

TAKEN_IN = "taken in"
LOOKED_AT = "retried"
AT_WORK = "its steps are running"
HELD = "held"
HELD_OTHERWISE = "held already"
REPORTED = "for a person"
ACCEPTED = "accepted"
FOR_A_PERSON = (HELD, HELD_OTHERWISE, REPORTED)


def treat(
    session: Session,
    run: Reconciliation,
    by_number: Mapping[str, Sequence[FoundDifference] | None],
    sides: Mapping[str, Sides],
    now: datetime,
) -> int:
    """Store the differences, wake or hold their orders, and close the differences that are gone.

    `by_number` has None for an order whose differences are unknown now, such as an order that a
    step works on. Returns the number of closed differences.
    """
    open_differences: dict[str, dict[str, Difference]] = {}
    lock(session, (side.ours.id for side in sides.values() if side.ours is not None))
    for row in session.scalars(
        select(Difference)
        .where(
            Difference.account == run.account,
            among(Difference.external_id, by_number),
            Difference.ended_at.is_(None),
        )
        .order_by(Difference.id)
        .with_for_update()
    ):
        open_differences.setdefault(row.external_id, {})[row.kind] = row
    closed = 0
    for number, differences in by_number.items():
        known = open_differences.get(number, {})
        for row in known.values():
            row.reconciliation_id = run.id
        if differences is None:
            continue
        ours = sides[number].ours
        for difference in differences:
            noted = known.pop(difference.kind, None)
            if noted is not None and noted.detail != difference.detail:
                noted.accepted_by = None
            accepted_by = noted.accepted_by if noted is not None else None
            treatment = _treatment(session, difference, ours, accepted_by, now)
            if noted is None:
                noted = Difference(
                    account=run.account, external_id=number, kind=difference.kind, found_at=now
                )
                session.add(noted)
            noted.reconciliation_id = run.id
            noted.detail, noted.treatment = difference.detail, treatment
        for gone in known.values():
            gone.ended_at = now
            closed += 1
        if (
            known
            and ours is not None
            and not any(difference.cure is Cure.HOLD for difference in differences)
        ):
            let_go(session, ours.id, now)
    return closed


def _treatment(
    session: Session,
    difference: FoundDifference,
    ours: Order | None,
    accepted_by: str | None,
    now: datetime,
) -> str:
    if accepted_by is not None:
        return ACCEPTED
    if difference.cure is Cure.TAKE_IN:
        return TAKEN_IN
    if ours is None:
        return REPORTED
    if difference.code is None and ours.status == Status.CANCELLED:
        # The order was cancelled at its current step: that step has to finish the cancellation.
        return LOOKED_AT if set_back(session, ours.id, ours.step, now) else AT_WORK
    if difference.code is None:
        reopen(session, [ours.id], now)
        wake(session, [ours.id], now)
        return HELD_OTHERWISE if ours.status == Status.HELD else LOOKED_AT
    if hold_until_news(session, ours.id, Hold(difference.code, difference.detail)):
        return HELD
    status = session.scalar(select(Order.status).where(Order.id == ours.id))
    return HELD_OTHERWISE if status == Status.HELD else AT_WORK
