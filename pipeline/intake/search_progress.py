"""Whether a search of many pages comes on: Amazon may give the same page token again and again, or
page after page without an order that is new to the search. Neither is an error of any call.
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
"""So many pages without an order in a row are believed: a page may be empty and not the last."""


class NoProgress(Transient):
    """A search goes round in circles: give it up, and search anew from where it began."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the search makes no progress: {why}", code="no_progress")


class SearchProgress:
    """Remembers the pages of searches that go on; each change is one short transaction."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def note(
        self, search: str, token: str | None, page: OrderPage, numbers: Collection[str]
    ) -> None:
        """The page of `token`, with these orders, has been stored. Raises NoProgress.

        The same page may be noted twice, as it is when its worker died in between.
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
            others = {one for known, one in seen.items() if known != asked}
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
        """The search is given up."""
        with self._sessions() as session, session.begin():
            session.execute(delete(SearchPages).where(SearchPages.name == search))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
