"""A person's decision about many orders: stored with all its orders; a job then does it in batches.
Each order gets the same note as for a single decision.

A batch is one transaction: when a worker dies, its batch is rolled back and the next worker takes
the same orders. Orders are released some time apart, so that new orders still get quota.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    case,
    func,
    insert,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.base.log import log
from pipeline.base.master_keys import KeyMissing
from pipeline.base.vault import Vault
from pipeline.operations.acts.one_order import DISMISSED, LONGEST_NOTE, NotPossible
from pipeline.operations.acts.parcels_in_turn import forget_titles, request_parcels
from pipeline.operations.acts.tables import BulkAct, BulkActOrder, OrderState
from pipeline.orders.decision_table import PENDING
from pipeline.orders.locking import lock
from pipeline.orders.machine import wake
from pipeline.orders.order_words import note
from pipeline.orders.outcome import HoldCode
from pipeline.orders.state_changes import dismiss, look_in_turn, take_up_again
from pipeline.orders.states import CancellationState
from pipeline.orders.tables import Note, Order, Status

APART = timedelta(milliseconds=200)
"""Five orders a second: about what an account's quota and a shop take beside new orders."""
AHEAD = timedelta(seconds=20)
"""How far ahead orders get their turn. Orders without a turn can still be stopped."""
BATCH = 500
MOST_A_RUN = 5_000
ONE_BY_ONE = frozenset({HoldCode.IN_MAGENTO_ALREADY, HoldCode.KEPT_BACK})
"""Released together, these orders would be placed twice, or go on although a person holds them: a
person decides order by order."""
GONE = "it has been deleted"


class Act(StrEnum):
    """The decisions about many orders. RELEASE retries waiting and held orders, RESUME undoes a
    bulk act that dismissed orders, SHIP requests the parcels of a file."""

    RELEASE = "release"
    DISMISS = "dismiss"
    RESUME = "resume"
    SHIP = "ship"


_IN_TURN = (Act.RELEASE, Act.RESUME, Act.SHIP)


class MoreThanSeen(Exception):
    """More orders match now than the person saw: `orders` of them."""

    def __init__(self, orders: int) -> None:
        super().__init__(f"{orders} orders")
        self.orders = orders


_IS_ASKED = Order.cancellation.in_((CancellationState.ASKED, CancellationState.SENT))


def why_not(act: Act) -> ColumnElement[str | None]:
    """SQL for the reason to pass an order over, as the end of a sentence; null where the act is
    possible."""
    if act == Act.RESUME:
        return case((Order.dismissed_at.is_(None), "it has been resumed"), else_=null())
    ended = Order.status.in_((Status.DONE, Status.CANCELLED))
    reasons: dict[Act, tuple[tuple[ColumnElement[bool], str], ...]] = {
        Act.RELEASE: (
            (
                and_(Order.status == Status.HELD, Order.hold_code == HoldCode.KEPT_BACK),
                "a person holds it: release it on its own page",
            ),
            (
                and_(Order.status == Status.HELD, Order.hold_code.in_(ONE_BY_ONE)),
                "it is in Magento already: decide it on its own page",
            ),
        ),
        Act.DISMISS: (
            (Order.remote_status.in_(PENDING), "Amazon has not verified its payment yet"),
            (_IS_ASKED, "Amazon is being asked to cancel it"),
        ),
    }
    return case(
        (ended, literal("it has ended", String)),
        (Order.status.in_((Status.READY, Status.RUNNING)), "a step is running or about to run"),
        *reasons[act],
        else_=null(),
    )


class BulkActs:
    """Begins, does and stops bulk acts; each method and each batch is its own short transaction."""

    def __init__(self, sessions: Sessions, vault: Vault) -> None:
        self._sessions = sessions
        self._vault = vault

    def begin(
        self,
        act: Act,
        turns: Select[tuple[int, int]],
        *,
        chosen: str,
        author: str,
        now: datetime,
        token: str,
        why: str = "",
        seen: int | None = None,
    ) -> int:
        """Store an act for the orders it is possible for; return the act's id.

        `turns` selects ids of orders and their turns, in a statement about `orders`. `seen` is the
        number of orders the person saw. A repeated `token` returns the act that has already begun.
        Raises NotPossible without an order or a reason, and MoreThanSeen.
        """
        if act == Act.DISMISS and not why.strip():
            raise NotPossible("give the reason why they are dismissed")
        row = BulkAct(
            token=token,
            author=author,
            act=act,
            chosen=chosen,
            why=why.strip(),
            orders=0,
            asked_at=now,
            due_at=now,
        )
        try:
            with self._sessions() as session, session.begin():
                session.add(row)
                session.flush()
                row.orders = _write_down(session, row.id, turns.where(why_not(act).is_(None)))
                if row.orders == 0:
                    raise NotPossible("no order matches any more")
                if seen is not None and row.orders > seen:
                    raise MoreThanSeen(row.orders)
        except IntegrityError:
            with self._sessions() as session:
                return session.scalars(select(BulkAct.id).where(BulkAct.token == token)).one()
        return row.id

    def go_on(self, now: datetime) -> int:
        """Give the orders that are due in all open acts their turn; return how many."""
        with self._sessions() as session:
            rows = session.execute(
                select(BulkAct.id, BulkAct.act)
                .where(BulkAct.ended_at.is_(None))
                .order_by(BulkAct.id)
            ).all()
        # Several acts that give their orders turns share the rate of a single act.
        apart = APART * max(1, sum(row.act in _IN_TURN for row in rows))
        return sum(self._go_on(row.id, now, apart) for row in rows)

    def _go_on(self, act_id: int, now: datetime, apart: timedelta) -> int:
        taken = 0
        while taken < MOST_A_RUN:
            try:
                count = self._next_batch(act_id, now, apart)
            except KeyMissing as error:
                # A process that has the key does it; the reason would be lost here.
                log.error("bulk.key_missing", error=str(error))
                break
            if not count:
                break
            taken += count
        return taken

    def _next_batch(self, act_id: int, now: datetime, apart: timedelta) -> int:
        with self._sessions() as session, session.begin():
            # An act that another worker is working on is left to that worker.
            act = session.scalar(
                select(BulkAct)
                .where(BulkAct.id == act_id, BulkAct.ended_at.is_(None))
                .with_for_update(skip_locked=True)
            )
            return 0 if act is None else _do_batch(session, self._vault, act, now, apart)

    def stop(self, act_id: int, *, author: str, now: datetime) -> bool:
        """End the act; orders without a turn stay as they are. False when it has already ended."""
        with self._sessions() as session, session.begin():
            stopped = session.scalars(
                update(BulkAct)
                .where(BulkAct.id == act_id, BulkAct.ended_at.is_(None))
                .values(ended_at=now, stopped_by=author, why="")
                .returning(BulkAct.id)
                .execution_options(synchronize_session=False)
            ).all()
            forget_titles(session, act_id)
        return bool(stopped)


