"""The security log: rows are added in turn, and no change of one stays hidden."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError, ProgrammingError

from pipeline.access.audit import Head, Wanted, newest, oldest_first, prunable, prune, verify
from pipeline.base.db import Sessions, engine_for, sessions_for
from pipeline.base.security_log import BEGINNING, Action, record, take_turn
from pipeline.base.tables import SecurityLogRow
from tests.builders import NOW, signed
from tests.devstack.waiting import until
from tests.security_log import rows

DAY = timedelta(days=1)


def note(sessions: Sessions, person: str = "anna", days: int = 0, **more: str) -> None:
    with sessions() as session, session.begin():
        record(
            session,
            at=NOW + days * DAY,
            person=person,
            address="192.0.2.1",
            action=Action.SIGNED_IN,
            facts={"number": 7, "is_new": True, "ümläut": "größe", "none": None, **more},
        )


@pytest.fixture
def kept(sessions: Sessions) -> Sessions:
    """A log of five rows, one a day."""
    for number in range(5):
        note(sessions, f"person {number}", number)
    return sessions


def tamper(sessions: Sessions, statement: str) -> None:
    """What an owner of the table can do."""
    switch = "ALTER TABLE security_log {} TRIGGER security_log_is_append_only"
    with sessions() as session, session.begin():
        session.execute(text(switch.format("DISABLE")))
        session.execute(text(statement))
        session.execute(text(switch.format("ENABLE ALWAYS")))


def test_an_empty_log_is_whole(sessions: Sessions) -> None:
    verdict = verify(sessions)
    assert (verdict.rows, verdict.head, verdict.broken) == (0, Head(0, BEGINNING), "")
    assert verify(sessions, [verdict.head]).broken == ""


def test_each_row_is_built_on_the_row_before(kept: Sessions) -> None:
    verdict = verify(kept)
    last = rows(kept)[-1]
    assert (verdict.rows, verdict.broken) == (5, "")
    assert verdict.head == Head(5, last.hash)
    assert Head.parse(str(verdict.head)) == verdict.head
    note(kept)
    assert verify(kept, [verdict.head]).broken == ""


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE security_log SET person = 'eve' WHERE id = 3", "row 3 was changed"),
        ("UPDATE security_log SET address = '' WHERE id = 3", "row 3 was changed"),
        ("UPDATE security_log SET action = 'locked' WHERE id = 3", "row 3 was changed"),
        ("UPDATE security_log SET object = 'x' WHERE id = 3", "row 3 was changed"),
        ("UPDATE security_log SET at = at + interval '1 us' WHERE id = 3", "row 3 was changed"),
        ("""UPDATE security_log SET facts = '{"number": 8}' WHERE id = 3""", "row 3 was changed"),
        ("UPDATE security_log SET hash = sha256('x') WHERE id = 3", "row 3 was changed"),
        ("DELETE FROM security_log WHERE id = 3", "row 3 is missing"),
        ("DELETE FROM security_log WHERE id < 3", "the rows before row 3 are missing"),
        ("UPDATE security_log SET id = id + 10 WHERE id = 5", "row 5 is missing"),
        (
            """INSERT INTO security_log SELECT -2, at, 'eve', address, action, object, facts,
            previous_hash, hash FROM security_log WHERE id = 3""",
            "row -2 was put before the first row",
        ),
    ],
)
def test_the_first_wrong_row_is_named(kept: Sessions, statement: str, broken: str) -> None:
    tamper(kept, statement)
    assert broken in verify(kept).broken


def test_rows_removed_at_the_end_show_by_a_kept_head(kept: Sessions) -> None:
    head = verify(kept).head
    tamper(kept, "DELETE FROM security_log WHERE id > 3")
    assert verify(kept).broken == ""
    assert verify(kept, [head]).broken == "rows 4 to 5 are missing at the end"
    for _ in range(2):
        note(kept, "eve")
    assert verify(kept, [head]).broken == "row 5 is not the row of the head that you kept"
    tamper(kept, "DELETE FROM security_log")
    assert verify(kept, [head]).broken == "rows 1 to 5 are missing at the end"


@pytest.mark.parametrize(
    "change",
    [
        lambda: update(SecurityLogRow).values(person="eve"),
        lambda: delete(SecurityLogRow),
        lambda: text("TRUNCATE security_log"),
    ],
)
def test_nobody_changes_a_row_by_a_plain_statement(
    own_database_url: str, change: Callable[[], object]
) -> None:
    """Not even a superuser whose session skips triggers."""
    sessions = sessions_for(engine_for(own_database_url))
    note(sessions)
    for role in ("origin", "replica"):
        with sessions() as session:
            session.execute(text(f"SET LOCAL session_replication_role = {role}"))
            with pytest.raises(ProgrammingError, match="never changed or deleted"):
                session.execute(change())  # type: ignore[call-overload]
    assert verify(sessions).rows == 1


def test_acts_at_once_take_turns(sessions: Sessions) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: note(sessions, str(number)), range(40)))
    verdict = verify(sessions)
    assert (verdict.rows, verdict.head.id, verdict.broken) == (40, 40, "")


def test_an_act_that_fails_leaves_no_row(sessions: Sessions) -> None:
    with sessions() as session:
        record(session, at=NOW, person="anna", address="", action=Action.LOCKED)
        with pytest.raises(DBAPIError):
            session.execute(text("SELECT 1 / 0"))
    note(sessions)
    assert [(row.id, row.action) for row in rows(sessions)] == [(1, "signed in")]


def test_rows_are_found_by_all_that_they_have(kept: Sessions) -> None:
    def found(wanted: Wanted) -> list[int]:
        return [row.id for row in newest(kept, wanted, 10)]

    assert found(Wanted()) == [5, 4, 3, 2, 1]
    assert found(Wanted(person="PERSON 2")) == [3]
    assert found(Wanted(action=Action.LOCKED)) == []
    assert found(Wanted(object="order 1")) == []
    assert found(Wanted(since=NOW + DAY, until=NOW + 3 * DAY)) == [3, 2]
    assert [row.id for row in newest(kept, Wanted(), 2, before=4)] == [3, 2]
    assert [row.id for row in oldest_first(kept, Wanted(since=NOW + DAY))] == [2, 3, 4, 5]


def test_a_pruned_log_can_still_be_checked(kept: Sessions) -> None:
    old_head, head = Head(2, rows(kept)[1].hash), verify(kept).head
    assert prunable(kept, NOW + 2 * DAY) == 2
    assert prune(kept, NOW + 2 * DAY, signed("owner")) == 2
    verdict = verify(kept, [head])
    assert (verdict.rows, verdict.broken) == (4, "")
    last = rows(kept)[-1]
    assert (last.action, last.person) == ("log pruned", "owner")
    assert last.facts == {"rows": 2, "through": str(old_head)}
    assert verify(kept, [old_head]).broken == "row 2 was pruned: give a newer head"
    with pytest.raises(ProgrammingError, match="never changed"), kept() as session:
        session.execute(delete(SecurityLogRow))
    tamper(kept, "DELETE FROM security_log WHERE id = 3")
    assert "no pruning deleted them" in verify(kept).broken


def test_a_pruning_waits_for_the_act_before_it(kept: Sessions) -> None:
    def is_waiting() -> bool:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        with kept() as other:
            return bool(other.scalar(text(query)) == 1)

    with ThreadPoolExecutor(1) as thread, kept() as session, session.begin():
        take_turn(session)
        pruning = thread.submit(prune, kept, NOW + 2 * DAY, signed())
        until(is_waiting, "the pruning waits")
        record(session, at=NOW, person="anna", address="", action=Action.LOCKED)
    assert pruning.result(timeout=60) == 2
    assert verify(kept).broken == ""


def test_a_second_pruning_takes_the_first_ones_place(kept: Sessions) -> None:
    prune(kept, NOW + 2 * DAY, signed())
    assert prune(kept, NOW + 1000 * DAY, signed()) == 3
    assert verify(kept).broken == ""
    assert prune(kept, NOW - DAY, signed()) == 0
    with kept() as session:
        assert session.scalars(select(SecurityLogRow.id).order_by(SecurityLogRow.id)).all() == [
            6,
            7,
        ]
