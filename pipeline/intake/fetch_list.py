"""The fetch list: orders that a notification or a person named, each once, to be read singly.

A worker takes a row for two minutes and deletes it when the order has been stored, unless the order
was named again meanwhile. If the worker dies, the row becomes due again by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.quota import Lane
from pipeline.intake.tables import Backfill, SeenNotification, ToFetch

# Longer than a read takes with all its retries.
TAKEN_FOR = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row of the fetch list, as a worker took it."""

    account: str
    external_id: str
    lane: Lane
    asked_at: datetime
    tries: int
    backfill_id: int | None


def ask(
    session: Session,
    account: str,
    external_ids: Iterable[str],
    lane: Lane,
    now: datetime,
    backfill_id: int | None = None,
    changed: Mapping[str, datetime] | None = None,
    wait: timedelta = timedelta(0),
) -> None:
    """Put these orders on the fetch list. An order that is on it keeps its more urgent lane.

    `changed` are the times of change that the marketplace gave, by order number. The orders become
    due after `wait`.
    """
    # Sorted, so that two transactions with the same orders never block each other.
    rows = [
        {
            "account": account,
            "external_id": external_id,
            "lane": lane,
            "asked_at": now,
            "due_at": now + wait,
            "changed_at": (changed or {}).get(external_id),
            "backfill_id": backfill_id,
        }
        for external_id in sorted(set(external_ids))
    ]
    if not rows:
        return
    asking = insert(ToFetch)
    session.execute(
        asking.on_conflict_do_update(
            index_elements=[ToFetch.account, ToFetch.external_id],
            set_={
                "lane": case(
                    (asking.excluded.lane == Lane.NEW, asking.excluded.lane),
                    else_=ToFetch.lane,
                ),
                "asked_at": asking.excluded.asked_at,
                "due_at": func.least(ToFetch.due_at, asking.excluded.due_at),
                # An earlier release stored times in the future: cap them.
                "changed_at": func.greatest(
                    func.least(ToFetch.changed_at, asking.excluded.asked_at),
                    asking.excluded.changed_at,
                ),
                "tries": 0,
                "backfill_id": func.coalesce(ToFetch.backfill_id, asking.excluded.backfill_id),
            },
        ),
        rows,
    )


