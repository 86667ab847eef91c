"""The tables of people, second factors, sign-ins and wrong passwords."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Identity, Index, Integer, LargeBinary, false, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.base.tables import UNSAMPLED, Base


class PersonRecord(Base):
    """A person who may sign in: with a password, or as `subject` of an OpenID provider.

    `one_time_until` is the end of a password that somebody else has set. The row of a removed
    person stays, without a password, so that nobody else gets the name.
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
