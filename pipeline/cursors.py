"""How far each account's orders have been read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.dialects.postgresql import insert

from pipeline.channel import OrderPage
from pipeline.db import Sessions
from pipeline.models import Cursor


@dataclass(frozen=True, slots=True)
class Search:
    """A search for changed orders: from when, up to where once it is through, and its next page."""

    since: datetime
    until: datetime | None
    token: str | None


class Cursors:
    """Stored watermarks. `overlap` is read again each time, for what a remote lists late."""

    def __init__(self, sessions: Sessions, overlap: timedelta) -> None:
        self._sessions = sessions
        self._overlap = overlap

    def search(self, name: str, start: datetime) -> Search:
        """The search to go on with, or a new one from the watermark (first: from `start`)."""
        with self._sessions() as session, session.begin():
            session.execute(
                insert(Cursor).values(name=name, position=start).on_conflict_do_nothing()
            )
            cursor = session.get_one(Cursor, name)
            if cursor.page_token is not None and cursor.search_from is not None:
                return Search(cursor.search_from, cursor.search_until, cursor.page_token)
            return Search(max(start, cursor.position - self._overlap), None, None)

    def advance(self, name: str, search: Search, page: OrderPage, now: datetime) -> Search:
        """A page has been stored: remember the next one, or move the watermark after the last.

        The watermark is the upper bound that came with the search's first page: what changed while
        the pages were read is read next time.
        """
        until = search.until or page.upper_bound
        with self._sessions() as session, session.begin():
            cursor = session.get_one(Cursor, name, with_for_update=True)
            cursor.checked_at = cursor.read_at = now
            cursor.trouble = None
            cursor.page_token = page.next_token
            if page.next_token is None:
                cursor.search_from = cursor.search_until = None
                if until is not None:
                    cursor.position = max(cursor.position, until)
            else:
                cursor.search_from, cursor.search_until = search.since, until
        return Search(search.since, until, page.next_token)

    def note_trouble(self, name: str, trouble: str, now: datetime, *, restart: bool) -> datetime:
        """A page could not be read; the answer is when one last could.

        The watermark stays; `restart` gives up the search's token.
        """
        with self._sessions() as session, session.begin():
            cursor = session.get_one(Cursor, name, with_for_update=True)
            cursor.checked_at, cursor.trouble = now, trouble[:500]
            if restart:
                cursor.page_token = cursor.search_from = cursor.search_until = None
            return cursor.read_at
