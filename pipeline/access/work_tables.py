"""The tables of people's daily work: views, preferences, assigned orders and mentions.

All of it goes with its person: `work_preferences.forget` deletes it when a person is removed.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, Integer, func, text, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.access.tables import PersonRecord
from pipeline.base.tables import UNSAMPLED, Base


class SavedView(Base):
    """Filters, sorting and columns of the list of orders under a name of a person's choice.

    `query` is the query string's names and values. A buyer who is searched for is never in it.
    """

    __tablename__ = "saved_views"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey(PersonRecord.id, ondelete="CASCADE"))
    name: Mapped[str]
    query: Mapped[dict[str, Any]] = mapped_column(JSONB(none_as_null=True))
    shared: Mapped[bool]
    created_at: Mapped[datetime]


Index("saved_views_name", SavedView.person_id, func.lower(SavedView.name), unique=True)


class WorkPreferencesRow(Base):
    """How a person works: their columns of the list, keyboard shortcuts, and the daily mail.

    No `columns` are the standard ones. The mail goes to `digest_to` at `digest_hour` of
    `digest_zone`; without an hour there is none. `digest_on` is the last day that it was sent for.
    """

    __tablename__ = "work_preferences"

    person_id: Mapped[int] = mapped_column(
        ForeignKey(PersonRecord.id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    columns: Mapped[list[str]] = mapped_column(default=list, server_default="{}")
    shortcuts: Mapped[bool] = mapped_column(default=True, server_default=true())
    digest_to: Mapped[str] = mapped_column(default="", server_default="", info=UNSAMPLED)
    digest_hour: Mapped[int | None] = mapped_column(Integer)
    digest_zone: Mapped[str] = mapped_column(default="UTC", server_default="UTC")
    digest_on: Mapped[date | None]


class Assignment(Base):
    """The person who looks after an order."""

    __tablename__ = "assignments"
    __table_args__ = (Index("assignments_of_person", "person_id", "order_id"),)

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    person_id: Mapped[int] = mapped_column(ForeignKey(PersonRecord.id, ondelete="CASCADE"))
    assigned_at: Mapped[datetime]
    assigned_by: Mapped[str]


class Mention(Base):
    """A person whom a note addresses; the note's words are sealed elsewhere."""

    __tablename__ = "mentions"
    __table_args__ = (
        Index(
            "mentions_open",
            "person_id",
            "note_id",
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    note_id: Mapped[int] = mapped_column(
        ForeignKey("notes.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    person_id: Mapped[int] = mapped_column(
        ForeignKey(PersonRecord.id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    done_at: Mapped[datetime | None]
