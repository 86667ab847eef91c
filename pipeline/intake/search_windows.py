"""How searches and notifications share a quota when orders come faster than either reads.

A search brings 100 orders for one token, of which there is one every three minutes; an order that a
notification names costs a token of another kind, of which there is one every two seconds. Each way
alone keeps up with about half of what both can, but only if they do not read the same orders. So,
while more orders are named than a page holds, the oldest page of them is left to the next search,
which is told to end there, and the others are read one by one; what they cover the search passes
over. The whole stretch is kept as a gap and searched once more when tokens are to spare: the search
stays the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from pipeline.base.db import Sessions
from pipeline.base.quota import Lane
from pipeline.intake.tables import Gap, ToFetch, Watermark
from pipeline.orders.channel import OrderPage

# A little less than a page holds: other changes fall into the same minutes.
LEFT_TO_THE_SEARCH = 97
# Gaps closer than this are searched as one.
CLOSE = timedelta(minutes=30)
A_WHILE = timedelta(minutes=15)
SEARCHED_AGAIN_AFTER = timedelta(minutes=15)
SEARCHED_AGAIN_DAILY = timedelta(days=1)
# With these waits, about a month.
SEARCHED_AT_MOST = 36


@dataclass(frozen=True, slots=True)
class Stretch:
    """A gap to be searched, and the page to go on with."""

    id: int
    since: datetime
    until: datetime
    token: str | None


class SearchWindows:
    """Plans searches under pressure; each change is one short transaction."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def left_before(self, account: str) -> datetime | None:
        """Named orders that changed before this are left to the next search; None: read them all.

        Exactly a page of them: were one read that belongs to it, a later one would take its place,
        and the search would bring what is known.
        """
        return self._named_at(account, LEFT_TO_THE_SEARCH)

    def end(self, account: str) -> datetime | None:
        """Where the next search is to end: with the last order that is left to it.

        None while a page holds all that is named. A whole second, since Amazon's bounds are.
        """
        if self._named_at(account, LEFT_TO_THE_SEARCH) is None:
            return None
        last = self._named_at(account, LEFT_TO_THE_SEARCH - 1)
        return last and last.replace(microsecond=0)

    def _named_at(self, account: str, place: int) -> datetime | None:
        """When the named order changed that has this place, the oldest having none before it."""
        with self._sessions() as session:
            return session.scalar(
                select(ToFetch.changed_at)
                .where(
                    ToFetch.account == account,
                    ToFetch.lane == Lane.NEW,
                    _believed(),
                )
                .order_by(ToFetch.changed_at)
                .offset(place)
                .limit(1)
            )

    def may_wait(self, cursor_name: str, now: datetime) -> bool:
        """Whether a search may wait, because notifications come first and the last one was lately.

        The tokens it leaves are a backfill's and the gaps'.
        """
        with self._sessions() as session:
            cursor = session.get(Watermark, cursor_name)
            return (
                cursor is not None
                and cursor.checked_at is not None
                and (cursor.trouble is None and cursor.read_at > now - A_WHILE)
            )

    def pass_over(self, account: str, cursor_name: str, since: datetime | None = None) -> None:
        """Go on where the oldest unread notification is, before and after a search under pressure.

        What lies between, and what was searched from `since` on, becomes part of a gap.
        """
        with self._sessions() as session, session.begin():
            cursor = session.get(Watermark, cursor_name, with_for_update=True)
            if cursor is None or cursor.page_token is not None:
                return
            since = since or cursor.position
            unread = session.scalar(
                select(func.min(ToFetch.changed_at)).where(
                    ToFetch.account == account, ToFetch.lane == Lane.NEW, _believed()
                )
            )
            if unread is not None and unread > cursor.position:
                cursor.position = unread
            gap = session.scalar(
                select(Gap)
                .where(
                    Gap.account == account,
                    Gap.page_token.is_(None),
                    Gap.tries == 0,
                    Gap.until_at >= since - CLOSE,
                )
                .order_by(Gap.id.desc())
                .limit(1)
                .with_for_update()
            )
            if gap is None:
                session.add(Gap(account=account, from_at=since, until_at=cursor.position))
            else:
                gap.from_at = min(gap.from_at, since)
                gap.until_at = max(gap.until_at, cursor.position)

    def keep(self, account: str, since: datetime, until: datetime, now: datetime) -> None:
        """A search of this stretch told orders without a number: search it once more, later.

        What is kept already grows with it, so that there are few of them.
        """
        with self._sessions() as session, session.begin():
            kept = session.scalar(
                select(Gap)
                .where(
                    Gap.account == account,
                    Gap.tries > 0,
                    Gap.page_token.is_(None),
                    Gap.from_at <= until,
                    Gap.until_at >= since,
                )
                .order_by(Gap.id)
                .limit(1)
                .with_for_update()
            )
            if kept is None:
                due_at = now + SEARCHED_AGAIN_AFTER
                gap = Gap(account=account, from_at=since, until_at=until, tries=1, due_at=due_at)
                session.add(gap)
            else:
                kept.from_at, kept.until_at = min(kept.from_at, since), max(kept.until_at, until)

    def keeps(self, account: str) -> bool:
        """Whether a stretch is kept in which Amazon told orders without a number."""
        kept = or_(Gap.tries > 0, Gap.again)
        with self._sessions() as session:
            return session.scalar(select(exists().where(Gap.account == account, kept))) or False

    def gap(self, account: str, now: datetime) -> Stretch | None:
        """The oldest stretch that is to be searched by now."""
        with self._sessions() as session:
            gap = session.scalar(
                select(Gap)
                .where(Gap.account == account, or_(Gap.due_at.is_(None), Gap.due_at <= now))
                .order_by(Gap.id)
                .limit(1)
            )
            if gap is None:
                return None
            return Stretch(gap.id, gap.from_at, gap.until_at, gap.page_token)

    def searched(
        self, stretch: Stretch, page: OrderPage, now: datetime, *, nameless: bool = False
    ) -> bool:
        """A page of a gap has been stored; after its last one the gap is closed, or kept for later
        where a page told orders without a number (`nameless`). False when that is given up."""
        with self._sessions() as session, session.begin():
            gap = session.get_one(Gap, stretch.id, with_for_update=True)
            gap.again = gap.again or nameless
            gap.page_token = page.next_token
            if page.next_token is not None:
                return True
            if not gap.again or gap.tries >= SEARCHED_AT_MOST:
                session.delete(gap)
                return not gap.again
            wait = min(SEARCHED_AGAIN_AFTER * 2**gap.tries, SEARCHED_AGAIN_DAILY)
            gap.due_at, gap.tries, gap.again = now + wait, gap.tries + 1, False
            return True

    def restart(self, stretch: Stretch) -> None:
        """A page of a gap was refused: search it anew from its first page."""
        with self._sessions() as session, session.begin():
            session.get_one(Gap, stretch.id).page_token = None


def _believed() -> ColumnElement[bool]:
    """That an order changed by the time it was named: nothing goes by a time to come."""
    return and_(ToFetch.changed_at.is_not(None), ToFetch.changed_at <= ToFetch.asked_at)
