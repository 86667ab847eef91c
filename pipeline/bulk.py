"""What a person decides about many orders at once. Each of them gets the note it would get alone;
the workers take them up one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import insert
from sqlalchemy.orm import Session

from pipeline.db import Sessions
from pipeline.models import Note
from pipeline.moves import look_in_turn

APART = timedelta(milliseconds=200)
"""Five a second: about what an account's quota and a shop take beside new orders."""


def release(sessions: Sessions, order_ids: Sequence[int], *, author: str, now: datetime) -> int:
    """Have those of these orders that wait or are held looked at, in this order; how many."""
    with sessions() as session, session.begin():
        return len(look_at(session, order_ids, author=author, text="released", now=now))


def look_at(
    session: Session, order_ids: Sequence[int], *, author: str, text: str, now: datetime
) -> list[int]:
    """The same within a transaction, each with this note; their ids."""
    woken = look_in_turn(session, order_ids, now, APART)
    if woken:
        session.execute(
            insert(Note),
            [
                {"order_id": order_id, "at": now, "author": author, "text": text}
                for order_id in sorted(woken)
            ],
        )
    return woken
