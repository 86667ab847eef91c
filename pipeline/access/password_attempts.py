"""Delays repeated sign-in attempts, longer each time.

An attempt counts before its password is checked, so that many at once do not evade the limit. A
browser in which the person has signed in before has limits of its own: whatever others try, from
wherever, does not delay it. Names and addresses are kept as keyed digests, because people type
passwords into the wrong field.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.access.names import known_name
from pipeline.access.tables import WrongPasswords
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action, record
from pipeline.base.vault import Vault

FORGOTTEN_AFTER = timedelta(hours=1)
BROWSER_KNOWN_FOR = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many attempts are free; each further attempt pauses twice as long as the one before."""

    free: int
    first_pause: timedelta
    longest_pause: timedelta

    def pause(self, count: int) -> timedelta | None:
        """How long the next attempt has to wait after so many."""
        beyond = count - self.free
        if beyond < 0:
            return None
        doubled = self.first_pause * (1 << min(beyond, 20))
        return min(doubled, self.longest_pause)


SAME_NAME = Limit(5, timedelta(seconds=30), timedelta(minutes=15))
"""Of a name from an address, and of a name in a known browser."""
SAME_PLACE = Limit(20, timedelta(seconds=5), timedelta(minutes=1))
"""Of all names from an address. Behind a proxy or in an office many people have it, so that its
pauses stay short."""
ANYWHERE = Limit(50, timedelta(seconds=5), timedelta(minutes=1))
"""Of a name from everywhere; its pauses stay short, since a stranger can cause them."""


class PasswordAttempts:
    """Counts attempts to sign in.

    `browser` is what `known_browser` gave to the browser when the person signed in; or anything
    else.
    """

    def __init__(self, sessions: Sessions, vault: Vault) -> None:
        self._sessions = sessions
        self._vault = vault

    def begin(self, name: str, address: str, browser: str, now: datetime) -> timedelta | None:
        """Count an attempt. After too many attempts, return the time to wait: refuse the attempt.

        An unknown name is treated like any other. The security log has each pause that begins.
        """
        return self._count(
            self._limits(name, address, browser, now), name, address, Action.SIGN_IN_PAUSED, now
        )

    def wrong_token(self, address: str, now: datetime) -> timedelta | None:
        """Count a wrong token of the API; the time for which the address is paused, if it is.

        Only wrong tokens ask: whoever has a right one is not delayed by others at their address.
        """
        of_place = {self._subject("tokens of", _place(address)): SAME_PLACE}
        return self._count(of_place, "", address, Action.TOKENS_PAUSED, now)

    def _count(
        self,
        limits: Mapping[str, Limit],
        name: str,
        address: str,
        pausing: Action,
        now: datetime,
    ) -> timedelta | None:
        with self._sessions() as session, session.begin():
            _forget_old_ones(session, now)
            for subject in sorted(limits):
                session.execute(
                    insert(WrongPasswords)
                    .values(subject=subject, count=0, last_at=now)
                    .on_conflict_do_nothing()
                )
            rows = _locked(session, limits)
            until = [row.locked_until for row in rows if row.locked_until is not None]
            if until and max(until) > now:
                return max(until) - now
            begun = []
            for row in rows:
                row.count += 1
                row.last_at = now
                if pause := limits[row.subject].pause(row.count):
                    row.locked_until = now + pause
                    begun.append(pause)
            if begun:
                record(
                    session,
                    at=now,
                    person=known_name(session, name),
                    address=address,
                    action=pausing,
                    facts={"seconds": round(max(begun).total_seconds())},
                )
            return None

    def succeeded(
        self, name: str, address: str, browser: str, now: datetime, attempts: int = 1
    ) -> None:
        """Uncount the last attempts, which succeeded: a password, or a password and a code.

        The address's other attempts still count.
        """
        of_place = self._subject("place", _place(address))
        with self._sessions() as session, session.begin():
            for row in _locked(session, self._limits(name, address, browser, now)):
                if row.subject == of_place and row.count > attempts:
                    row.count -= attempts
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

    def known_browser(self, name: str, now: datetime) -> str:
        """What a browser keeps to be known as this person's, for BROWSER_KNOWN_FOR."""
        until = int((now + BROWSER_KNOWN_FOR).timestamp())
        mark = f"{until}.{secrets.token_urlsafe(16)}"
        return f"{mark}.{self._seal(name, mark)}"

    def _is_known(self, name: str, browser: str, now: datetime) -> bool:
        mark, _, seal = browser.rpartition(".")
        until = mark.partition(".")[0]
        # Bytes, because compare_digest refuses text that is not ASCII. A sealed mark has a number.
        is_ours = hmac.compare_digest(seal.encode(), self._seal(name, mark).encode())
        return is_ours and now.timestamp() < int(until)

    def _seal(self, name: str, mark: str) -> str:
        return self._vault.pseudonym(f"browser:{name.strip().casefold()}:{mark}")

    def _limits(self, name: str, address: str, browser: str, now: datetime) -> Mapping[str, Limit]:
        of_name = self._subject("name", name)
        if self._is_known(name, browser, now):
            return {f"{of_name} {self._subject('browser', browser)}": SAME_NAME}
        of_place = self._subject("place", _place(address))
        return {f"{of_name} {of_place}": SAME_NAME, of_place: SAME_PLACE, of_name: ANYWHERE}

    def _subject(self, kind: str, text: str) -> str:
        return f"{kind}:{self._vault.pseudonym(f'{kind}:{text.strip().casefold()}')}"


def _place(address: str) -> str:
    """The address, or its network: with IPv6 a single machine has all addresses of a /64."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


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
