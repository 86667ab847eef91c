"""Changes to an order's state from outside its steps: a hold that no step can see, a person's
replay, a worker that could not end its step.

They follow the rules of `pipeline.orders.machine`: never while a step runs, and with a new version,
so that no worker records over them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, BigInteger, and_, cast, func, literal, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import TableValuedAlias

from pipeline.orders.locking import lock, locked
from pipeline.orders.machine import STEPS, wake
from pipeline.orders.outcome import Hold
from pipeline.orders.requested_shipment_table import end_standing
from pipeline.orders.states import AttemptOutcome
from pipeline.orders.tables import Attempt, Order, Status

# Resets what was stored about the order's earlier step.
_AFRESH: dict[str, Any] = {
    "sent_at": None,
    "tries": 0,
    "unfinished": 0,
    "hold_code": None,
    "hold_reason": None,
    "hold_facts": {},
}


def hold_until_news(session: Session, order_id: int, hold: Hold) -> bool:
    """Hold an order that no step is running, for a reason that its step cannot see.

    No timer releases the order: only news, a person, or the caller do (see `let_go`). False when
    the order is running or ready, or held for another reason.
    """
    not_at_work = and_(
        Order.status.in_((Status.WAITING, Status.DONE, Status.CANCELLED)),
        Order.dismissed_at.is_(None),
    )
    is_held_for_it = and_(
        Order.status == Status.HELD, Order.due_at.is_(None), Order.hold_code == hold.code
    )
    held = session.scalars(
        update(Order)
        .where(Order.id == order_id, or_(not_at_work, is_held_for_it))
        .values(
            status=Status.HELD,
            due_at=None,
            sent_at=None,
            tries=0,
            hold_code=hold.code,
            hold_reason=hold.reason,
            hold_facts=dict(hold.facts),
            last_note=hold.reason,
            shown=True,
            version=Order.version + 1,
        )
        .returning(Order.id)
        .execution_options(synchronize_session=False)
    ).all()
    return bool(held)


def let_go(session: Session, order_id: int, now: datetime) -> None:
    """Release an order whose reason in `hold_until_news` is gone: its step runs now."""
    held = select(Order.id).where(
        Order.id == order_id, Order.status == Status.HELD, Order.due_at.is_(None)
    )
    wake(session, session.scalars(held).all(), now)


def look_in_turn(
    session: Session, order_ids: Sequence[int], now: datetime, apart: timedelta
) -> list[int]:
    """Make many waiting or held orders due in turn, `apart` from each other, so that new orders get
    quota between them. Returns the ids of the orders made due."""
    turns = _turns(order_ids)
    lock(session, order_ids)
    return list(
        session.scalars(
            update(Order)
            .where(Order.id == turns.c.id, Order.status.in_((Status.WAITING, Status.HELD)))
            .values(
                news=Order.news + 1,
                due_at=literal(now) + (turns.c.turn - 1) * literal(apart),
                sent_at=None,
            )
            .returning(Order.id)
            .execution_options(synchronize_session=False)
        )
    )


def _turns(order_ids: Sequence[int]) -> TableValuedAlias:
    return (
        func.unnest(cast(list(order_ids), ARRAY(BigInteger)))
        .table_valued("id", with_ordinality="turn")
        .render_derived()
    )


def dismiss(session: Session, order_ids: Sequence[int], note: str, now: datetime) -> list[int]:
    """End orders for good at their current steps: only a person reopens them (see
    `take_up_again`), news do not. Returns the ids of the dismissed orders; running and ended orders
    are left out."""
    ended = list(
        session.scalars(
            update(Order)
            .where(
                locked(order_ids),
                Order.status.in_((Status.READY, Status.WAITING, Status.HELD)),
            )
            .values(
                status=Status.DONE,
                due_at=None,
                **_AFRESH,
                kept_back=None,
                dismissed_at=now,
                last_note=note,
                version=Order.version + 1,
            )
            .returning(Order.id)
            .execution_options(synchronize_session=False)
        )
    )
    end_standing(session, ended, note)
    return ended


def take_up_again(
    session: Session, order_ids: Sequence[int], now: datetime, apart: timedelta = timedelta(0)
) -> list[int]:
    """Continue dismissed orders at their steps, due in turn, `apart` from each other. Returns the
    ids of the orders that were dismissed."""
    turns = _turns(order_ids)
    lock(session, order_ids)
    return list(
        session.scalars(
            update(Order)
            .where(Order.id == turns.c.id, Order.dismissed_at.is_not(None))
            .values(
                status=Status.WAITING,
                due_at=literal(now) + (turns.c.turn - 1) * literal(apart),
                sent_at=None,
                dismissed_at=None,
                last_note="resumed",
                version=Order.version + 1,
            )
            .returning(Order.id)
            .execution_options(synchronize_session=False)
        )
    )


def set_back(session: Session, order_id: int, step: str, now: datetime) -> bool:
    """Run an order again from `step` on, a step that it has reached before.

    False when a step is running, or the order has not reached `step`. The ledger repeats no write.
    """
    reached = STEPS[STEPS.index(step) :]
    moved = session.scalars(
        update(Order)
        .where(Order.id == order_id, Order.status != Status.RUNNING, Order.step.in_(reached))
        .values(
            step=step,
            status=Status.READY,
            due_at=now,
            **_AFRESH,
            dismissed_at=None,
            last_note=f"set back to {step}",
            version=Order.version + 1,
        )
        .returning(Order.id)
        .execution_options(synchronize_session=False)
    ).all()
    return bool(moved)


def hand_back(
    session: Session,
    order_id: int,
    *,
    task_id: str,
    worker: str,
    reason: str,
    now: datetime,
    delay_after: Callable[[int], timedelta],
) -> bool:
    """End a worker's run that was begun and will not be recorded; this is no crash.

    The order is due again after `delay_after` its number of tries, unless another run has begun
    meanwhile. Whatever the old run still does is not recorded. False when the run has already
    ended, or was never begun.
    """
    order = session.get(Order, order_id, with_for_update=True)
    if order is None:
        return False
    mine = session.scalars(
        update(Attempt)
        .where(
            Attempt.order_id == order_id,
            Attempt.task_id == task_id,
            Attempt.worker == worker,
            Attempt.ended_at.is_(None),
        )
        .values(ended_at=now, outcome=AttemptOutcome.HANDED_BACK, detail=reason)
        .returning(Attempt.id)
        .execution_options(synchronize_session=False)
    ).all()
    if not mine:
        return False
    unfinished = max(order.unfinished - len(mine), 0)
    newest = session.scalar(select(func.max(Attempt.id)).where(Attempt.order_id == order_id))
    if order.status == Status.RUNNING and newest == max(mine):
        order.status, order.unfinished, order.last_note = Status.READY, unfinished, reason
        order.due_at, order.sent_at = now + delay_after(order.tries), None
    else:  # keep the version: another run may hold the order
        session.execute(
            update(Order)
            .where(Order.id == order_id)
            .values(unfinished=unfinished)
            .execution_options(synchronize_session=False)
        )
    return True
