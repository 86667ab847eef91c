"""The people who may sign in to the console: their names, roles and passwords."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from pipeline.access import passwords
from pipeline.access.errors import NameTaken, NotAllowed
from pipeline.access.names import checked_name, is_named, known_name, refuse_taken
from pipeline.access.tables import PersonRecord, SecondFactor, SignIn
from pipeline.access.work_preferences import forget
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action, Signature, record, take_turn
from pipeline.settings.roles import Role


class People:
    """Keeps the people. Callers check roles; this class does not.

    Each change is in the security log, signed by who makes it.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def everyone(self) -> Sequence[PersonRecord]:
        """All people, by name; none that was removed."""
        with self._sessions() as session:
            return session.scalars(
                select(PersonRecord)
                .where(PersonRecord.removed_at.is_(None))
                .order_by(func.lower(PersonRecord.name))
            ).all()

    def named(self, name: str) -> PersonRecord:
        """The person of that name. Raises NotAllowed when there is none."""
        with self._sessions() as session:
            return named(session, name)

    def add(
        self, name: str, role: Role, password: str, by: Signature, *, is_own: bool = False
    ) -> None:
        """Add a person with a one-time password, or with one that is their own. Raises NotAllowed.

        The name is free for good: nobody has it, had it, or has one that looks like it.
        """
        name = checked_name(name)
        self._insert(
            PersonRecord(
                name=name,
                role=role,
                password_hash=passwords.hashed(password, name),
                password_set_at=by.at,
                one_time_until=None if is_own else by.at + passwords.ONE_TIME_FOR,
                created_at=by.at,
                created_by=by.person,
            ),
            by,
        )

    def add_first(self, name: str, password: str, by: Signature) -> None:
        """Add an admin if no person exists. Raises NotAllowed."""
        if self._is_anybody():
            return
        try:
            self.add(name, Role.ADMIN, password, by, is_own=True)
        except NameTaken:
            if not self._is_anybody():
                raise
            # another console that started at the same time added the admin

    def set_role(self, name: str, role: Role, by: Signature) -> None:
        """Give a person another role, at once. Raises NotAllowed."""
        with self._sessions() as session, session.begin():
            person = named(session, name)
            if person.subject is not None:
                raise NotAllowed(f"{person.name} has the role that the OpenID provider gives")
            if role is not Role.ADMIN:
                _keep_an_admin(session, person)
            _change_role(session, person, role, by)

    def set_password(self, name: str, password: str, by: Signature) -> None:
        """Give a person a one-time password, and sign them out everywhere. Raises NotAllowed."""
        with self._sessions() as session, session.begin():
            person = named(session, name)
            if person.subject is not None:
                raise NotAllowed(f"{person.name} signs in at the OpenID provider")
            _set_password(session, person, passwords.hashed(password, person.name), by)
            person.one_time_until = by.at + passwords.ONE_TIME_FOR

    def choose_password(self, person_id: int, password: str, by: Signature) -> None:
        """Give a person the password of their own choice, and sign them out everywhere.

        Raises NotAllowed, also for the present password and the last few; Busy.
        """
        with self._sessions() as session:
            person = session.get_one(PersonRecord, person_id)
        new = passwords.hashed(password, person.name)
        for kept in (person.password_hash, *person.former_hashes):
            if kept is not None and passwords.fits(kept, password):
                raise NotAllowed(
                    "the password was yours before, or is the present one: take another one"
                )
        with self._sessions() as session, session.begin():
            person = session.get_one(PersonRecord, person_id, with_for_update=True)
            _set_password(session, person, new, by)
            person.one_time_until = None

    def set_locked(self, name: str, locked: bool, by: Signature) -> None:
        """Lock a person out, or let them in again. Raises NotAllowed."""
        with self._sessions() as session, session.begin():
            person = named(session, name, or_kept_out=not locked)
            person.locked, person.removed_at = locked, None
            if locked:
                _sign_out(session, person.id)
            _record(session, by, Action.LOCKED if locked else Action.UNLOCKED, person.name)

    def remove(self, name: str, by: Signature) -> None:
        """Remove a person, whose name nobody else gets. Raises NotAllowed.

        A person of the OpenID provider stays out, although the provider knows them, until unlocked.
        """
        with self._sessions() as session, session.begin():
            person = named(session, name)
            _keep_an_admin(session, person)
            person.removed_at, person.locked = by.at, person.subject is not None
            person.password_hash = person.password_set_at = person.one_time_until = None
            person.former_hashes = []
            _sign_out(session, person.id)
            session.execute(delete(SecondFactor).where(SecondFactor.person_id == person.id))
            forget(session, person.id)
            _record(session, by, Action.PERSON_REMOVED, person.name)

    def refuse(self, name: str, address: str, now: datetime, why: str = "") -> None:
        """Record a refused sign-in. A name that nobody has may be a password, and is not kept."""
        with self._sessions() as session, session.begin():
            record(
                session,
                at=now,
                person=known_name(session, name),
                address=address,
                action=Action.SIGN_IN_REFUSED,
                facts={"why": why} if why else None,
            )

    def as_written(self, name: str) -> str:
        """The name as its person has it, or as it was typed if it is nobody's: attempts are counted
        by it, however it is typed."""
        with self._sessions() as session:
            return known_name(session, name) or name.replace("\0", "").strip()

    def with_password(self, name: str, password: str, now: datetime) -> int | None:
        """The id of the person with that name and password; None if unknown, wrong or locked.

        A one-time password is used up, and is wrong after its end. The check takes as long for an
        unknown name. Raises Busy.
        """
        nobody = passwords.of_nobody()
        with self._sessions() as session:
            person = session.scalar(select(PersonRecord).where(is_named(name)))
        kept = person.password_hash if person is not None else None
        fits = passwords.fits(kept or nobody, password)
        if not fits or person is None or kept is None or person.locked:
            return None
        with self._sessions() as session, session.begin():
            if new := passwords.renewed(kept, password):
                session.get_one(PersonRecord, person.id, with_for_update=True).password_hash = new
            if person.one_time_until is None:
                return person.id
            # Two at once: the row's lock lets one of them use it.
            return session.scalar(
                update(PersonRecord)
                .where(PersonRecord.id == person.id, PersonRecord.one_time_until > now)
                .values(one_time_until=now)
                .returning(PersonRecord.id)
            )

    def may_go_on(self, person_id: int, since: datetime) -> bool:
        """Whether a password that was right at that time still lets its person in."""
        with self._sessions() as session:
            return bool(
                session.scalar(
                    select(
                        exists().where(
                            PersonRecord.id == person_id,
                            ~PersonRecord.locked,
                            PersonRecord.password_hash.is_not(None),
                            PersonRecord.password_set_at <= since,
                        )
                    )
                )
            )

    def from_elsewhere(
        self, subject: str, name: str, role: Role, address: str, now: datetime
    ) -> int:
        """The id of the person whom an OpenID provider knows as `subject`; added at first sign-in.

        Each sign-in updates name and role. Raises NotAllowed, also for a person who was locked or
        removed here.
        """
        name = checked_name(name)
        by = Signature(name, address, now)
        with self._sessions() as session, session.begin():
            person = session.scalar(
                select(PersonRecord).where(PersonRecord.subject == subject).with_for_update()
            )
            if person is not None:
                if person.locked:
                    raise NotAllowed(f"{person.name} is locked here")
                if person.name != name:
                    take_turn(session)
                    refuse_taken(session, name, person.id)
                    before, person.name = person.name, name
                    _record(session, by, Action.PERSON_RENAMED, name, before=before)
                if person.role != role:
                    _change_role(session, person, role, by)
                return person.id
        return self._insert(
            PersonRecord(name=name, role=role, subject=subject, created_at=now, created_by=name),
            by,
        )

    def _insert(self, person: PersonRecord, by: Signature) -> int:
        with self._sessions() as session, session.begin():
            take_turn(session)
            refuse_taken(session, person.name)
            session.add(person)
            session.flush()
            _record(session, by, Action.PERSON_ADDED, person.name, role=person.role)
            return person.id

    def _is_anybody(self) -> bool:
        with self._sessions() as session:
            return bool(session.scalar(select(exists().where(PersonRecord.removed_at.is_(None)))))


