"""Views of the list of orders that people have named, for themselves or for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from pipeline.access.errors import NotAllowed
from pipeline.access.tables import PersonRecord
from pipeline.access.work_tables import SavedView
from pipeline.base.db import Sessions

LONGEST_NAME = 60
MOST = 50
"""So many views a person may keep."""
_PRIVATE = frozenset({"buyer", "searcher", "number"})
"""What may name a buyer: a search for somebody, or whatever was typed into the search box."""


@dataclass(frozen=True, slots=True)
class View:
    """A view that a person sees: their own, or one that `owner` shares."""

    id: int
    name: str
    query: Mapping[str, str]
    shared: bool
    owner: str
    is_own: bool


class SavedViews:
    """Keeps the views. A person changes their own alone."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def seen_by(self, person_id: int) -> Sequence[View]:
        """A person's own views by name, then those that others share."""
        is_own = SavedView.person_id == person_id
        query = (
            select(SavedView, PersonRecord.name)
            .join(PersonRecord, PersonRecord.id == SavedView.person_id)
            .where(or_(is_own, SavedView.shared))
            .order_by(is_own.desc(), func.lower(SavedView.name), SavedView.id)
        )
        with self._sessions() as session:
            return [
                View(row.id, row.name, row.query, row.shared, owner, row.person_id == person_id)
                for row, owner in session.execute(query)
            ]

    def add(
        self, person_id: int, name: str, query: Mapping[str, str], shared: bool, now: datetime
    ) -> None:
        """Keep a view; in place of the person's own of that name. Raises NotAllowed.

        What was searched for is left out.
        """
        name = _checked(name)
        kept = {key: text for key, text in query.items() if key not in _PRIVATE}
        with self._sessions() as session, session.begin():
            own = select(SavedView).where(SavedView.person_id == person_id).with_for_update()
            views = session.scalars(own).all()
            same = next((one for one in views if one.name.lower() == name.lower()), None)
            if same is not None:
                same.name, same.query, same.shared = name, kept, shared
                return
            if len(views) >= MOST:
                raise NotAllowed(f"you have {MOST} views already: delete one of them")
            session.add(
                SavedView(person_id=person_id, name=name, query=kept, shared=shared, created_at=now)
            )

    def rename(self, person_id: int, view_id: int, name: str) -> None:
        """Give a view another name. Raises NotAllowed."""
        try:
            self._change(person_id, view_id, {"name": _checked(name)})
        except IntegrityError:
            raise NotAllowed("another view of yours has that name") from None

    def share(self, person_id: int, view_id: int, shared: bool) -> None:
        """Show a view to all, or to its owner alone. Raises NotAllowed."""
        self._change(person_id, view_id, {"shared": shared})

    def delete(self, person_id: int, view_id: int) -> None:
        """Delete a view, if it is still there."""
        with self._sessions() as session, session.begin():
            session.execute(
                delete(SavedView).where(SavedView.id == view_id, SavedView.person_id == person_id)
            )

    def _change(self, person_id: int, view_id: int, values: Mapping[str, Any]) -> None:
        with self._sessions() as session, session.begin():
            changed = session.execute(
                update(SavedView)
                .where(SavedView.id == view_id, SavedView.person_id == person_id)
                .values(**values)
                .returning(SavedView.id)
            ).one_or_none()
        if changed is None:
            raise NotAllowed("you have no such view any more")


def _checked(name: str) -> str:
    name = " ".join(name.replace("\x00", "").split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise NotAllowed(f"a view has a name of up to {LONGEST_NAME} characters")
    return name
