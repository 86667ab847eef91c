"""Moves of an order from outside its steps: held for what no step can see, set back by a person.

Beside the state machine of `pipeline.orders`, by the same rules: never while a step is at it, and
with a new version, so that nobody records over them.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from pipeline.models import Order, Status
from pipeline.orders import STEPS, wake
from pipeline.outcome import Hold


def hold_until_news(session: Session, order_id: int, hold: Hold) -> bool:
    """Hold an order that no step is at, for a reason that its step cannot see.

    No timer looks at it: news do, a person, and whoever found the reason (see `let_go`). False when
    a step is at it, or when it is held for something else.
    """
    not_at_work = Order.status.in_((Status.WAITING, Status.DONE, Status.CANCELLED))
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
            sent_at=None,
            tries=0,
            unfinished=0,
            hold_code=None,
            hold_reason=None,
            hold_facts={},
            last_note=f"set back to {step}",
            version=Order.version + 1,
        )
        .returning(Order.id)
        .execution_options(synchronize_session=False)
    ).all()
    return bool(moved)
