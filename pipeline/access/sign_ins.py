"""Sign-ins: who is signed in, in which browser, and for how long."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update

from pipeline.access.people import Person
from pipeline.access.tables import PersonRecord, SignIn
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action, record
from pipeline.settings.roles import Role

LONGEST = timedelta(hours=12)
"""A sign-in lasts a working day; then the person has to sign in again."""
LONGEST_IDLE = timedelta(hours=2)
# The time of last use is written at most so often, so that not every page writes.
_SEEN_EVERY = timedelta(minutes=1)


class SignIns:
    """Begins, looks up and ends sign-ins, and records both ends in the security log.

    Only a token's digest is kept.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def begin(self, person_id: int, address: str, now: datetime) -> str:
        """Sign a person in and return the new token, which nobody has had before."""
        token = secrets.token_urlsafe(32)
        with self._sessions() as session, session.begin():
            session.execute(
                delete(SignIn).where(
                    or_(SignIn.started_at <= now - LONGEST, SignIn.seen_at <= now - LONGEST_IDLE)
                )
            )
            session.add(
                SignIn(token_digest=digest(token), person_id=person_id, started_at=now, seen_at=now)
            )
            name = session.scalars(
                update(PersonRecord)
                .where(PersonRecord.id == person_id)
                .values(signed_in_at=now)
                .returning(PersonRecord.name)
            ).one()
            record(session, at=now, person=name, address=address, action=Action.SIGNED_IN)
        return token

    def find(self, token: str, now: datetime, *, is_a_person: bool) -> Person | None:
        """The person with this token; None when the token is unknown or has expired.

        Only a person's requests keep a sign-in from expiring, not a page's automatic requests.
        """
        with self._sessions() as session, session.begin():
            row = session.execute(
                select(SignIn.seen_at, PersonRecord)
                .join(PersonRecord, PersonRecord.id == SignIn.person_id)
                .where(
                    SignIn.token_digest == digest(token),
                    SignIn.started_at > now - LONGEST,
                    SignIn.seen_at > now - LONGEST_IDLE,
                    ~PersonRecord.locked,
                )
            ).one_or_none()
            if row is None:
                return None
            seen_at, person = row
            if is_a_person and seen_at <= now - _SEEN_EVERY:
                session.execute(
                    update(SignIn).where(SignIn.token_digest == digest(token)).values(seen_at=now)
                )
            has_password = person.password_hash is not None
            return Person(person.id, person.name, Role(person.role), has_password)

    def end(self, token: str, address: str, now: datetime) -> None:
        """Sign that browser out."""
        with self._sessions() as session, session.begin():
            name = session.scalar(
                delete(SignIn)
                .where(SignIn.token_digest == digest(token))
                .where(PersonRecord.id == SignIn.person_id)
                .returning(PersonRecord.name)
            )
            if name is not None:
                record(session, at=now, person=name, address=address, action=Action.SIGNED_OUT)


def digest(token: str) -> bytes:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).digest()
