"""How searches and notifications share the work when orders come faster than either can read.

A search reads 100 orders per call and may call every three minutes; a notified order costs a call
of another kind, which is allowed every two seconds. Both together read about twice as many orders
as either alone, but only if they do not read the same orders. So, while more orders are notified
than a page holds, the oldest page of them is left to the next search, whose window ends there. The
others are read singly, and the search skips the period that they cover. The whole period is stored
as a gap and searched again when quota is to spare, so that the search stays complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from pipeline.base.db import Sessions
from pipeline.base.quota import Lane
from pipeline.intake.tables import Gap, ToFetch, Watermark
from pipeline.orders.channel import OrderPage

# A little less than a page holds, since other orders change in the same minutes.
LEFT_TO_THE_SEARCH = 97
# Gaps closer than this are merged.
CLOSE = timedelta(minutes=30)
A_WHILE = timedelta(minutes=15)
SEARCHED_AGAIN_AFTER = timedelta(minutes=15)
SEARCHED_AGAIN_DAILY = timedelta(days=1)
# With these waits the searches last about a month.
SEARCHED_AT_MOST = 36


@dataclass(frozen=True, slots=True)
class OpenGap:
    """A gap to be searched, and the token of its next page."""

    id: int
    since: datetime
    until: datetime
    token: str | None


class SearchWindows:
    """Plans searches under load; each change is a short transaction."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def left_before(self, account: str) -> datetime | None:
        """Notified orders that changed before this time are left to the next search; None: none is.

        They are exactly a page: if an order of this page were read singly, a later order would take
        its place, and the search would bring known orders.
        """
        return self._named_at(account, LEFT_TO_THE_SEARCH)

    def end(self, account: str) -> datetime | None:
        """The end of the next search: the time of the last order that is left to it.

        None while a page holds all notified orders. A whole second, as Amazon's bounds are.
        """
        if self._named_at(account, LEFT_TO_THE_SEARCH) is None:
            return None
        last = self._named_at(account, LEFT_TO_THE_SEARCH - 1)
        return last and last.replace(microsecond=0)

    def _named_at(self, account: str, place: int) -> datetime | None:
        """The time of change of the notified order at this place; the oldest has place 0."""
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
        """Whether a search may wait: the last search brought news lately and had no trouble.

        Backfills and gaps use the quota that it leaves.
        """
        with self._sessions() as session:
            cursor = session.get(Watermark, cursor_name)
            return (
                cursor is not None
                and cursor.checked_at is not None
                and (cursor.trouble is None and cursor.read_at > now - A_WHILE)
            )

    def pass_over(self, account: str, cursor_name: str, since: datetime | None = None) -> None:
        """Move the watermark to the oldest unread notification, around a search under load.

        The skipped period, and the period searched from `since` on, become part of a gap.
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
        """Store a gap for a later search, since this search brought orders without a number.

        An overlapping gap grows instead, so that the gaps stay few.
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
        """Whether the account has a gap in which Amazon reported orders without a number."""
        kept = or_(Gap.tries > 0, Gap.again)
        with self._sessions() as session:
            return session.scalar(select(exists().where(Gap.account == account, kept))) or False

    def gap(self, account: str, now: datetime) -> OpenGap | None:
        """The oldest gap that is due."""
        with self._sessions() as session:
            gap = session.scalar(
                select(Gap)
                .where(Gap.account == account, or_(Gap.due_at.is_(None), Gap.due_at <= now))
                .order_by(Gap.id)
                .limit(1)
            )
            if gap is None:
                return None
            return OpenGap(gap.id, gap.from_at, gap.until_at, gap.page_token)

    def searched(
        self, gap_to_search: OpenGap, page: OrderPage, now: datetime, *, nameless: bool = False
    ) -> bool:
        """Record a stored page of a gap; after its last page delete the gap, or keep it for a later
        search if a page had orders without a number (`nameless`). False when that is given up."""
        with self._sessions() as session, session.begin():
            gap = session.get_one(Gap, gap_to_search.id, with_for_update=True)
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

    def restart(self, gap_to_search: OpenGap) -> None:
        """Search a gap again from its first page, after Amazon refused a page."""
        with self._sessions() as session, session.begin():
            session.get_one(Gap, gap_to_search.id).page_token = None


def _believed() -> ColumnElement[bool]:
    """Whether an order's time of change is usable: not after the time it was named."""
    return and_(ToFetch.changed_at.is_not(None), ToFetch.changed_at <= ToFetch.asked_at)
