"""What people did to an order: its notes, by which a page that was loaded earlier is told apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select

from pipeline.base.db import Sessions
from pipeline.orders.tables import Note

NAMED = 5


class Deed(NamedTuple):
    """What a person did, in the words of the timeline."""

    at: datetime
    author: str
    text: str


def last_act(sessions: Sessions, order_id: int) -> int:
    """The number of the last note about the order; 0 without any."""
    with sessions() as session:
        newest = select(func.max(Note.id)).where(Note.order_id == order_id)
        return session.scalar(newest) or 0


def acts_since(sessions: Sessions, order_id: int, seen: int) -> Sequence[Deed]:
    """The notes about the order after the note that `last_act` named, at most five."""
    later = (
        select(Note.at, Note.author, Note.text)
        .where(Note.order_id == order_id, Note.id > seen)
        .order_by(Note.id)
        .limit(NAMED)
    )
    with sessions() as session:
        return [Deed(*row) for row in session.execute(later)]
