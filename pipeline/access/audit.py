"""Reads the security log: its rows by filter, a check of its chain, and its pruning.

`pipeline.base.security_log` adds the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select, text
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.security_log import BEGINNING, Action, Signature, hash_of, record, take_turn
from pipeline.base.tables import SecurityLogRow

PAGE = 1_000
_ALLOW = "ALTER TABLE security_log DISABLE TRIGGER security_log_is_append_only"
_REFUSE = "ALTER TABLE security_log ENABLE ALWAYS TRIGGER security_log_is_append_only"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are read; an empty field allows all. `person` and `object` match in full."""

    person: str = ""
    action: Action | None = None
    object: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on a row."""
        conditions: list[ColumnElement[bool]] = []
        if self.person:
            conditions.append(func.lower(SecurityLogRow.person) == self.person.lower())
        if self.action is not None:
            conditions.append(SecurityLogRow.action == self.action)
        if self.object:
            conditions.append(SecurityLogRow.object == self.object)
        if self.since is not None:
            conditions.append(SecurityLogRow.at >= self.since)
        if self.until is not None:
            conditions.append(SecurityLogRow.at < self.until)
        return conditions


@dataclass(frozen=True, slots=True)
class Head:
    """A row's number and hash. Kept outside of the database, it shows rows removed at the end."""

    id: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.id}:{self.hash.hex()}"

    @classmethod
    def parse(cls, written: str) -> Head:
        """The head that `str` wrote. Raises ValueError."""
        number, _, digits = written.strip().partition(":")
        head = cls(int(number), bytes.fromhex(digits))
        if head.id < 0 or len(head.hash) != len(BEGINNING):
            raise ValueError("a head is a number and 64 digits")
        return head


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found. `broken` is a sentence about the first wrong row; empty if all is right.

    `head` is the last row that was checked.
    """

    rows: int
    head: Head
    broken: str = ""


def newest(
    sessions: Sessions, wanted: Wanted, limit: int, before: int | None = None
) -> Sequence[SecurityLogRow]:
    """The newest rows, those below the number `before` if it is given."""
    query = select(SecurityLogRow).where(*wanted.conditions())
    if before is not None:
        query = query.where(SecurityLogRow.id < before)
    with sessions() as session:
        return session.scalars(query.order_by(SecurityLogRow.id.desc()).limit(limit)).all()


def oldest_first(sessions: Sessions, wanted: Wanted) -> Iterator[SecurityLogRow]:
    """All rows, read page by page: the log may be larger than the memory."""
    query = select(SecurityLogRow).where(*wanted.conditions()).order_by(SecurityLogRow.id)
    page = query.limit(PAGE)
    while True:
        with sessions() as session:
            rows = session.scalars(page).all()
        yield from rows
        if len(rows) < PAGE:
            return
        page = query.where(SecurityLogRow.id > rows[-1].id).limit(PAGE)


def verify(sessions: Sessions, heads: Sequence[Head] = ()) -> Verdict:
    """Check every row's hash and number, and that the rows of `heads` are there and unchanged."""
    awaited = {head.id: head.hash for head in heads}
    count, last = 0, Head(0, BEGINNING)
    for row in oldest_first(sessions, Wanted()):
        if row.id < 1:
            return Verdict(count, last, f"row {row.id} was put before the first row")
        if count == 0 and row.id > 1:
            if why := _not_pruned(sessions, row):
                return Verdict(count, last, why)
            last = Head(row.id - 1, row.previous_hash)
        if row.id != last.id + 1:
            return Verdict(count, last, f"row {last.id + 1} is missing")
        if row.previous_hash != last.hash or row.hash != hash_of(last.hash, content(row)):
            return Verdict(count, last, f"row {row.id} was changed, or a row before it")
        if awaited.pop(row.id, row.hash) != row.hash:
            return Verdict(count, last, f"row {row.id} is not the row of the head that you kept")
        count, last = count + 1, Head(row.id, row.hash)
    awaited.pop(0, None)  # the head of an empty log
    if awaited and max(awaited) > last.id:
        return Verdict(count, last, f"rows {last.id + 1} to {max(awaited)} are missing at the end")
    if awaited:
        return Verdict(count, last, f"row {max(awaited)} was pruned: give a newer head")
    return Verdict(count, last)


def content(row: SecurityLogRow) -> dict[str, object]:
    """The fields that a row's hash covers."""
    return {
        "id": row.id,
        "at": row.at,
        "person": row.person,
        "address": row.address,
        "action": row.action,
        "object": row.object,
        "facts": row.facts,
    }


def prunable(sessions: Sessions, before: datetime) -> int:
    """How many rows a pruning would delete."""
    with sessions() as session:
        return _through(session, before)[0]


def prune(sessions: Sessions, before: datetime, by: Signature) -> int:
    """Delete the rows older than `before`, and return how many.

    Only the table's owner may. A new row keeps the hash of the last deleted row, so that the chain
    can still be checked.
    """
    with sessions() as session, session.begin():
        # Everybody's order: first the turn, then the table. The other way round they deadlock.
        take_turn(session)
        session.execute(text(_ALLOW))
        count, last = _through(session, before)
        if last is not None:
            session.execute(delete(SecurityLogRow).where(SecurityLogRow.id <= last.id))
        session.execute(text(_REFUSE))
        if last is not None:
            record(
                session,
                at=by.at,
                person=by.person,
                address=by.address,
                action=Action.LOG_PRUNED,
                facts={"rows": count, "through": str(last)},
            )
    return count


def _through(session: Session, before: datetime) -> tuple[int, Head | None]:
    """How many rows are older than `before`, without a newer row among them, and the last of them.

    The newest row always stays: the next row's hash is built on it.
    """
    first_kept = (
        select(func.min(SecurityLogRow.id)).where(SecurityLogRow.at >= before).scalar_subquery()
    )
    newest = select(func.max(SecurityLogRow.id)).scalar_subquery()
    old = SecurityLogRow.id < func.coalesce(first_kept, newest)
    count = session.scalar(select(func.count()).select_from(SecurityLogRow).where(old)) or 0
    last = session.scalar(
        select(SecurityLogRow).where(old).order_by(SecurityLogRow.id.desc()).limit(1)
    )
    return count, None if last is None else Head(last.id, last.hash)


def _not_pruned(sessions: Sessions, first: SecurityLogRow) -> str:
    """Why rows before the first are missing although no pruning deleted them; empty if one did."""
    kept = str(Head(first.id - 1, first.previous_hash))
    prunings = newest(sessions, Wanted(action=Action.LOG_PRUNED), 1)
    if prunings and prunings[0].facts.get("through") == kept:
        return ""
    return f"the rows before row {first.id} are missing, and no pruning deleted them"
