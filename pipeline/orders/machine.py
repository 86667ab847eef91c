"""The state machine: only it and `state_changes` change an order's step or status.

READY ─claim─▶ RUNNING ─Done/Skipped─▶ READY (next step) … ─▶ DONE
  ▲               ├─Wait──▶ WAITING (due_at)
  │               ├─Hold──▶ HELD (runs again on a timer)
  │               └─Cancelled─▶ CANCELLED
  └── sweep: due_at has come (a READY, WAITING or HELD order, or one whose worker is gone)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, not_, or_, select, update
from sqlalchemy.orm import Session

from pipeline.base.clock import seconds
from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.base.quota import Lane
from pipeline.base.vault import Vault
from pipeline.orders import claim_rows, record_rows
from pipeline.orders.attempts import end_as_superseded, end_of
from pipeline.orders.locking import locked
from pipeline.orders.order_shop import settle
from pipeline.orders.outcome import Cancelled, Done, Hold, HoldCode, Outcome, Skipped, Wait
from pipeline.orders.report import Report
from pipeline.orders.states import StepName
from pipeline.orders.tables import LIVE, Note, Order, Status
from pipeline.settings.model import Timing

STEPS: tuple[str, ...] = tuple(StepName)
SHIPPING_STEPS = STEPS[-2:]
"""The steps at which an order waits for its packages."""
MAX_UNFINISHED = 5


@dataclass(slots=True)
class Claim:
    """An order that a worker holds, detached from the database until it is recorded."""

    order: Order
    attempt_id: int
    news: int
    keeps_crashing: bool


def owner(order: Order) -> str:
    """The id that an order's sealed data is bound to."""
    return owner_of(order.account, order.external_id)


def owner_of(account: str, external_id: str) -> str:
    """The same, by an order's account and number."""
    return f"{account}/{external_id}"


