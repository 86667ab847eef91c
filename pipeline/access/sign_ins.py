"""Who is signed in, in which browser, and for how long."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update

from pipeline.access.people import Person
from pipeline.access.tables import PersonRecord, SignIn
from pipeline.base.db import Sessions
from pipeline.settings.roles import Role

LONGEST = timedelta(hours=12)
"""A working day; then everybody signs in anew."""
LONGEST_IDLE = timedelta(hours=2)
# So that not every page is a write.
_SEEN_EVERY = timedelta(minutes=1)


class SignIns:
    """Begins, finds and ends them. A token is told once, and only its digest is kept."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def begin(self, person_id: int, now: datetime) -> str:
        """Sign a person in and return the new token, which nobody has had before."""
        token = secrets.token_urlsafe(32)
        with self._sessions() as session, session.begin():
            session.execute(
                delete(SignIn).where(
                    or_(SignIn.started_at <= now - LONGEST, SignIn.seen_at <= now - LONGEST_IDLE)
                )
            )
            session.add(
                SignIn(
                    token_digest=_digest(token), person_id=person_id, started_at=now, seen_at=now
                )
            )
            session.execute(
                update(PersonRecord).where(PersonRecord.id == person_id).values(signed_in_at=now)
            )
        return token

    def find(self, token: str, now: datetime, *, is_a_person: bool) -> Person | None:
        """Whose token it is; None when it is nobody's or has run out.

        Only what a person does keeps a sign-in from running out, not what a page does by itself.
        """
        with self._sessions() as session, session.begin():
            row = session.execute(
                select(SignIn.seen_at, PersonRecord)
                .join(PersonRecord, PersonRecord.id == SignIn.person_id)
                .where(
                    SignIn.token_digest == _digest(token),
                    SignIn.started_at > now - LONGEST,
                    SignIn.seen_at > now - LONGEST_IDLE,
                    ~PersonRecord.locked,
                )
            ).one_or_none()
            if row is None:
                return None
            seen_at, record = row
            if is_a_person and seen_at <= now - _SEEN_EVERY:
                session.execute(
                    update(SignIn).where(SignIn.token_digest == _digest(token)).values(seen_at=now)
                )
            has_password = record.password_hash is not None
            return Person(record.id, record.name, Role(record.role), has_password)

    def end(self, token: str) -> None:
        """Sign that browser out."""
        with self._sessions() as session, session.begin():
            session.execute(delete(SignIn).where(SignIn.token_digest == _digest(token)))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