class Fetching:
    """The fetch list; each method is a short transaction."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def ask(
        self,
        account: str,
        external_ids: Iterable[str],
        lane: Lane,
        now: datetime,
        backfill_id: int | None = None,
    ) -> None:
        """See `ask`, in a transaction of its own."""
        with self._sessions() as session, session.begin():
            ask(session, account, external_ids, lane, now, backfill_id)

    def ask_again(
        self, account: str, external_id: str, now: datetime, wait: timedelta = timedelta(0)
    ) -> None:
        """Put an order on the fetch list at a backfill's priority, since it may have changed.

        An order that is on the list keeps its place, however often its step runs. So every held
        order gets its turn, and none uses quota that new orders need.
        """
        with self._sessions() as session, session.begin():
            ask(session, account, [external_id], Lane.BACKFILL, now, wait=wait)

    def notified(
        self,
        account: str,
        named: Mapping[str, str],
        now: datetime,
        changed: Mapping[str, datetime] | None = None,
    ) -> int:
        """Store notifications; returns how many were new. `named` maps ids to orders.

        `changed` are times of change by order number, from the newest notification that has a time.
        When this method returns, the notifications are committed and may be deleted from the queue.
        A future time counts as now: searches rely on these times, and a clock may be wrong.
        """
        if not named:
            return 0
        changed = {number: min(at, now) for number, at in (changed or {}).items()}
        with self._sessions() as session, session.begin():
            unseen = session.scalars(
                insert(SeenNotification)
                .on_conflict_do_nothing(index_elements=[SeenNotification.notification_id])
                .returning(SeenNotification.notification_id),
                [
                    {"notification_id": notification_id, "seen_at": now}
                    for notification_id in sorted(named)
                ],
            ).all()
            ask(
                session,
                account,
                [named[notification_id] for notification_id in unseen],
                Lane.NEW,
                now,
                None,
                changed,
            )
        return len(unseen)

    def accounts_due(self, now: datetime) -> set[str]:
        """The accounts that have due orders on the list."""
        with self._sessions() as session:
            return set(
                session.scalars(select(ToFetch.account).where(ToFetch.due_at <= now).distinct())
            )

    def take(
        self,
        account: str,
        now: datetime,
        limit: int,
        lanes: Sequence[Lane] = (Lane.NEW, Lane.BACKFILL),
        not_before: datetime | None = None,
    ) -> list[Wanted]:
        """Take up to `limit` due orders, those of the first lane first.

        Orders that changed before `not_before` are left to the next search.
        A taken order is not due again for two minutes, unless it is named again.
        """
        urgency = case({lane: place for place, lane in enumerate(lanes)}, value=ToFetch.lane)
        with self._sessions() as session, session.begin():
            rows = session.scalars(
                select(ToFetch)
                .where(
                    ToFetch.account == account,
                    ToFetch.lane.in_(lanes),
                    ToFetch.due_at <= now,
                    *([_changed_since(not_before)] if not_before is not None else []),
                )
                .order_by(
                    urgency,
                    ToFetch.changed_at.asc().nulls_first(),
                    ToFetch.due_at,
                    ToFetch.external_id,
                )
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).all()
            for row in rows:
                row.due_at = now + TAKEN_FOR
            return [
                Wanted(
                    row.account,
                    row.external_id,
                    Lane(row.lane),
                    row.asked_at,
                    row.tries,
                    row.backfill_id,
                )
                for row in rows
            ]

    def satisfied(self, account: str, seen: Mapping[str, datetime]) -> None:
        """Remove the orders that a search has brought, unless they changed after these times."""
        if not seen:
            return
        table = ToFetch.__table__
        with self._sessions() as session, session.begin():
            session.execute(
                delete(table).where(  # type: ignore[arg-type]
                    table.c.account == account,
                    table.c.lane == Lane.NEW,
                    table.c.external_id == bindparam("number"),
                    table.c.changed_at <= bindparam("as_of"),
                    table.c.backfill_id.is_(None),
                ),
                [{"number": number, "as_of": as_of} for number, as_of in sorted(seen.items())],
            )

    def done(self, wanted: Wanted, new: int = 0) -> None:
        """Remove an order that has been read and stored; `new` is 1 if it was new to us."""
        with self._sessions() as session, session.begin():
            session.execute(delete(ToFetch).where(_still(wanted)))
            _count(session, wanted, calls=1, orders_seen=1, orders_new=new)

    def drop(self, wanted: Wanted) -> None:
        """Remove an order that cannot be read."""
        with self._sessions() as session, session.begin():
            session.execute(delete(ToFetch).where(_still(wanted)))
            _count(session, wanted, calls=1)

    def retry(self, wanted: Wanted, due_at: datetime) -> None:
        """Put off an order whose read failed, and count the try."""
        with self._sessions() as session, session.begin():
            session.execute(
                update(ToFetch)
                .where(_still(wanted))
                .values(due_at=due_at, tries=ToFetch.tries + 1)
                .execution_options(synchronize_session=False)
            )
            _count(session, wanted, calls=1)

    def put_back(self, wanted: Wanted, due_at: datetime) -> None:
        """Put off an order that was not read at all, without counting a try."""
        with self._sessions() as session, session.begin():
            session.execute(
                update(ToFetch)
                .where(_still(wanted))
                .values(due_at=due_at)
                .execution_options(synchronize_session=False)
            )


def _still(wanted: Wanted) -> ColumnElement[bool]:
    """The row, unless its order was named again since the worker took it."""
    return and_(
        ToFetch.account == wanted.account,
        ToFetch.external_id == wanted.external_id,
        ToFetch.asked_at == wanted.asked_at,
    )


def _changed_since(moment: datetime) -> ColumnElement[bool]:
    return or_(ToFetch.changed_at.is_(None), ToFetch.changed_at >= moment)


def _count(session: Session, wanted: Wanted, **more: int) -> None:
    """Add these counts to the backfill of the order, if it has a backfill."""
    if wanted.backfill_id is not None:
        session.execute(
            update(Backfill)
            .where(Backfill.id == wanted.backfill_id)
            .values({name: getattr(Backfill, name) + number for name, number in more.items()})
            .execution_options(synchronize_session=False)
        )
