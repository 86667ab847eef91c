"""The people who may sign in to the console: their names, roles and passwords."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pipeline.access.tables import PersonRecord, SignIn
from pipeline.base.db import Sessions
from pipeline.settings.roles import Role

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256
_NAME = re.compile(r"\w[\w .@+'-]{0,63}")
# A check takes 64 MiB and some 50 ms: many attempts at once must not use up the machine.
_AT_ONCE = BoundedSemaphore(2)
_LONGEST_QUEUE_S = 2.0
_hasher = PasswordHasher()


class NotAllowed(Exception):
    """The change is refused; the message says why."""


class Busy(Exception):
    """Too many passwords are being checked at this moment."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person who is signed in. `name` is the author of the person's notes."""

    id: int
    name: str
    role: Role
    has_password: bool


class People:
    """Keeps the people. Callers check roles; this class does not."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def everyone(self) -> Sequence[PersonRecord]:
        """All people, by name."""
        with self._sessions() as session:
            return session.scalars(
                select(PersonRecord).order_by(func.lower(PersonRecord.name))
            ).all()

    def add(self, name: str, role: Role, password: str, now: datetime) -> None:
        """Add a person with a password. Raises NotAllowed."""
        self._insert(
            PersonRecord(
                name=_checked_name(name),
                role=role,
                password_hash=_hashed(password, name),
                created_at=now,
            )
        )

    def add_first(self, name: str, password: str, now: datetime) -> None:
        """Add an admin if no person exists. Raises NotAllowed."""
        with self._sessions() as session:
            if session.scalar(select(exists().select_from(PersonRecord))):
                return
        try:
            self.add(name, Role.ADMIN, password, now)
        except NameTaken:
            return  # another console that started at the same time added the admin

    def set_role(self, name: str, role: Role) -> None:
        """Give a person another role, at once. Raises NotAllowed."""
        with self._sessions() as session, session.begin():
            record = _named(session, name)
            if record.subject is not None:
                raise NotAllowed(f"{record.name} has the role that the OpenID provider gives")
            record.role = role

    def set_password(self, name: str, password: str) -> None:
        """Give a person another password, and sign them out everywhere. Raises NotAllowed."""
        with self._sessions() as session, session.begin():
            record = _named(session, name)
            if record.subject is not None:
                raise NotAllowed(f"{record.name} signs in at the OpenID provider")
            record.password_hash = _hashed(password, record.name)
            _sign_out(session, record.id)

    def set_locked(self, name: str, locked: bool) -> None:
        """Lock a person out, or let them in again. Raises NotAllowed."""
        with self._sessions() as session, session.begin():
            record = _named(session, name)
            record.locked = locked
            if locked:
                _sign_out(session, record.id)

    def remove(self, name: str) -> None:
        """Delete a person; notes keep the name. Raises NotAllowed."""
        with self._sessions() as session, session.begin():
            session.delete(_named(session, name))

    def with_password(self, name: str, password: str) -> int | None:
        """The id of the person with that name and password; None if unknown, wrong or locked.

        The check takes as long for an unknown name. Raises Busy.
        """
        nobody = _of_nobody()
        with self._sessions() as session:
            record = session.scalar(select(PersonRecord).where(_is_named(name)))
        kept = record.password_hash if record is not None else None
        if not _fits(kept or nobody, password) or record is None or kept is None or record.locked:
            return None
        if _hasher.check_needs_rehash(kept):
            with self._sessions() as session, session.begin():
                _named(session, name).password_hash = _hasher.hash(_normal(password))
        return record.id

    def from_elsewhere(self, subject: str, name: str, role: Role, now: datetime) -> int:
        """The id of the person whom an OpenID provider knows as `subject`; added at first sign-in.

        Each sign-in updates name and role. Raises NotAllowed, also for a locked person.
        """
        name = _checked_name(name)
        with self._sessions() as session:
            record = session.scalar(select(PersonRecord).where(PersonRecord.subject == subject))
            if record is not None:
                if record.locked:
                    raise NotAllowed(f"{record.name} is locked here")
                record.role, record.name = role, name
                _commit(session, name)
                return record.id
        return self._insert(PersonRecord(name=name, role=role, subject=subject, created_at=now))

    def _insert(self, record: PersonRecord) -> int:
        with self._sessions() as session:
            session.add(record)
            _commit(session, record.name)
            return record.id


class NameTaken(NotAllowed):
    """Another person has that name."""


def _commit(session: Session, name: str) -> None:
    try:
        session.commit()
    except IntegrityError as error:
        raise NameTaken(f"there is somebody called {name} already") from error


def _checked_name(name: str) -> str:
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise NotAllowed(
            "a name has up to 64 letters, digits, spaces and . _ - + ' @, and begins with a letter "
            "or digit"
        )
    return name


def _is_named(name: str) -> ColumnElement[bool]:
    return func.lower(PersonRecord.name) == func.lower(name.strip().replace("\0", ""))


def _named(session: Session, name: str) -> PersonRecord:
    record = session.scalar(select(PersonRecord).where(_is_named(name)).with_for_update())
    if record is None:
        raise NotAllowed(f"there is nobody called {name}")
    return record


def _sign_out(session: Session, person_id: int) -> None:
    session.execute(delete(SignIn).where(SignIn.person_id == person_id))


def _hashed(password: str, name: str) -> str:
    plain = _normal(password)
    if not SHORTEST_PASSWORD <= len(plain) <= LONGEST_PASSWORD:
        raise NotAllowed(
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; several words "
            "are easiest to remember"
        )
    if plain.casefold() == name.strip().casefold():
        raise NotAllowed("the password must not be the name")
    return _hasher.hash(plain)


def _fits(kept: str, password: str) -> bool:
    if not _AT_ONCE.acquire(timeout=_LONGEST_QUEUE_S):
        raise Busy
    try:
        return _hasher.verify(kept, _normal(password)[: LONGEST_PASSWORD + 1])
    except (VerificationError, InvalidHashError):
        return False
    finally:
        _AT_ONCE.release()


def _normal(password: str) -> str:
    """The password in Unicode's normal form, since keyboards compose characters differently."""
    return unicodedata.normalize("NFKC", password)


@cache
def _of_nobody() -> str:
    return _hasher.hash("the password of nobody at all")
