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
from pipeline.base.security_log import Action, Signature, record
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
    """Keeps the people. Callers check roles; this class does not.

    Each change is in the security log, signed by who makes it.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def everyone(self) -> Sequence[PersonRecord]:
        """All people, by name."""
        with self._sessions() as session:
            return session.scalars(
                select(PersonRecord).order_by(func.lower(PersonRecord.name))
            ).all()

    def add(self, name: str, role: Role, password: str, by: Signature) -> None:
        """Add a person with a password. Raises NotAllowed."""
        self._insert(
            PersonRecord(
                name=_checked_name(name),
                role=role,
                password_hash=_hashed(password, name),
                created_at=by.at,
            ),
            by,
        )

    def add_first(self, name: str, password: str, by: Signature) -> None:
        """Add an admin if no person exists. Raises NotAllowed."""
        with self._sessions() as session:
            if session.scalar(select(exists().select_from(PersonRecord))):
                return
        try:
            self.add(name, Role.ADMIN, password, by)
        except NameTaken:
            return  # another console that started at the same time added the admin

    def set_role(self, name: str, role: Role, by: Signature) -> None:
        """Give a person another role, at once. Raises NotAllowed."""
        with self._sessions() as session, session.begin():
            person = _named(session, name)
            if person.subject is not None:
                raise NotAllowed(f"{person.name} has the role that the OpenID provider gives")
            _change_role(session, person, role, by)

    def set_password(self, name: str, password: str, by: Signature) -> None:
        """Give a person another password, and sign them out everywhere. Raises NotAllowed."""
        with self._sessions() as session, session.begin():
            person = _named(session, name)
            if person.subject is not None:
                raise NotAllowed(f"{person.name} signs in at the OpenID provider")
            person.password_hash = _hashed(password, person.name)
            _sign_out(session, person.id)
            _record(session, by, Action.PASSWORD_CHANGED, person.name)

    def set_locked(self, name: str, locked: bool, by: Signature) -> None:
        """Lock a person out, or let them in again. Raises NotAllowed."""
        with self._sessions() as session, session.begin():
            person = _named(session, name)
            person.locked = locked
            if locked:
                _sign_out(session, person.id)
            _record(session, by, Action.LOCKED if locked else Action.UNLOCKED, person.name)

    def remove(self, name: str, by: Signature) -> None:
        """Delete a person; notes and the security log keep the name. Raises NotAllowed.

        A person of the OpenID provider is kept as locked, or would be added again at once.
        """
        with self._sessions() as session, session.begin():
            person = _named(session, name)
            if person.subject is None:
                session.delete(person)
            else:
                person.locked = True
                _sign_out(session, person.id)
            _record(session, by, Action.PERSON_REMOVED, person.name)

    def refuse(self, name: str, address: str, now: datetime) -> None:
        """Record a refused sign-in. A name that nobody has may be a password, and is not kept."""
        with self._sessions() as session, session.begin():
            record(
                session,
                at=now,
                person=known_name(session, name),
                address=address,
                action=Action.SIGN_IN_REFUSED,
            )

    def with_password(self, name: str, password: str) -> int | None:
        """The id of the person with that name and password; None if unknown, wrong or locked.

        The check takes as long for an unknown name. Raises Busy.
        """
        nobody = _of_nobody()
        with self._sessions() as session:
            person = session.scalar(select(PersonRecord).where(_is_named(name)))
        kept = person.password_hash if person is not None else None
        if not _fits(kept or nobody, password) or person is None or kept is None or person.locked:
            return None
        if _hasher.check_needs_rehash(kept):
            with self._sessions() as session, session.begin():
                _named(session, name).password_hash = _hasher.hash(_normal(password))
        return person.id

    def from_elsewhere(
        self, subject: str, name: str, role: Role, address: str, now: datetime
    ) -> int:
        """The id of the person whom an OpenID provider knows as `subject`; added at first sign-in.

        Each sign-in updates name and role. Raises NotAllowed, also for a locked person.
        """
        name = _checked_name(name)
        by = Signature(name, address, now)
        with self._sessions() as session, session.begin():
            person = session.scalar(
                select(PersonRecord).where(PersonRecord.subject == subject).with_for_update()
            )
            if person is not None:
                if person.locked:
                    raise NotAllowed(f"{person.name} is locked here")
                if person.name != name:
                    before, person.name = person.name, name
                    _flush(session, name)
                    _record(session, by, Action.PERSON_RENAMED, name, before=before)
                if person.role != role:
                    _change_role(session, person, role, by)
                return person.id
        return self._insert(PersonRecord(name=name, role=role, subject=subject, created_at=now), by)

    def _insert(self, person: PersonRecord, by: Signature) -> int:
        with self._sessions() as session, session.begin():
            session.add(person)
            _flush(session, person.name)
            _record(session, by, Action.PERSON_ADDED, person.name, role=person.role)
            return person.id


class NameTaken(NotAllowed):
    """Another person has that name."""


def _flush(session: Session, name: str) -> None:
    try:
        session.flush()
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


def known_name(session: Session, name: str) -> str:
    """The name of the person as it is written here; empty when nobody has it."""
    return session.scalar(select(PersonRecord.name).where(_is_named(name))) or ""


def _is_named(name: str) -> ColumnElement[bool]:
    return func.lower(PersonRecord.name) == func.lower(name.strip().replace("\0", ""))


def _named(session: Session, name: str) -> PersonRecord:
    person = session.scalar(select(PersonRecord).where(_is_named(name)).with_for_update())
    if person is None:
        raise NotAllowed(f"there is nobody called {name}")
    return person


def _change_role(session: Session, person: PersonRecord, role: Role, by: Signature) -> None:
    before, person.role = person.role, role
    _record(session, by, Action.ROLE_CHANGED, person.name, before=before, role=role)


def _record(session: Session, by: Signature, action: Action, name: str, **facts: str) -> None:
    record(
        session,
        at=by.at,
        person=by.person,
        address=by.address,
        action=action,
        object=f"person {name}",
        facts=facts,
    )


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
