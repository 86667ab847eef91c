"""Bulk acts, their progress, and where their orders stand now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import and_, case, func, select

from pipeline.base.db import Sessions
from pipeline.operations.acts.many_orders import GONE
from pipeline.operations.acts.tables import BulkAct, BulkActOrder, OrderState
from pipeline.orders.tables import Order, Status

NEWEST = 50
NAMED = 50


class Since(StrEnum):
    """Where an order stands after a bulk act."""

    IN_LINE = "in line"
    GOING_ON = "going on"
    WAITING = "waiting"
    HELD = "held again"
    DONE = "done"
    CANCELLED = "cancelled"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An order that a bulk act passed over, and why."""

    order_id: int
    external_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Progress:
    """A bulk act, its orders by where they stand now, those held again by hold code, and up to 50
    that were passed over."""

    act: BulkAct
    since: Mapping[Since, int]
    held: Mapping[str, int]
    passed_over: Sequence[PassedOver]


class Acts:
    """Reads bulk acts. Each method has a fixed number of queries."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def latest(self, limit: int = NEWEST) -> Sequence[BulkAct]:
        """The latest bulk acts, the newest first."""
        with self._sessions() as session:
            return session.scalars(select(BulkAct).order_by(BulkAct.id.desc()).limit(limit)).all()

    def progress(self, act_id: int) -> Progress | None:
        """The progress of a bulk act; None when no act has this id."""
        of_it = BulkActOrder.act_id == act_id
        code = case((_SINCE == Since.HELD, Order.hold_code)).label("code")
        standing = (
            select(_SINCE.label("since"), code, func.count())
            .join_from(BulkActOrder, Order, Order.id == BulkActOrder.order_id)
            .where(of_it, BulkActOrder.state == OrderState.DONE)
            .group_by("since", "code")
        )
        left_alone = (
            select(
                BulkActOrder.order_id,
                func.coalesce(Order.external_id, ""),
                func.coalesce(BulkActOrder.why, GONE),
            )
            .join_from(BulkActOrder, Order, Order.id == BulkActOrder.order_id, isouter=True)
            .where(of_it, BulkActOrder.state == OrderState.PASSED_OVER)
            .order_by(BulkActOrder.turn)
            .limit(NAMED)
        )
        with self._sessions() as session:
            act = session.get(BulkAct, act_id)
            if act is None:
                return None
            rows = session.execute(standing).all()
            passed_over = [PassedOver(*row) for row in session.execute(left_alone)]
        since = dict.fromkeys(Since, 0)
        held: dict[str, int] = {}
        for name, hold_code, number in rows:
            since[Since(name)] += number
            if hold_code is not None:
                held[hold_code] = number
        return Progress(act, since, held, passed_over)


# Each retry moves an order's due time on, so an order that still has the act's due time is in line.
_IS_PARKED = Order.status.in_((Status.WAITING, Status.HELD))
_SINCE = case(
    (Order.dismissed_at.is_not(None), Since.DISMISSED),
    (Order.status == Status.DONE, Since.DONE),
    (Order.status == Status.CANCELLED, Since.CANCELLED),
    (and_(_IS_PARKED, Order.due_at <= BulkActOrder.due_at), Since.IN_LINE),
    (Order.status == Status.HELD, Since.HELD),
    (Order.status == Status.WAITING, Since.WAITING),
    else_=Since.GOING_ON,
)
