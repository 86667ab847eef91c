"""What waits for a person: notes that address them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select, update

from pipeline.access.work_tables import Mention
from pipeline.base.db import Sessions
from pipeline.orders.tables import Note, Order

MOST = 100


class Mentioned(NamedTuple):
    """A note that addresses a person. Its words are shown with the buyer's data of the order."""

    note_id: int
    at: datetime
    author: str
    order_id: int
    external_id: str
    is_purged: bool


def open_mentions(sessions: Sessions, person_id: int) -> Sequence[Mentioned]:
    """The notes that address a person and are not done, newest first."""
    query = (
        select(
            Note.id,
            Note.at,
            Note.author,
            Order.id,
            Order.external_id,
            Order.purged_at.is_not(None),
        )
        .join(Mention, Mention.note_id == Note.id)
        .join(Order, Order.id == Note.order_id)
        .where(Mention.person_id == person_id, Mention.done_at.is_(None))
        .order_by(Note.id.desc())
        .limit(MOST)
    )
    with sessions() as session:
        return [Mentioned(*row) for row in session.execute(query)]


def end_mentions(sessions: Sessions, person_id: int, note_id: int | None, now: datetime) -> None:
    """Mark a note that addresses a person as done; without a note, all of them."""
    done = update(Mention).where(Mention.person_id == person_id, Mention.done_at.is_(None))
    if note_id is not None:
        done = done.where(Mention.note_id == note_id)
    with sessions() as session, session.begin():
        session.execute(done.values(done_at=now))
