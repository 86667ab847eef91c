"""Who tries passwords has to wait, longer each time.

A try counts before the password is looked at, so that many at once do not get past. Names and
addresses are kept as keyed digests: people type passwords into the wrong field.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.access.tables import WrongPasswords
from pipeline.base.db import Sessions
from pipeline.base.vault import Vault

FORGOTTEN_AFTER = timedelta(hours=1)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
FROM_ONE_PLACE, OF_ONE_PLACE, OF_ONE_NAME = 5, 20, 50
"""Tries without a pause: of a name from one address; of all names from it; of a name from
everywhere, which is more, so that a stranger does not keep its owner out."""


class Guessing:
    """Counts tries to sign in."""

    def __init__(self, sessions: Sessions, vault: Vault) -> None:
        self._sessions = sessions
        self._vault = vault

    def begin(self, name: str, address: str, now: datetime) -> timedelta | None:
        """Count a try. Returns how long to wait where there were too many: it must not be made.

        A name that nobody has is treated as any other.
        """
        allowed = self._subjects(name, address)
        with self._sessions() as session, session.begin():
            _forget_old_ones(session, now)
            for subject in sorted(allowed):
                session.execute(
                    insert(WrongPasswords)
                    .values(subject=subject, count=0, last_at=now)
                    .on_conflict_do_nothing()
                )
            rows = _locked(session, allowed)
            until = [row.locked_until for row in rows if row.locked_until is not None]
            if until and max(until) > now:
                return max(until) - now
            for row in rows:
                row.count += 1
                row.last_at = now
                beyond = row.count - allowed[row.subject]
                if beyond >= 0:
                    row.locked_until = now + min(FIRST_PAUSE * 2 ** min(beyond, 9), LONGEST_PAUSE)
            return None

    def succeeded(self, name: str, address: str) -> None:
        """Take the last try back: it was the person. Others that the address made still count."""
        of_place = self._subject("place", address)
        with self._sessions() as session, session.begin():
            for row in _locked(session, self._subjects(name, address)):
                if row.subject == of_place and row.count > 1:
                    row.count -= 1
                    row.locked_until = None
                else:
                    session.delete(row)

    def forgive(self, name: str) -> None:
        """Let a name be tried again at once, from where no other name was tried too often."""
        with self._sessions() as session, session.begin():
            session.execute(
                delete(WrongPasswords).where(
                    WrongPasswords.subject.startswith(self._subject("name", name))
                )
            )

    def _subjects(self, name: str, address: str) -> dict[str, int]:
        of_name = self._subject("name", name)
        of_place = self._subject("place", address)
        return {
            f"{of_name} {of_place}": FROM_ONE_PLACE,
            of_place: OF_ONE_PLACE,
            of_name: OF_ONE_NAME,
        }

    def _subject(self, kind: str, text: str) -> str:
        return f"{kind}:{self._vault.pseudonym(f'{kind}:{text.strip().casefold()}')}"


def _locked(session: Session, subjects: Iterable[str]) -> list[WrongPasswords]:
    # Always in the same order, so that two tries never wait for each other.
    rows = [session.get(WrongPasswords, one, with_for_update=True) for one in sorted(subjects)]
    return [row for row in rows if row is not None]


def _forget_old_ones(session: Session, now: datetime) -> None:
    old = (
        select(WrongPasswords.subject)
        .where(WrongPasswords.last_at <= now - FORGOTTEN_AFTER)
        .with_for_update(skip_locked=True)
    )
    session.execute(
        delete(WrongPasswords)
        .where(WrongPasswords.subject.in_(old))
        .execution_options(synchronize_session=False)
    )
