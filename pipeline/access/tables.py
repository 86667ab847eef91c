"""The tables of people, their second factors and sign-ins, wrong passwords, and tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, Integer, LargeBinary, false, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import UNSAMPLED, Base


class PersonRecord(Base):
    """A person who may sign in: with a password, or as `subject` of an OpenID provider.

    `one_time_until` is the end of a password that somebody else has set. The row of a removed
    person stays, without a password, so that nobody else gets the name. Without `language` and
    `time_zone` (IANA's name) those of the browser apply.
    """

    __tablename__ = "people"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None]
    password_set_at: Mapped[datetime | None]
    one_time_until: Mapped[datetime | None]
    former_hashes: Mapped[list[str]] = mapped_column(default=list, server_default="{}")
    subject: Mapped[str | None] = mapped_column(unique=True)
    locked: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(default="", server_default="")
    signed_in_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
    language: Mapped[str | None]
    time_zone: Mapped[str | None]


Index("people_name", func.lower(PersonRecord.name), unique=True)


class SecondFactor(Base):
    """The secret that a person's app makes codes of, and digests of the unused recovery codes.

    `last_step` is the time step of the last accepted code: no code of it or an earlier one counts.
    """

    __tablename__ = "second_factors"

    person_id: Mapped[int] = mapped_column(
        ForeignKey("people.id", ondelete="CASCADE"), primary_key=True
    )
    wrapped_key: Mapped[bytes] = mapped_column(info=UNSAMPLED)
    sealed: Mapped[bytes] = mapped_column(info=UNSAMPLED)
    last_step: Mapped[int]
    recovery_digests: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary), info=UNSAMPLED)
    set_up_at: Mapped[datetime]


class SignIn(Base):
    """A browser that has signed in. The browser holds the token, this table only its digest."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index("sign_ins_of_person", "person_id"),)

    token_digest: Mapped[bytes] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(Identity(always=True), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    address: Mapped[str] = mapped_column(default="", server_default="")
    browser: Mapped[str] = mapped_column(default="", server_default="")
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class ProviderSignIn(Base):
    """What a sign-in at the OpenID provider left, by which the provider is asked again.

    `sealed` holds its tokens under `key`. Nobody begins a check before `next_check_at`.
    """

    __tablename__ = "provider_sign_ins"
    __table_args__ = (Index("provider_sign_ins_of_session", "sid"),)

    token_digest: Mapped[bytes] = mapped_column(
        ForeignKey("sign_ins.token_digest", ondelete="CASCADE"), primary_key=True
    )
    sid: Mapped[str | None]
    can_refresh: Mapped[bool]
    key: Mapped[bytes] = mapped_column(info=UNSAMPLED)
    sealed: Mapped[bytes] = mapped_column(info=UNSAMPLED)
    checked_at: Mapped[datetime]
    next_check_at: Mapped[datetime]


class LogoutToken(Base):
    """A logout token of the provider that has been used, kept until it has expired."""

    __tablename__ = "logout_tokens"

    jti: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]


class WrongPasswords(Base):
    """How often sign-in failed for a name, an address or both, which are kept as keyed digests."""

    __tablename__ = "wrong_passwords"

    subject: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]


class ApiToken(Base):
    """A token of another system. The other system holds the token, this table only its digest.

    `prefix` is the token's beginning, by which people recognise it and requests find it.
    """

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(unique=True)
    digest: Mapped[bytes]
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


Index(
    "api_tokens_name",
    func.lower(ApiToken.name),
    unique=True,
    postgresql_where=text("revoked_at IS NULL"),
)


class ApiAnswer(Base):
    """The answer to an act of a token, repeated when the same request comes again.

    `key` is the request's Idempotency-Key, `digest` that of its path and body.
    """

    __tablename__ = "api_answers"
    __table_args__ = (Index("api_answers_at", "at"),)

    token_id: Mapped[int] = mapped_column(
        ForeignKey("api_tokens.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    at: Mapped[datetime]
    status: Mapped[int | None] = mapped_column(Integer)
    body: Mapped[dict[str, Any] | None]
