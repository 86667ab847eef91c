"""The orders whose transactions are read by their number, each once however often it is asked for.

Three ask: a person on the order's page, Amazon's notification that money was posted, and the search
for money that is held back beyond its maturity. The list bounds what they cost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.amazon.finances import FinancesApi
from pipeline.base.db import Sessions
from pipeline.base.quota import Lane
from pipeline.finances.store import Transactions
from pipeline.finances.tables import MoneyRead, TransactionRow

LATE = timedelta(hours=48)
"""Amazon may show a release so late; until then the search by time finds it, for many orders."""
MATURES_WITHIN = timedelta(days=30)
"""Deferred money of which Amazon names no maturity counts as mature so long after it was posted."""
FOLLOWED_FOR = timedelta(days=180)
"""Money that is held back longer beyond its maturity is left to a person."""
SHORTEST, LONGEST = timedelta(hours=12), timedelta(days=14)
"""Between two reads of an order whose money stays held back."""
KEPT_FOR = timedelta(days=1)
"""A read that is over is shown on the order's page so long."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row of the list, as it was when it was taken."""

    account: str
    external_id: str
    lane: Lane
    asked_at: datetime
    tries: int


class MoneyReads:
    """The list; each method is a short transaction of one or two statements."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def ask(
        self,
        account: str,
        numbers: Iterable[str],
        now: datetime,
        lane: Lane,
        wait: timedelta = timedelta(0),
    ) -> None:
        """Put these orders on the list, due after `wait`. One that waits already stays due as
        early as it is, and in the more urgent lane."""
        # Sorted, so that two transactions with the same orders never block each other.
        rows = [
            {"account": account, "external_id": number, "lane": lane, "asked_at": now}
            | {"due_at": now + wait, "tries": 0, "trouble": ""}
            for number in sorted(set(numbers))
        ]
        if not rows:
            return
        asking = insert(MoneyRead)
        is_more_urgent = and_(MoneyRead.due_at.is_not(None), MoneyRead.lane == Lane.NEW)
        with self._sessions() as session, session.begin():
            session.execute(
                asking.on_conflict_do_update(
                    index_elements=[MoneyRead.account, MoneyRead.external_id],
                    set_={
                        "lane": case((is_more_urgent, MoneyRead.lane), else_=asking.excluded.lane),
                        "asked_at": asking.excluded.asked_at,
                        "due_at": func.least(MoneyRead.due_at, asking.excluded.due_at),
                        "tries": 0,
                        "trouble": "",
                    },
                ),
                rows,
            )

    def ask_overdue(self, account: str, now: datetime, limit: int) -> int:
        """Put orders on the list whose money is held back beyond its maturity, at most `limit`;
        returns how many. Orders that are on it keep their place."""
        is_listed = exists().where(
            MoneyRead.account == account, MoneyRead.external_id == TransactionRow.external_id
        )
        orders = (
            select(
                TransactionRow.account,
                TransactionRow.external_id,
                literal(Lane.BACKFILL.value),
                literal(now),
                literal(now),
            )
            .where(_is_overdue(account, now), ~is_listed)
            .distinct()
            .order_by(TransactionRow.external_id)
            .limit(limit)
        )
        columns = ("account", "external_id", "lane", "asked_at", "due_at")
        with self._sessions() as session, session.begin():
            listed = session.scalars(
                insert(MoneyRead)
                .from_select(columns, orders)
                .on_conflict_do_nothing()
                .returning(MoneyRead.external_id)
            )
            return len(listed.all())

    def due(self, account: str, now: datetime, limit: int) -> list[Wanted]:
        """The orders to be read now, those that a person asked for first."""
        with self._sessions() as session:
            rows = session.scalars(
                select(MoneyRead)
                .where(MoneyRead.account == account, MoneyRead.due_at <= now)
                .order_by(MoneyRead.lane != Lane.NEW, MoneyRead.due_at)
                .limit(limit)
            ).all()
        return [
            Wanted(row.account, row.external_id, Lane(row.lane), row.asked_at, row.tries)
            for row in rows
        ]

    def done(self, wanted: Wanted, now: datetime) -> None:
        """Note that the order was read. While its money stays held back beyond its maturity it is
        read again, ever more seldom; an order that was asked for meanwhile stays due."""
        with self._sessions() as session, session.begin():
            matured_at = session.scalar(
                select(func.max(_maturity())).where(
                    _is_overdue(wanted.account, now),
                    TransactionRow.external_id == wanted.external_id,
                )
            )
            due_at = None
            if matured_at is not None:
                due_at = now + min(max((now - matured_at) / 4, SHORTEST), LONGEST)
            was_asked = MoneyRead.asked_at > wanted.asked_at
            session.execute(
                update(MoneyRead)
                .where(_is(wanted))
                .values(
                    read_at=now,
                    tries=0,
                    trouble="",
                    lane=case((was_asked, MoneyRead.lane), else_=Lane.BACKFILL.value),
                    due_at=case((was_asked, MoneyRead.due_at), else_=literal(due_at)),
                )
            )

    def failed(self, wanted: Wanted, code: str, again_at: datetime | None) -> None:
        """Note that the order could not be read; None gives it up. One that was asked for meanwhile
        stays due."""
        with self._sessions() as session, session.begin():
            session.execute(
                update(MoneyRead)
                .where(_is(wanted), MoneyRead.asked_at == wanted.asked_at)
                .values(tries=MoneyRead.tries + 1, trouble=code[:100], due_at=again_at)
            )

    def forget(self, account: str, now: datetime) -> None:
        """Delete what has been over for a day."""
        last = func.greatest(MoneyRead.read_at, MoneyRead.asked_at)
        with self._sessions() as session, session.begin():
            session.execute(
                delete(MoneyRead).where(
                    MoneyRead.account == account,
                    MoneyRead.due_at.is_(None),
                    last < now - KEPT_FOR,
                )
            )


def read_order(
    sessions: Sessions,
    api: FinancesApi,
    account: str,
    number: str,
    lane: Lane,
    now: datetime,
) -> int:
    """Store the transactions that Amazon shows of an order now; returns how many are new or have
    changed. Raises the errors of `FinancesApi.of_order`."""
    store = Transactions(sessions)
    changed = store.store(account, api.of_order(number, lane), now)
    if changed:
        store.release(account, now)
    return changed


def money_read(session: Session, account: str, number: str) -> MoneyRead | None:
    """The order's row of the list."""
    return session.get(MoneyRead, (account, number))


def _is(wanted: Wanted) -> ColumnElement[bool]:
    return tuple_(MoneyRead.account, MoneyRead.external_id) == (
        wanted.account,
        wanted.external_id,
    )


def _maturity() -> ColumnElement[datetime]:
    return func.coalesce(TransactionRow.matures_at, TransactionRow.posted_at + MATURES_WITHIN)


def _is_overdue(account: str, now: datetime) -> ColumnElement[bool]:
    """Whether a transaction is held back although it should have been released by now. The two
    cases are apart for the index of open transactions."""
    latest, earliest = now - LATE, now - FOLLOWED_FOR
    posted = (earliest - MATURES_WITHIN, latest - MATURES_WITHIN)
    return and_(
        TransactionRow.account == account,
        TransactionRow.status == "DEFERRED",
        TransactionRow.is_counted,
        TransactionRow.external_id.is_not(None),
        or_(
            TransactionRow.matures_at.between(earliest, latest),
            and_(TransactionRow.matures_at.is_(None), TransactionRow.posted_at.between(*posted)),
        ),
    )