def named(session: Session, name: str, *, or_kept_out: bool = False) -> PersonRecord:
    """The row of the person of that name, locked. Raises NotAllowed when there is none.

    `or_kept_out` finds people of the OpenID provider too who were removed here.
    """
    there: ColumnElement[bool] = PersonRecord.removed_at.is_(None)
    if or_kept_out:
        there = or_(there, PersonRecord.subject.is_not(None))
    person = session.scalar(select(PersonRecord).where(is_named(name), there).with_for_update())
    if person is None:
        raise NotAllowed(f"there is nobody called {name}")
    return person


def _keep_an_admin(session: Session, person: PersonRecord) -> None:
    """Refuse to lose the last admin. Of two who are lost at once, the second sees the first."""
    if person.role != Role.ADMIN:
        return
    take_turn(session)
    other = exists().where(
        PersonRecord.id != person.id,
        PersonRecord.role == Role.ADMIN,
        PersonRecord.removed_at.is_(None),
        ~PersonRecord.locked,
    )
    if not session.scalar(select(other)):
        raise NotAllowed(f"{person.name} is the last admin: make somebody else an admin before")


def _change_role(session: Session, person: PersonRecord, role: Role, by: Signature) -> None:
    before, person.role = person.role, role
    _record(session, by, Action.ROLE_CHANGED, person.name, before=before, role=role)


def _set_password(session: Session, person: PersonRecord, new: str, by: Signature) -> None:
    former = [kept for kept in (person.password_hash, *person.former_hashes) if kept is not None]
    person.former_hashes = former[: passwords.FORMER_KEPT]
    person.password_hash, person.password_set_at = new, by.at
    _sign_out(session, person.id)
    _record(session, by, Action.PASSWORD_CHANGED, person.name)


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
