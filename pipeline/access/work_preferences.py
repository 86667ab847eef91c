"""How a person works: columns, keyboard shortcuts, the daily mail. And forgetting all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import delete, func, select
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

    def claim_digests(self, now: datetime) -> Sequence[DueDigest]:
        """The daily mails that are due; each is returned once for its day, whatever happens then.

        Nobody who is locked out or removed gets one.
        """
        due = []
        with self._sessions() as session, session.begin():
            rows = session.scalars(
                select(WorkPreferencesRow)
                .join(PersonRecord, PersonRecord.id == WorkPreferencesRow.person_id)
                .where(
                    WorkPreferencesRow.digest_hour.is_not(None),
                    ~PersonRecord.locked,
                    PersonRecord.removed_at.is_(None),
                )
                .order_by(WorkPreferencesRow.person_id)
                .with_for_update(of=WorkPreferencesRow, skip_locked=True)
            )
            for chosen in rows:
                local = now.astimezone(ZoneInfo(chosen.digest_zone))
                is_time = chosen.digest_hour is not None and local.hour >= chosen.digest_hour
                if not is_time or chosen.digest_on == local.date():
                    continue
                chosen.digest_on = local.date()
                day = local.date().isoformat()
                due.append(DueDigest(chosen.person_id, chosen.digest_to, day))
        return due

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
