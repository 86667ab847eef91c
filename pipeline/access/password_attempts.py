"""Delays repeated sign-in attempts, longer each time.

An attempt counts before its password is checked, so that many at once do not evade the limit. Names
and addresses are kept as keyed digests, because people type passwords into the wrong field.
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
"""Attempts without a pause: of a name from an address; of all names from that address; of a name
from everywhere. The last limit is higher, so that a stranger does not lock out the name's owner."""


class PasswordAttempts:
    """Counts attempts to sign in."""

    def __init__(self, sessions: Sessions, vault: Vault) -> None:
        self._sessions = sessions
        self._vault = vault

    def begin(self, name: str, address: str, now: datetime) -> timedelta | None:
        """Count an attempt. After too many attempts, return the time to wait: refuse the attempt.

        An unknown name is treated like any other.
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
        """Uncount the last attempt, which succeeded. The address's other attempts still count."""
        of_place = self._subject("place", address)
        with self._sessions() as session, session.begin():
            for row in _locked(session, self._subjects(name, address)):
                if row.subject == of_place and row.count > 1:
                    row.count -= 1
                    row.locked_until = None
                else:
                    session.delete(row)

    def forgive(self, name: str) -> None:
        """Allow attempts of a name again at once, except from addresses that tried other names too
        often."""
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
    # Always lock in the same order, so that two attempts never wait for each other.
    rows = [
        session.get(WrongPasswords, subject, with_for_update=True) for subject in sorted(subjects)
    ]
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
