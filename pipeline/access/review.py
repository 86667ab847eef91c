"""The quarterly review of access: who may sign in, how, and what they did since the last one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from pipeline.access.audit import Wanted, newest, oldest_first
from pipeline.access.duties import needs_factor
from pipeline.access.people import People
from pipeline.access.tables import PersonRecord, SecondFactor
from pipeline.base.db import Sessions
from pipeline.base.security_log import (
    REVIEW_OBJECT,
    SHOWING,
    Action,
    Signature,
    record,
)
from pipeline.settings.console import ConsoleSettings

IDLE_FOR = timedelta(days=90)
"""Whoever has not signed in for so long hardly needs to."""
_OF_A_PERSON = "person "


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A person as the review has them."""

    person: PersonRecord
    has_factor: bool
    needs_factor: bool
    password_age: timedelta | None
    is_idle: bool

    def remarks(self) -> list[str]:
        """What to look at."""
        marks = {
            "locked": self.person.locked,
            f"not signed in for {IDLE_FOR.days} days": self.is_idle,
            "one-time password": self.person.one_time_until is not None,
            "second factor missing": self.needs_factor and not self.has_factor,
        }
        return [mark for mark, counts in marks.items() if counts]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a person, as the security log has it."""

    at: datetime
    by: str
    action: str
    name: str
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Shown:
    """How often buyers' data was shown or exported to somebody, and of how many orders."""

    times: int
    orders: int


@dataclass(frozen=True, slots=True)
class Review:
    """All of it. `since` is the last review; without one the whole security log is read."""

    at: datetime
    since: datetime | None
    people: Sequence[Reviewed]
    changes: Sequence[Change]
    shown: Mapping[str, Shown]


def review(sessions: Sessions, console: ConsoleSettings, now: datetime) -> Review:
    """What there is to review now."""
    with sessions() as session:
        holders = frozenset(session.scalars(select(SecondFactor.person_id)))
    last = newest(sessions, Wanted(object=REVIEW_OBJECT), 1)
    since = last[0].at if last else None
    changes: list[Change] = []
    shown: dict[str, Shown] = defaultdict(lambda: Shown(0, 0))
    for row in oldest_first(sessions, Wanted(since=since)):
        if row.object.startswith(_OF_A_PERSON):
            name = row.object.removeprefix(_OF_A_PERSON)
            changes.append(Change(row.at, row.person, row.action, name, row.facts))
        elif row.action in SHOWING:
            before = shown[row.person]
            orders = int(row.facts.get("orders") or 0)
            shown[row.person] = Shown(before.times + 1, before.orders + orders)
    people = [
        Reviewed(
            person,
            person.id in holders,
            needs_factor(person, console),
            now - person.password_set_at if person.password_set_at else None,
            (person.signed_in_at or person.created_at) <= now - IDLE_FOR,
        )
        for person in People(sessions).everyone()
    ]
    return Review(now, since, people, changes, dict(sorted(shown.items())))


def record_review(sessions: Sessions, count: int, by: Signature) -> None:
    """Record that access was reviewed, of so many people; the next review begins there."""
    with sessions() as session, session.begin():
        record(
            session,
            at=by.at,
            person=by.person,
            address=by.address,
            action=Action.ACCESS_REVIEWED,
            object=REVIEW_OBJECT,
            facts={"people": count},
        )
