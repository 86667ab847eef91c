"""What a person has chosen for their own pages: language and time zone."""

from __future__ import annotations

from sqlalchemy import update

from pipeline.access.tables import PersonRecord
from pipeline.base.db import Sessions


def choose(
    sessions: Sessions, person_id: int, *, language: str | None, time_zone: str | None
) -> None:
    """Save a person's preferences; None leaves one to the browser."""
    with sessions() as session, session.begin():
        session.execute(
            update(PersonRecord)
            .where(PersonRecord.id == person_id)
            .values(language=language, time_zone=time_zone)
        )
