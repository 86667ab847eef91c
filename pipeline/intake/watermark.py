"""How far each account's orders have been read."""

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
    """A search for changed orders: from when, up to where once it is through, and its next page.

    `before` is the bound it is asked with; without one the marketplace says where it ends.
    """

    since: datetime
    until: datetime | None
    token: str | None
    before: datetime | None = None


class Watermarks:
    """Stored watermarks. `overlap` is read again each time, for what a remote lists late.

    Not so while there is more than a page to read: reading things twice would then make it so.
    """

    def __init__(self, sessions: Sessions, overlap: timedelta) -> None:
        self._sessions = sessions
        self._overlap = overlap

    def search(self, name: str, start: datetime, before: datetime | None = None) -> Search:
        """The search to go on with, or a new one from the watermark (first: from `start`).

        A new one ends at `before`, if that is given and after the watermark.
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
        """A page has been stored: remember the next one, or move the watermark after the last.

        The watermark is the upper bound that came with the search's first page: what changed while
        the pages were read is read next time. `brought` says that the page had news: else, only the
        end of a search counts as reading, since one that goes in circles answers as well.
        """
        told = page.upper_bound
        if told is not None and told > now + FAR_AHEAD:
            told = None  # a watermark there would leave out everything until then
        until = search.until or told or search.before
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
        """A page could not be read; the answer is when one last could.

        The watermark stays; `restart` gives up the search's token.
        """
        with self._sessions() as session, session.begin():
            cursor = session.get_one(Watermark, name, with_for_update=True)
            cursor.checked_at, cursor.trouble = now, trouble[:500]
            if restart:
                cursor.page_token = None
                cursor.search_from = cursor.search_until = cursor.search_before = None
                cursor.busy = False
            return cursor.read_at
