"""Sign-ins: who is signed in, in which browser, and for how long."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, select, update

from pipeline.access.duties import WARNED_FOR, Duty, duty_of, password_ends_at
from pipeline.access.tables import PersonRecord, SecondFactor, SignIn
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action, Signature, record
from pipeline.settings.console import ConsoleSettings
from pipeline.settings.roles import Role

LONGEST = timedelta(hours=12)
"""A sign-in lasts a working day; then the person has to sign in again."""
LONGEST_IDLE = timedelta(minutes=30)
# Whose an ended sign-in was is known for a day, so that what they typed goes back to them alone.
_REMEMBERED = timedelta(days=1)
# The time of last use is written at most so often, so that not every page writes.
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Person:
    """A person who is signed in. `name` is the author of the person's notes.

    Until the `duty` is done, no other page opens. `password_ends_at` is given when it is soon.
    `language` and `time_zone` are those that the person has chosen, if any.
    """

    id: int
    name: str
    role: Role
    has_password: bool
    sign_in_id: int
    duty: Duty | None
    has_one_time_password: bool
    password_ends_at: datetime | None
    language: str | None
    time_zone: str | None


class SignIns:
    """Begins, looks up and ends sign-ins, and records both ends in the security log.

    Only a token's digest is kept.
    """

    def __init__(self, sessions: Sessions, console: ConsoleSettings | None = None) -> None:
        self._sessions = sessions
        self._console = console or ConsoleSettings()

    def begin(self, person_id: int, address: str, now: datetime, browser: str = "") -> str:
        """Sign a person in and return the new token, which nobody has had before."""
        token = secrets.token_urlsafe(32)
        with self._sessions() as session, session.begin():
            session.execute(delete(SignIn).where(SignIn.seen_at <= now - _REMEMBERED))
            session.add(
                SignIn(
                    token_digest=digest(token),
                    person_id=person_id,
                    address=address,
                    browser=browser,
                    started_at=now,
                    seen_at=now,
                )
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
        has_factor = exists().where(SecondFactor.person_id == PersonRecord.id)
        with self._sessions() as session, session.begin():
            row = session.execute(
                select(SignIn.id, SignIn.seen_at, PersonRecord, has_factor)
                .join(PersonRecord, PersonRecord.id == SignIn.person_id)
                .where(
                    SignIn.token_digest == digest(token),
                    _lasts(now),
                    ~PersonRecord.locked,
                    PersonRecord.removed_at.is_(None),
                )
            ).one_or_none()
            if row is None:
                return None
            sign_in_id, seen_at, person, has_one = row
            if is_a_person and seen_at <= now - _SEEN_EVERY:
                session.execute(
                    update(SignIn).where(SignIn.token_digest == digest(token)).values(seen_at=now)
                )
            ends_at = password_ends_at(person, self._console)
            return Person(
                id=person.id,
                name=person.name,
                role=Role(person.role),
                has_password=person.password_hash is not None,
                sign_in_id=sign_in_id,
                duty=duty_of(person, has_one, self._console, now),
                has_one_time_password=person.one_time_until is not None,
                password_ends_at=ends_at if ends_at and ends_at <= now + WARNED_FOR else None,
                language=person.language,
                time_zone=person.time_zone,
            )

    def whose(self, token: str, now: datetime) -> int | None:
        """The id of the person whose sign-in this is, or was until a day ago."""
        with self._sessions() as session:
            return session.scalar(
                select(SignIn.person_id).where(
                    SignIn.token_digest == digest(token), SignIn.seen_at > now - _REMEMBERED
                )
            )

    def of(self, person_id: int, now: datetime) -> Sequence[SignIn]:
        """A person's sign-ins that last, the newest first."""
        with self._sessions() as session:
            return session.scalars(
                select(SignIn)
                .where(SignIn.person_id == person_id, _lasts(now))
                .order_by(SignIn.started_at.desc(), SignIn.id.desc())
            ).all()

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

    def end_one(self, person_id: int, sign_in_id: int, by: Signature) -> int:
        """End that sign-in of a person's. Returns how many ended: 0 if it is over already."""
        return self._end(person_id, SignIn.id == sign_in_id, by)

    def end_all(self, person_id: int, by: Signature, but: int | None = None) -> int:
        """End a person's sign-ins, all or all but one; returns how many ended."""
        return self._end(person_id, SignIn.id.is_distinct_from(but), by)

    def _end(self, person_id: int, which: ColumnElement[bool], by: Signature) -> int:
        with self._sessions() as session, session.begin():
            ended = session.execute(
                delete(SignIn)
                .where(SignIn.person_id == person_id, which)
                .returning(SignIn.id, _lasts(by.at))
            ).all()
            count = sum(lasts for _, lasts in ended)
            if count:
                record(
                    session,
                    at=by.at,
                    person=by.person,
                    address=by.address,
                    action=Action.SIGN_INS_ENDED,
                    object=f"person {session.get_one(PersonRecord, person_id).name}",
                    facts={"sign_ins": count},
                )
        return count


def _lasts(now: datetime) -> ColumnElement[bool]:
    return and_(SignIn.started_at > now - LONGEST, SignIn.seen_at > now - LONGEST_IDLE)


def digest(token: str) -> bytes:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).digest()