class Orders:
    """Claims orders and records outcomes, each in a short transaction.

    `shops` are the shops that the accounts sell into now.
    """

    def __init__(
        self,
        sessions: Sessions,
        vault: Vault,
        timing: Timing,
        shops: Mapping[str, str] | None = None,
    ) -> None:
        self._sessions = sessions
        self._vault = vault
        self._timing = timing
        self._shops = shops or {}

    def claim(
        self, order_id: int, step: str, *, task_id: str, worker: str, now: datetime
    ) -> Claim | None:
        """Take an order for a run of `step`, or return None when the step cannot run now.

        The caller holds the order's lease. A step cannot run when the order is at another step, has
        ended, or is not due yet. `tries` goes up before the step runs.
        """
        claimed = claim_rows.claim(
            self._sessions,
            order_id,
            step,
            task_id=task_id,
            worker=worker,
            now=now,
            lost_after=seconds(self._timing.lease_s / 3),
        )
        if claimed is None:
            return None
        order = claimed.order
        settle(self._sessions, order, self._shops.get(order.account))
        order.report = Report.sealed(self._vault, owner(order), *claimed.sealed)
        order.requested_shipments = claimed.requested if step in SHIPPING_STEPS else ()
        # The claim itself counts as unfinished until it is recorded.
        crashed = order.unfinished > MAX_UNFINISHED
        return Claim(order, claimed.attempt_id, order.news, crashed)

    def record(
        self, claim: Claim, outcome: Outcome, *, now: datetime, request_id: str = ""
    ) -> bool:
        """Commit facts, attempt and next state at once.

        False when another worker has claimed the order meanwhile: then only the end of this run's
        attempt is stored.
        """
        self._apply(claim.order, outcome, now)
        end = end_of(outcome, now, request_id)
        may_wait = isinstance(outcome, Wait | Hold)
        recording = record_rows.Recording(
            claim.order, end, claim.attempt_id, claim.news, now if may_wait else None
        )
        if record_rows.record(self._sessions, recording):
            return True
        with self._sessions() as session, session.begin():
            end_as_superseded(session, claim.attempt_id, now, request_id)
        return False

    def _apply(self, order: Order, outcome: Outcome, now: datetime) -> None:
        timing = self._timing
        order.unfinished = 0
        if not (isinstance(outcome, Wait) and outcome.is_trouble):
            order.tries = 0
        order.hold_code = order.hold_reason = None
        order.hold_facts = {}
        match outcome:
            case Done() | Skipped():
                following = STEPS.index(order.step) + 1
                if following == len(STEPS):
                    order.status, order.due_at = Status.DONE, None
                else:
                    order.step, order.status = STEPS[following], Status.READY
                    # The next step's message is on its way; the sweep sends another if it is lost.
                    order.due_at = now + seconds(timing.resend_s)
                order.last_note = outcome.why if isinstance(outcome, Skipped) else ""
            case Wait(reason, delay, facts=facts):
                order.hold_facts = dict(facts)
                order.status, order.due_at = Status.WAITING, now + delay
                order.last_note = reason
            case Hold(code, reason, facts):
                order.status = Status.HELD
                order.due_at = now + seconds(timing.recheck_held_s)
                order.hold_code, order.hold_reason, order.hold_facts = code, reason, dict(facts)
                order.last_note = reason
                order.shown = True
                if code == HoldCode.KEEPS_CRASHING:
                    order.unfinished = MAX_UNFINISHED - 1  # allow a single try per timer
            case Cancelled(reason):
                order.status, order.due_at, order.last_note = Status.CANCELLED, None, reason

    def due(
        self,
        now: datetime,
        limit: int,
        *,
        steps: Collection[str] = STEPS,
        with_backfill: bool = True,
        only_running: bool = False,
    ) -> list[tuple[int, str]]:
        """Ids and steps of due orders, marked as sent now; backfilled orders come last.

        Only orders at one of `steps` count; with `only_running`, only running orders, whose worker
        may have died. An order is sent again only after a while, and two sweeps at once never take
        the same order. Backfilled orders lose their low priority once they have a Magento order.
        """
        is_backfill = and_(Order.lane == Lane.BACKFILL, Order.magento_order_id.is_(None))
        again_after = case(
            (Order.status == Status.RUNNING, seconds(self._timing.lease_s / 3)),
            else_=seconds(self._timing.resend_s),
        )
        with self._sessions() as session, session.begin():
            rows = session.execute(
                select(Order.id, Order.step)
                .where(
                    Order.status == Status.RUNNING if only_running else Order.status.in_(LIVE),
                    Order.step.in_(steps),
                    Order.due_at <= now,
                    or_(Order.sent_at.is_(None), Order.sent_at <= now - again_after),
                    *(() if with_backfill else (not_(is_backfill),)),
                )
                .order_by(*((is_backfill,) if with_backfill else ()), Order.due_at)
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).all()
            session.execute(
                update(Order)
                .where(among(Order.id, [row.id for row in rows]))
                .values(sent_at=now, updated_at=Order.updated_at)
                .execution_options(synchronize_session=False)
            )
        return [(row.id, row.step) for row in rows]

    def positions(self, order_ids: Sequence[int], now: datetime) -> list[tuple[int, str]]:
        """Ids and steps of the orders among these that no worker holds, marked as sent now."""
        with self._sessions() as session, session.begin():
            rows = session.execute(
                update(Order)
                .where(
                    locked(order_ids),
                    Order.status.in_((Status.READY, Status.WAITING, Status.HELD)),
                )
                .values(sent_at=now, updated_at=Order.updated_at)
                .returning(Order.id, Order.step)
                .execution_options(synchronize_session=False)
            ).all()
        return [(row.id, row.step) for row in rows]

    def release(self, order_id: int, *, author: str, now: datetime) -> bool:
        """Make a waiting or held order due now, also one that a person held. False when it is
        neither waiting nor held."""
        with self._sessions() as session, session.begin():
            order = session.get(Order, order_id, with_for_update=True)
            if order is None or order.status not in (Status.WAITING, Status.HELD):
                return False
            wake(session, [order_id], now)
            order.kept_back = None
            session.add(Note(order_id=order_id, at=now, author=author, text="released"))
        return True


def wake(session: Session, order_ids: Sequence[int], now: datetime) -> list[int]:
    """Count news of these orders, and make waiting and held orders due at once; return live ids.

    A running order whose step then waits or holds becomes due at once too.
    """
    parked = Order.status.in_((Status.WAITING, Status.HELD))
    return list(
        session.scalars(
            update(Order)
            .where(locked(order_ids), Order.status.in_(LIVE))
            .values(
                news=Order.news + 1,
                due_at=case((parked, now), else_=Order.due_at),
                sent_at=case((parked, None), else_=Order.sent_at),
            )
            .returning(Order.id)
            .execution_options(synchronize_session=False)
        )
    )


def reopen(session: Session, order_ids: Sequence[int], now: datetime) -> None:
    """Run the last step again for done orders that have news, except orders that a person has
    dismissed."""
    session.execute(
        update(Order)
        .where(locked(order_ids), Order.status == Status.DONE, Order.dismissed_at.is_(None))
        .values(
            step=STEPS[-1],
            status=Status.WAITING,
            due_at=now,
            sent_at=None,
            version=Order.version + 1,
        )
        .execution_options(synchronize_session=False)
    )