def _write_down(session: Session, act_id: int, turns: Select[tuple[int, int]]) -> int:
    rows = turns.add_columns(literal(act_id))
    session.execute(insert(BulkActOrder).from_select(["order_id", "turn", "act_id"], rows))
    written = select(func.count()).where(BulkActOrder.act_id == act_id)
    return session.scalars(written).one()


def _do_batch(session: Session, vault: Vault, act: BulkAct, now: datetime, apart: timedelta) -> int:
    """Give the next orders their turn; return how many. The last order ends the act, and then its
    reason is kept with the orders alone, sealed."""
    begin = max(act.due_at, now)
    is_in_turn = act.act in _IN_TURN
    most = min(BATCH, (now + AHEAD - begin) // apart) if is_in_turn else BATCH
    if most <= 0:
        return 0
    rows = session.execute(
        select(BulkActOrder.turn, BulkActOrder.order_id)
        .where(BulkActOrder.act_id == act.id, BulkActOrder.state == OrderState.TO_DO)
        .order_by(BulkActOrder.turn)
        .limit(most)
    ).all()
    refusals = _refusals(session, act, [row.order_id for row in rows], now)
    possible = [row for row in rows if refusals.get(row.order_id, GONE) is None]
    ids = [row.order_id for row in possible]
    if ids:
        said = _do(session, act, ids, begin, now, apart)
        if is_in_turn:
            act.due_at = begin + len(ids) * apart
        if said:
            note(session, vault, ids, said, act.why[:LONGEST_NOTE], author=act.author, at=now)
    due = {row.turn: begin + place * apart for place, row in enumerate(possible)}
    _keep(session, act, rows, refusals, due)
    act.done += len(possible)
    act.passed_over += len(rows) - len(possible)
    if len(rows) < most:
        act.ended_at, act.why = now, ""
        forget_titles(session, act.id)
    return len(rows)


def _do(
    session: Session,
    act: BulkAct,
    order_ids: Sequence[int],
    begin: datetime,
    now: datetime,
    apart: timedelta,
) -> str:
    """Do the act for these orders, and return what is noted of each, if that is still to do."""
    match Act(act.act):
        case Act.RELEASE:
            look_in_turn(session, order_ids, begin, apart)
            return "released"
        case Act.RESUME:
            take_up_again(session, order_ids, begin, apart)
            return "resumed it"
        case Act.SHIP:
            for place, order_id in enumerate(order_ids):
                wake(session, [order_id], begin + place * apart)
            return ""
        case Act.DISMISS:
            dismiss(session, order_ids, DISMISSED, now)
            return DISMISSED


def _refusals(
    session: Session, act: BulkAct, order_ids: Sequence[int], now: datetime
) -> dict[int, str | None]:
    """Lock the orders until the transaction ends; the reason to pass each over, None if
    possible."""
    if act.act == Act.SHIP:
        return request_parcels(session, act, order_ids, now)
    lock(session, order_ids)
    refusal = why_not(Act(act.act)).label("refusal")
    rows = session.execute(select(Order.id, refusal).where(among(Order.id, order_ids)))
    return {row.id: row.refusal for row in rows}


def _keep(
    session: Session,
    act: BulkAct,
    rows: Sequence[Any],
    refusals: Mapping[int, str | None],
    due: Mapping[int, datetime],
) -> None:
    """Store the result for each order of a batch; `due` has the due times of the orders done."""
    if not rows:
        return
    session.execute(
        update(BulkActOrder),
        [
            {
                "act_id": act.id,
                "turn": row.turn,
                "state": OrderState.DONE if row.turn in due else OrderState.PASSED_OVER,
                "why": refusals.get(row.order_id, GONE),
                "due_at": due.get(row.turn) if act.act in _IN_TURN else None,
            }
            for row in rows
        ],
    )


def look_at(
    session: Session, order_ids: Sequence[int], *, author: str, text: str, now: datetime
) -> list[int]:
    """Release the waiting and held orders among these in turn, `APART` from each other, each with
    this note; return their ids. For the orders that a fix frees; `BulkActs` takes any number."""
    woken = look_in_turn(session, order_ids, now, APART)
    if woken:
        session.execute(
            insert(Note),
            [
                {"order_id": order_id, "at": now, "author": author, "text": text}
                for order_id in sorted(woken)
            ],
        )
    return woken
