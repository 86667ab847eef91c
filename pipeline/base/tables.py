"""The base class of all tables; the tables of incidents, database restores and the security log."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    Numeric,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

UNSAMPLED: dict[Any, Any] = {"unsampled": True}
"""The `info` of a column whose values are destroyed one day, or may quote a person. PostgreSQL's
ANALYZE would copy them into its statistics, where nothing destroys them: a migration switches that
off. See docs/decisions/0070."""


class Base(DeclarativeBase):
    """The metadata of all tables; a test compares it with the migrations."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own way to declare it
        str: Text,
        datetime: DateTime(timezone=True),
        Decimal: Numeric(19, 4),
        int: BigInteger,
        # Without a value a column is NULL, never JSON's null.
        dict[str, Any]: JSONB(none_as_null=True),
        list[str]: ARRAY(Text),
        bytes: LargeBinary,
    }


class Incident(Base):
    """Something a person has to know; alerts report its beginning and its end."""

    __tablename__ = "incidents"
    __table_args__ = (
        Index("incidents_open", "key", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("incidents_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    key: Mapped[str]
    account: Mapped[str | None]
    text: Mapped[str]
    opened_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class DatabaseRestore(Base):
    """A restore of the database that was noticed; the first row is the first use instead.

    `identity` is how PostgreSQL identifies itself; it is empty where a person reported the restore.
    See `base.database_restores`.
    """

    __tablename__ = "database_restores"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    identity: Mapped[str]
    noticed_at: Mapped[datetime]


class SecurityLogRow(Base):
    """A line of the security log. Rows are added and never changed; see `base.security_log`.

    `hash` covers the row and `previous_hash`, the hash of the row before it. Numbers have no gap.
    """

    __tablename__ = "security_log"
    __table_args__ = (
        Index("security_log_at", "at"),
        Index("security_log_object", "object"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    person: Mapped[str]
    address: Mapped[str]
    action: Mapped[str]
    object: Mapped[str]
    facts: Mapped[dict[str, Any]]
    previous_hash: Mapped[bytes]
    hash: Mapped[bytes]
