"""Whether a search of many pages makes progress: Amazon may repeat a page token, or send page after
page without a new order. Neither makes a call fail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from pipeline.base.db import Sessions
from pipeline.base.errors import Transient
from pipeline.intake.tables import SearchPages
from pipeline.orders.channel import OrderPage

FRUITLESS_AT_MOST = 20
"""The most pages in a row without a new order: an empty page may still have successors."""


class NoProgress(Transient):
    """A search repeats itself: give it up, and search again from its start."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the search makes no progress: {why}", code="no_progress")


class SearchProgress:
    """Stores the pages of unfinished searches; each change is a short transaction."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def note(
        self, search: str, token: str | None, page: OrderPage, numbers: Collection[str]
    ) -> None:
        """Record that the page of `token` with these orders has been stored. Raises NoProgress.

        A page may be recorded twice, for example when its worker died in between.
        """
        asked, content = _hash(token or ""), _hash(*sorted(numbers))
        with self._sessions() as session, session.begin():
            if page.next_token is None:
                session.execute(delete(SearchPages).where(SearchPages.name == search))
                return
            making = insert(SearchPages).values(name=search, pages={}, fruitless=0)
            session.execute(making.on_conflict_do_nothing())
            row = session.get_one(SearchPages, search, with_for_update=True)
            seen = {} if token is None else dict(row.pages)
            fruitless = 0 if token is None else row.fruitless
            others = {seen_content for known, seen_content in seen.items() if known != asked}
            fruitless = fruitless + 1 if not numbers or content in others else 0
            row.pages, row.fruitless = {**seen, asked: content}, fruitless
            repeats = _hash(page.next_token) in row.pages
            ends = repeats or fruitless >= FRUITLESS_AT_MOST
            if ends:
                session.delete(row)
        if ends:
            raise NoProgress(
                "Amazon gave the same page token again"
                if repeats
                else f"{fruitless} pages in a row brought no further order"
            )

    def forget(self, search: str) -> None:
        """Delete the pages of a search that is given up."""
        with self._sessions() as session, session.begin():
            session.execute(delete(SearchPages).where(SearchPages.name == search))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
