"""Moves of an order from outside its steps: held for what no step can see, set back by a person,
handed back by a worker that could not end its step.

Beside the state machine of `pipeline.orders.machine`, by the same rules: never while a step is at
it, and with a new version, so that nobody records over them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, BigInteger, and_, cast, func, literal, or_, select, update
from sqlalchemy.orm import Session

from pipeline.orders.locking import lock, locked
from pipeline.orders.machine import STEPS, wake
from pipeline.orders.outcome import Hold
from pipeline.orders.requested_shipment_table import end_standing
from pipeline.orders.states import AttemptOutcome
from pipeline.orders.tables import Attempt, Order, Status

# Nothing that was noted of the step it stood at counts any more.
_AFRESH: dict[str, Any] = {
    "sent_at": None,
    "tries": 0,
    "unfinished": 0,
    "hold_code": None,
    "hold_reason": None,
    "hold_facts": {},
}


def hold_until_news(session: Session, order_id: int, hold: Hold) -> bool:
    """Hold an order that no step is at, for a reason that its step cannot see.

    No timer looks at it: news do, a person, and whoever found the reason (see `let_go`). False when
    a step is at it, or when it is held for something else.
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
    """What `hold_until_news` held it for is over: its step looks at it now."""
    held = select(Order.id).where(
        Order.id == order_id, Order.status == Status.HELD, Order.due_at.is_(None)
    )
    wake(session, session.scalars(held).all(), now)


def look_in_turn(
    session: Session, order_ids: Sequence[int], now: datetime, apart: timedelta
) -> list[int]:
    """Have many waiting or held orders looked at one after the other, `apart` from each other, so
    that new orders find quota between them. Returns the ids of those that will be."""
    turns = (
        func.unnest(cast(list(order_ids), ARRAY(BigInteger)))
        .table_valued("id", with_ordinality="turn")
        .render_derived()
    )
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


def dismiss(session: Session, order_ids: Sequence[int], note: str, now: datetime) -> list[int]:
    """End orders at the step each stands at, for good: news do not open them again, only a person
    does (see `take_up_again`). Returns the ids of those that were; not of those that a step is at,
    or that have ended."""
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


def take_up_again(session: Session, order_id: int, now: datetime) -> bool:
    """Have a dismissed order go on where it stood. False when it is not dismissed."""
    taken = session.scalars(
        update(Order)
        .where(Order.id == order_id, Order.dismissed_at.is_not(None))
        .values(
            status=Status.WAITING,
            due_at=now,
            sent_at=None,
            dismissed_at=None,
            last_note="taken up again",
            version=Order.version + 1,
        )
        .returning(Order.id)
        .execution_options(synchronize_session=False)
    ).all()
    return bool(taken)


def set_back(session: Session, order_id: int, step: str, now: datetime) -> bool:
    """Have an order go through its steps again from `step` on, which it has reached before.

    False when a step is at it, or it has not come so far. What is done stays done: the ledger.
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
    """End a worker's run of a step that was begun and will not be recorded, which is no crash.

    The order is taken up again after `delay_after` its number of tries, unless another run has
    begun meanwhile. Whatever the old run still does is not recorded. False when it has come to its
    end, or was never begun.
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
    else:  # with the version as it is: another run may have it in hand
        session.execute(
            update(Order)
            .where(Order.id == order_id)
            .values(unfinished=unfinished)
            .execution_options(synchronize_session=False)
        )
    return True
