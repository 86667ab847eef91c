"""How a person works: columns, keyboard shortcuts, the daily mail. And forgetting all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.access.errors import NotAllowed
from pipeline.access.tables import PersonRecord
from pipeline.access.work_tables import Assignment, Mention, SavedView, WorkPreferencesRow
from pipeline.base.db import Sessions
from pipeline.settings.alerts import is_mail_address

_NOBODYS = WorkPreferencesRow(
    columns=[], shortcuts=True, digest_to="", digest_hour=None, digest_zone="UTC", digest_on=None
)


@dataclass(frozen=True, slots=True)
class DueDigest:
    """A daily mail that is to be sent now: whose, where to, and for which day of theirs."""

    person_id: int
    to: str
    day: str


class WorkPreferences:
    """Reads and stores the preferences of people. Without a row, the standard applies."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def of(self, person_id: int) -> WorkPreferencesRow:
        """A person's, detached."""
        with self._sessions() as session:
            return session.get(WorkPreferencesRow, person_id) or _NOBODYS

    def at_a_glance(self, person_id: int) -> tuple[bool, int]:
        """Whether a person uses shortcuts, and how many mentions of them are open. One query."""
        chosen = select(WorkPreferencesRow.shortcuts).where(
            WorkPreferencesRow.person_id == person_id
        )
        mentions = (
            select(func.count())
            .select_from(Mention)
            .where(Mention.person_id == person_id, Mention.done_at.is_(None))
        )
        with self._sessions() as session:
            row = session.execute(
                select(func.coalesce(chosen.scalar_subquery(), True), mentions.scalar_subquery())
            ).one()
        return row[0], row[1]

    def choose_columns(self, person_id: int, columns: Sequence[str]) -> None:
        """Store the columns of a person's list, in this order; none for the standard ones."""
        self._save(person_id, {"columns": list(columns)})

    def use_shortcuts(self, person_id: int, wanted: bool) -> None:
        """Switch a person's keyboard shortcuts on or off."""
        self._save(person_id, {"shortcuts": wanted})

    def send_digest(
        self, person_id: int, to: str, hour: int | None, zone: str, now: datetime
    ) -> None:
        """Send a person's daily mail at that hour of the zone, the next time it comes; without an
        hour, no more. Raises NotAllowed."""
        if hour is None:
            values: dict[str, Any] = {"digest_hour": None, "digest_to": ""}
        else:
            if not is_mail_address(to):
                raise NotAllowed("the mail needs an address, such as anna@example.com")
            if not 0 <= hour < 24:
                raise NotAllowed("an hour is between 0 and 23")
            if zone not in available_timezones():
                raise NotAllowed("a time zone is called like Europe/Berlin")
            local = now.astimezone(ZoneInfo(zone))
            values = {
                "digest_hour": hour,
                "digest_to": to,
                "digest_zone": zone,
                "digest_on": local.date() if local.hour >= hour else None,
            }
        self._save(person_id, values)

    def claim_digests(self, now: datetime) -> Iterator[DueDigest]:
        """The daily mails that are due; each is given once for its day, whatever happens then.

        Each is claimed when its turn comes: who stops in between leaves the rest for another run.
        Nobody who is locked out or removed gets one.
        """
        row = WorkPreferencesRow
        with self._sessions() as session:
            chosen = session.execute(
                select(row.person_id, row.digest_hour, row.digest_zone, row.digest_on)
                .join(PersonRecord, PersonRecord.id == row.person_id)
                .where(
                    row.digest_hour.is_not(None),
                    ~PersonRecord.locked,
                    PersonRecord.removed_at.is_(None),
                )
                .order_by(row.person_id)
            ).all()
        for person_id, hour, zone, done_on in chosen:
            local = now.astimezone(ZoneInfo(zone))
            today = local.date()
            if hour is None or local.hour < hour or done_on == today:
                continue
            with self._sessions() as session, session.begin():
                to = session.scalar(
                    update(row)
                    .where(
                        row.person_id == person_id,
                        row.digest_hour.is_not(None),
                        row.digest_on.is_distinct_from(today),
                    )
                    .values(digest_on=today)
                    .returning(row.digest_to)
                )
            if to is not None:
                yield DueDigest(person_id, to, today.isoformat())

    def _save(self, person_id: int, values: Mapping[str, Any]) -> None:
        adding = insert(WorkPreferencesRow).values(person_id=person_id, **values)
        with self._sessions() as session, session.begin():
            session.execute(
                adding.on_conflict_do_update(
                    index_elements=[WorkPreferencesRow.person_id], set_=dict(values)
                )
            )


def forget(session: Session, person_id: int) -> None:
    """Delete a person's views, preferences, assignments and mentions."""
    for table in (SavedView, WorkPreferencesRow, Assignment, Mention):
        session.execute(delete(table).where(table.person_id == person_id))
