"""Stores reconciliations and their differences."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, true, update
from sqlalchemy.exc import IntegrityError

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.monitoring.reconcile.tables import Difference, Reconciliation, ReconciliationState
from pipeline.monitoring.reconcile.treat import ACCEPTED, FOR_A_PERSON
from pipeline.orders.channel import OrderPage
from pipeline.orders.ledger_rows import IS_UNPROVEN
from pipeline.orders.state_changes import let_go
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Effect, EffectState, Note, Order, Status

# Changes of the last half hour may still be on their way through the poll and the steps.
NOT_BEFORE = timedelta(minutes=30)
DEFAULT_PERIOD = timedelta(hours=48)
LONGEST_PERIOD = timedelta(days=30)


class SeveralAccounts(Exception):
    """Orders of several accounts have this number; `accounts` names the accounts."""

    def __init__(self, accounts: Sequence[str]) -> None:
        super().__init__(", ".join(accounts))
        self.accounts = accounts


class AlreadyRunning(Exception):
    """The account has a reconciliation that has not ended yet."""


@dataclass(frozen=True, slots=True)
class Result:
    """A reconciliation and the differences it saw."""

    run: Reconciliation
    differences: Sequence[Difference]


class Runs:
    """All reconciliations. Each method is its own short transaction."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def start(
        self, account: str, after: datetime, before: datetime, *, author: str, now: datetime
    ) -> int:
        """Start a reconciliation of a period of Amazon's changes; return its id. Raises
        AlreadyRunning."""
        run = Reconciliation(
            account=account,
            author=author,
            state=ReconciliationState.RUNNING,
            after_at=after,
            before_at=before,
            due_at=now,
            created_at=now,
        )
        try:
            with self._sessions() as session, session.begin():
                session.add(run)
        except IntegrityError as error:
            raise AlreadyRunning(account) from error
        return run.id

    def begun_since(self, author: str, since: datetime) -> set[str]:
        """The accounts for which this author has started a reconciliation since then, or of which
        any is still running."""
        with self._sessions() as session:
            return set(
                session.scalars(
                    select(Reconciliation.account)
                    .where(
                        (Reconciliation.state == ReconciliationState.RUNNING)
                        | ((Reconciliation.author == author) & (Reconciliation.created_at > since))
                    )
                    .distinct()
                )
            )

    def due(self, now: datetime) -> Sequence[Reconciliation]:
        """The running reconciliations that are due."""
        with self._sessions() as session:
            return session.scalars(
                select(Reconciliation)
                .where(
                    Reconciliation.state == ReconciliationState.RUNNING,
                    Reconciliation.due_at <= now,
                )
                .order_by(Reconciliation.id)
            ).all()

    def get(self, run_id: int) -> Reconciliation:
        """The current row of a reconciliation."""
        with self._sessions() as session:
            return session.get_one(Reconciliation, run_id)

    def listed(self, run_id: int, page: OrderPage, unreadable: int) -> None:
        """Note that a page of Amazon's list has been compared."""
        with self._sessions() as session, session.begin():
            run = session.get_one(Reconciliation, run_id, with_for_update=True)
            run.orders_seen += len(page.orders)
            run.unreadable += unreadable
            run.page_token, run.is_listed = page.next_token, page.next_token is None
            run.trouble = None

    def put_off(
        self, run_id: int, due_at: datetime, trouble: str | None, *, restart: bool = False
    ) -> None:
        """Make the run due at `due_at`; `restart` drops the list's page token."""
        with self._sessions() as session, session.begin():
            run = session.get_one(Reconciliation, run_id, with_for_update=True)
            run.due_at = due_at
            run.trouble = trouble and trouble[:500]
            if restart:
                run.page_token = None

    def end(self, run_id: int, now: datetime) -> int:
        """End the run; return how many open differences of the account need a person."""
        with self._sessions() as session, session.begin():
            run = session.get_one(Reconciliation, run_id, with_for_update=True)
            run.state, run.ended_at = ReconciliationState.DONE, now
            return session.scalars(
                select(func.count())
                .select_from(Difference)
                .where(
                    Difference.account == run.account,
                    Difference.ended_at.is_(None),
                    Difference.treatment.in_(FOR_A_PERSON),
                )
            ).one()

    def unseen(self, run: Reconciliation, limit: int) -> list[str]:
        """Numbers of orders with an open difference that this run has not compared yet.

        When none are left: numbers of orders that we call cancelled without proof, since no change
        at Amazon brings them back into the list.
        """
        with self._sessions() as session:
            differing = list(
                session.scalars(
                    select(Difference.external_id)
                    .where(
                        Difference.account == run.account,
                        Difference.ended_at.is_(None),
                        Difference.reconciliation_id < run.id,
                    )
                    .distinct()
                    .order_by(Difference.external_id)
                    .limit(limit)
                )
            )
            return differing or list(
                session.scalars(
                    select(Order.external_id)
                    .join(Effect, Effect.order_id == Order.id)
                    .where(
                        Order.account == run.account,
                        Order.status == Status.CANCELLED,
                        Effect.kind == EffectKind.CANCELLATION,
                        IS_UNPROVEN,
                    )
                    .order_by(Order.external_id)
                    .limit(limit)
                )
            )

    def leave(self, run: Reconciliation, external_ids: Collection[str]) -> None:
        """Mark the orders' differences as seen by this run: they were compared, or Amazon no longer
        returns them. An unproven cancellation becomes refused, so that the step alone looks for
        it."""
        with self._sessions() as session, session.begin():
            session.execute(
                update(Effect)
                .where(
                    Effect.order_id.in_(
                        select(Order.id).where(
                            Order.account == run.account, among(Order.external_id, external_ids)
                        )
                    ),
                    Effect.kind == EffectKind.CANCELLATION,
                    IS_UNPROVEN,
                )
                .values(state=EffectState.REFUSED, detail="done without an id: checked again")
                .execution_options(synchronize_session=False)
            )
            session.execute(
                update(Difference)
                .where(
                    Difference.account == run.account,
                    among(Difference.external_id, external_ids),
                    Difference.ended_at.is_(None),
                )
                .values(reconciliation_id=run.id)
            )

    def latest(self, accounts: Collection[str]) -> list[Result]:
        """The last reconciliation of each account, with the differences it saw."""
        results = []
        with self._sessions() as session:
            for account in accounts:
                run = session.scalar(
                    select(Reconciliation)
                    .where(Reconciliation.account == account)
                    .order_by(Reconciliation.id.desc())
                    .limit(1)
                )
                if run is not None:
                    seen = session.scalars(
                        select(Difference)
                        .where(
                            Difference.reconciliation_id == run.id, Difference.ended_at.is_(None)
                        )
                        .order_by(Difference.kind, Difference.external_id)
                    ).all()
                    results.append(Result(run, seen))
        return results

    def accept(
        self, external_id: str, *, author: str, now: datetime, account: str | None = None
    ) -> list[str]:
        """Accept an order's open differences and release the order; return their kinds.

        Raises SeveralAccounts when no account is given and several accounts have such an order.
        """
        with self._sessions() as session, session.begin():
            open_differences = session.scalars(
                select(Difference)
                .where(
                    Difference.external_id == external_id,
                    Difference.ended_at.is_(None),
                    true() if account is None else Difference.account == account,
                )
                .order_by(Difference.kind)
                .with_for_update()
            ).all()
            accounts = sorted({difference.account for difference in open_differences})
            if len(accounts) > 1:
                raise SeveralAccounts(accounts)
            for difference in open_differences:
                difference.accepted_by, difference.treatment = author, ACCEPTED
                order_id = session.scalar(
                    select(Order.id).where(
                        Order.account == difference.account, Order.external_id == external_id
                    )
                )
                if order_id is not None:
                    text = f"accepted: {difference.kind}, {difference.detail}"
                    session.add(Note(order_id=order_id, at=now, author=author, text=text))
                    let_go(session, order_id, now)
            return [difference.kind for difference in open_differences]
