"""What a person has to do before anything else, once they have given their password."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from pipeline.access.tables import PersonRecord
from pipeline.settings.console import ConsoleSettings, Required
from pipeline.settings.roles import Role

WARNED_FOR = timedelta(days=14)
"""So long before a password's end its person is told."""


class Duty(StrEnum):
    """What is left to do; until then no other page opens."""

    PASSWORD = "choose a password"  # noqa: S105 - the name of a duty
    SECOND_FACTOR = "set up a second factor"


def duty_of(
    person: PersonRecord, has_factor: bool, console: ConsoleSettings, now: datetime
) -> Duty | None:
    """The first duty of a person, if any. Who signs in at an OpenID provider has none here."""
    ends_at = password_ends_at(person, console)
    if ends_at is None:
        return None
    if person.one_time_until is not None or ends_at <= now:
        return Duty.PASSWORD
    if needs_factor(person, console) and not has_factor:
        return Duty.SECOND_FACTOR
    return None


def needs_factor(person: PersonRecord, console: ConsoleSettings) -> bool:
    """Whether a person has to have a second factor here."""
    is_admin = person.role == Role.ADMIN
    return person.subject is None and (
        console.second_factor is Required.EVERYONE
        or (console.second_factor is Required.ADMINS and is_admin)
    )


def password_ends_at(person: PersonRecord, console: ConsoleSettings) -> datetime | None:
    """When a person has to choose another password; None without a password."""
    if person.password_hash is None or person.password_set_at is None:
        return None
    return person.password_set_at + timedelta(days=console.password_days)
