"""Tokens, by which other systems use the API.

A token has 256 random bits: nobody guesses it, so that a plain SHA-256 keeps it as safe as a slow
hash would keep a password. It begins with a prefix that is no secret and names its row.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from pipeline.access.tables import ApiToken
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action, Signature, record
from pipeline.settings.roles import Role

LONGEST_DAYS = 365
USUAL_DAYS = 90
TOLD_BEFORE = timedelta(days=14)
"""A person is told so long before a token expires."""
MOST = 200
"""Tokens that may be in use at once."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_TOKEN = re.compile(r"(obr_[0-9a-f]{8})_[A-Za-z0-9_-]{43}")
# The time of last use is written at most so often, so that not every request writes.
_USED_EVERY = timedelta(minutes=1)


class ApiScope(StrEnum):
    """What a token is for. No scope shows buyers' data."""

    READ_ORDERS = "orders:read"
    ACT_ON_ORDERS = "orders:act"
    READ_HEALTH = "health:read"


SCOPES_OF: Mapping[Role, tuple[ApiScope, ...]] = {
    Role.VIEWER: (ApiScope.READ_ORDERS, ApiScope.READ_HEALTH),
    Role.OPERATOR: tuple(ApiScope),
}
"""The scopes with which a system may do what a person of that role may, less buyers' data."""


class NotAllowed(Exception):
    """The change is refused; the message says why."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The system that sent a request with a token."""

    id: int
    name: str
    scopes: frozenset[ApiScope]

    @property
    def author(self) -> str:
        """How notes and the security log name it."""
        return f"token {self.name}"


class ApiTokens:
    """Keeps the tokens. Creating, revoking and refusing them is in the security log."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def all(self) -> Sequence[ApiToken]:
        """The tokens, those in use first, at most twice as many as may be in use."""
        with self._sessions() as session:
            return session.scalars(
                select(ApiToken)
                .order_by(ApiToken.revoked_at.is_not(None), ApiToken.expires_at.desc(), ApiToken.id)
                .limit(2 * MOST)
            ).all()

    def add(self, name: str, scopes: Iterable[ApiScope], days: int, by: Signature) -> str:
        """Add a token and return it: it cannot be shown again. Raises NotAllowed."""
        wanted = sorted(set(scopes))
        if not _NAME.fullmatch(name):
            raise NotAllowed(
                "a token's name has up to 40 letters, digits and . _ -, and begins with a letter or"
                " digit"
            )
        if not wanted:
            raise NotAllowed("give at least one scope")
        if not 1 <= days <= LONGEST_DAYS:
            raise NotAllowed(f"a token is valid for 1 to {LONGEST_DAYS} days")
        prefix = f"obr_{secrets.token_hex(4)}"
        token = f"{prefix}_{secrets.token_urlsafe(32)}"
        with self._sessions() as session, session.begin():
            in_use = select(func.count()).where(ApiToken.revoked_at.is_(None))
            if (session.scalar(in_use) or 0) >= MOST:
                raise NotAllowed(f"there are {MOST} tokens already: revoke one first")
            session.add(
                ApiToken(
                    name=name,
                    prefix=prefix,
                    digest=_digest(token),
                    scopes=[str(scope) for scope in wanted],
                    created_at=by.at,
                    created_by=by.person,
                    expires_at=by.at + timedelta(days=days),
                )
            )
            try:
                session.flush()
            except IntegrityError as error:
                raise NotAllowed(f"there is a token called {name} already") from error
            record(
                session,
                at=by.at,
                person=by.person,
                address=by.address,
                action=Action.TOKEN_CREATED,
                object=f"token {name}",
                facts={"scopes": " ".join(wanted), "days": days},
            )
        return token

    def revoke(self, name: str, by: Signature) -> None:
        """End a token at once. Raises NotAllowed."""
        with self._sessions() as session, session.begin():
            token = session.scalar(
                select(ApiToken)
                .where(func.lower(ApiToken.name) == name.lower(), ApiToken.revoked_at.is_(None))
                .with_for_update()
            )
            if token is None:
                raise NotAllowed(f"no token in use is called {name}")
            token.revoked_at = by.at
            record(
                session,
                at=by.at,
                person=by.person,
                address=by.address,
                action=Action.TOKEN_REVOKED,
                object=f"token {token.name}",
            )

    def find(self, token: str, now: datetime) -> Holder | None:
        """Who has this token; None when it is unknown, revoked or expired."""
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            return None
        with self._sessions() as session, session.begin():
            row = session.scalar(select(ApiToken).where(ApiToken.prefix == parts[1]))
            if row is None or not hmac.compare_digest(row.digest, _digest(token)):
                return None
            if row.revoked_at is not None or row.expires_at <= now:
                return None
            if row.last_used_at is None or row.last_used_at <= now - _USED_EVERY:
                session.execute(
                    update(ApiToken)
                    .where(ApiToken.id == row.id)
                    .values(last_used_at=now)
                    .execution_options(synchronize_session=False)
                )
            return Holder(row.id, row.name, frozenset(ApiScope(scope) for scope in row.scopes))

    def refused(self, token: str, address: str, now: datetime) -> None:
        """Record a refused token, by its name where its prefix is known: the rest is a secret."""
        parts = _TOKEN.fullmatch(token)
        with self._sessions() as session, session.begin():
            known = None
            if parts is not None:
                known = session.scalar(select(ApiToken.name).where(ApiToken.prefix == parts[1]))
            record(
                session,
                at=now,
                person="",
                address=address,
                action=Action.TOKEN_REFUSED,
                object=f"token {known}" if known else "",
            )


def expiring(sessions: Sessions, now: datetime) -> Sequence[ApiToken]:
    """The tokens in use that expire soon."""
    with sessions() as session:
        return session.scalars(
            select(ApiToken)
            .where(
                ApiToken.revoked_at.is_(None),
                ApiToken.expires_at > now,
                ApiToken.expires_at <= now + TOLD_BEFORE,
            )
            .order_by(ApiToken.expires_at, ApiToken.id)
            .limit(MOST)
        ).all()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
