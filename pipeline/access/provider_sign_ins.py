"""Sign-ins at the OpenID provider: what it is asked again with, and how it ends them.

See docs/decisions/0076.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.access.sign_ins import digest
from pipeline.access.tables import LogoutToken, PersonRecord, ProviderSignIn, SignIn
from pipeline.base.db import Sessions
from pipeline.base.master_keys import Unreadable
from pipeline.base.security_log import Action, record
from pipeline.base.vault import SealedColumn, Vault


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a sign-in. Without `checked_at` no provider was asked about it here.

    `subject` is how the provider knows the person; None for a person of the console's own.
    """

    subject: str | None
    checked_at: datetime | None
    next_check_at: datetime | None
    can_refresh: bool


class ProviderSignIns:
    """Keeps the provider's tokens with the sign-ins that they belong to, sealed."""

    def __init__(self, sessions: Sessions, vault: Vault) -> None:
        self._sessions = sessions
        self._vault = vault

    def keep(
        self,
        token: str,
        tokens: Mapping[str, Any],
        session_id: str | None,
        checked_at: datetime,
        next_check_at: datetime,
    ) -> bool:
        """Keep what the provider said of this sign-in; False when the sign-in has ended."""
        owner = _owner(token)
        key = self._vault.new_key(owner)
        values = {
            "sid": session_id,
            "can_refresh": bool(tokens.get("refresh_token")),
            "key": key,
            "sealed": self._vault.seal(key, owner, SealedColumn.PROVIDER_TOKENS, tokens),
            "checked_at": checked_at,
            "next_check_at": next_check_at,
        }
        with self._sessions() as session, session.begin():
            # Locked, so that it cannot end before the row that refers to it is there.
            kept = session.scalar(
                select(SignIn.token_digest)
                .where(SignIn.token_digest == digest(token))
                .with_for_update(read=True, key_share=True)
            )
            if kept is None:
                return False
            row = insert(ProviderSignIn).values(token_digest=kept, **values)
            # Refreshed tokens need not name the session.
            sid = func.coalesce(row.excluded.sid, ProviderSignIn.sid)
            session.execute(
                row.on_conflict_do_update(
                    index_elements=["token_digest"], set_={**values, "sid": sid}
                )
            )
        return True

    def standing(self, token: str) -> Standing:
        """What is known of this sign-in."""
        with self._sessions() as session:
            row = session.execute(
                select(
                    PersonRecord.subject,
                    ProviderSignIn.checked_at,
                    ProviderSignIn.next_check_at,
                    ProviderSignIn.can_refresh,
                )
                .select_from(SignIn)
                .join(PersonRecord, PersonRecord.id == SignIn.person_id)
                .outerjoin(ProviderSignIn, ProviderSignIn.token_digest == SignIn.token_digest)
                .where(SignIn.token_digest == digest(token))
            ).one_or_none()
        if row is None:
            return Standing(None, None, None, False)
        return Standing(row.subject, row.checked_at, row.next_check_at, bool(row.can_refresh))

    def claim(self, token: str, now: datetime, until: datetime) -> bool:
        """Take the check that is due; False when it is not, or somebody else has taken it."""
        with self._sessions() as session, session.begin():
            claimed = session.scalar(
                update(ProviderSignIn)
                .where(
                    ProviderSignIn.token_digest == digest(token),
                    ProviderSignIn.next_check_at <= now,
                )
                .values(next_check_at=until)
                .returning(ProviderSignIn.token_digest)
            )
        return claimed is not None

    def tokens(self, token: str) -> dict[str, Any]:
        """The provider's tokens of a sign-in; empty when there are none that can be read."""
        with self._sessions() as session:
            row = session.get(ProviderSignIn, digest(token))
        if row is None:
            return {}
        try:
            return self._vault.open(
                row.key, _owner(token), SealedColumn.PROVIDER_TOKENS, row.sealed
            )
        except Unreadable:
            return {}

    def end(self, token: str, address: str, now: datetime) -> None:
        """End a sign-in that the provider no longer answers for."""
        with self._sessions() as session, session.begin():
            _end(session, SignIn.token_digest == digest(token), address, now)

    def end_at_logout(
        self,
        jti: str,
        expires_at: datetime,
        subject: str | None,
        sid: str | None,
        address: str,
        now: datetime,
    ) -> bool:
        """End the sign-ins of the provider's session `sid`, or all of a person; one is given.

        A sign-in of which the provider named no session ends with any session of the person. False
        when the token has been used before.
        """
        of_session = ProviderSignIn.sid == sid if sid is not None else true()
        of_person = PersonRecord.subject == subject if subject is not None else true()
        if sid is not None and subject is not None:
            of_session = or_(of_session, ProviderSignIn.sid.is_(None))
        ended = (
            select(ProviderSignIn.token_digest)
            .join(SignIn, SignIn.token_digest == ProviderSignIn.token_digest)
            .join(PersonRecord, PersonRecord.id == SignIn.person_id)
            .where(of_session, of_person)
            .correlate(None)
        )
        with self._sessions() as session, session.begin():
            session.execute(delete(LogoutToken).where(LogoutToken.expires_at <= now))
            is_new = session.scalar(
                insert(LogoutToken)
                .values(jti=jti, expires_at=expires_at)
                .on_conflict_do_nothing()
                .returning(LogoutToken.jti)
            )
            if is_new is None:
                return False
            _end(session, SignIn.token_digest.in_(ended), address, now)
        return True


def _end(session: Session, which: ColumnElement[bool], address: str, now: datetime) -> None:
    names = session.scalars(
        delete(SignIn)
        .where(which)
        .where(PersonRecord.id == SignIn.person_id)
        .returning(PersonRecord.name)
    ).all()
    for name in sorted(names):
        record(
            session,
            at=now,
            person=name,
            address=address,
            action=Action.SIGNED_OUT,
            facts={"by": "the OpenID provider"},
        )


def _owner(token: str) -> str:
    return f"sign-in {digest(token).hex()}"
