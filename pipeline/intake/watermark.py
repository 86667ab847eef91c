"""The watermarks: how far each account's orders have been read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.dialects.postgresql import insert

from pipeline.base.clock import FAR_AHEAD
from pipeline.base.db import Sessions
from pipeline.intake.tables import Watermark
from pipeline.orders.channel import OrderPage


@dataclass(frozen=True, slots=True)
class Search:
    """A search for changed orders: its start, its end where known, and the token of its next page.

    `before` is the upper bound in the request; without it the marketplace chooses the bound.
    """

    since: datetime
    until: datetime | None
    token: str | None
    before: datetime | None = None


class Watermarks:
    """The stored watermarks. Each search repeats the last `overlap`, for orders listed late.

    After a search of several pages there is no overlap, since it could keep searches that long.
    """

    def __init__(self, sessions: Sessions, overlap: timedelta) -> None:
        self._sessions = sessions
        self._overlap = overlap

    def search(self, name: str, start: datetime, before: datetime | None = None) -> Search:
        """The unfinished search, or a new search from the watermark (the first from `start`).

        A new search ends at `before` if that is given and after the watermark.
        """
        with self._sessions() as session, session.begin():
            session.execute(
                insert(Watermark).values(name=name, position=start).on_conflict_do_nothing()
            )
            cursor = session.get_one(Watermark, name)
            if cursor.page_token is not None and cursor.search_from is not None:
                return Search(
                    cursor.search_from,
                    cursor.search_until,
                    cursor.page_token,
                    cursor.search_before,
                )
            if before is not None and before > cursor.position:
                return Search(cursor.position, None, None, before)
            overlap = timedelta(0) if cursor.busy else self._overlap
            return Search(max(start, cursor.position - overlap), None, None)

    def advance(
        self, name: str, search: Search, page: OrderPage, now: datetime, *, brought: bool = True
    ) -> Search:
        """Record a stored page: store the next page's token, or move the watermark after the last.

        The watermark moves to the upper bound that came with the search's first page: the next
        search reads the changes made meanwhile. `brought` means that the page had news. A page
        without news updates `read_at` only at the end of a search, since a search that goes in
        circles also gets answers.
        """
        upper_bound = page.upper_bound
        if upper_bound is not None and upper_bound > now + FAR_AHEAD:
            upper_bound = None  # such a watermark would skip all changes until then
        until = search.until or upper_bound or search.before
        with self._sessions() as session, session.begin():
            cursor = session.get_one(Watermark, name, with_for_update=True)
            cursor.checked_at = now
            if brought or page.next_token is None:
                cursor.read_at = now
            cursor.trouble = None
            cursor.page_token = page.next_token
            cursor.busy = page.next_token is not None or search.token is not None
            if page.next_token is None:
                cursor.search_from = cursor.search_until = cursor.search_before = None
                if until is not None:
                    cursor.position = max(cursor.position, until)
            else:
                cursor.search_from, cursor.search_until = search.since, until
                cursor.search_before = search.before
        return Search(search.since, until, page.next_token, search.before)

    def note_trouble(self, name: str, trouble: str, now: datetime, *, restart: bool) -> datetime:
        """Record that a page could not be read; returns `read_at`, the last time of progress.

        The watermark stays; `restart` discards the search and its token.
        """
        with self._sessions() as session, session.begin():
            cursor = session.get_one(Watermark, name, with_for_update=True)
            cursor.checked_at, cursor.trouble = now, trouble[:500]
            if restart:
                cursor.page_token = None
                cursor.search_from = cursor.search_until = cursor.search_before = None
                cursor.busy = False
            return cursor.read_at
