"""A database that was set back tells so by itself, and by no accident."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from pipeline.base import database_restores, db
from pipeline.base.db import Sessions
from pipeline.base.errors import Transient
from pipeline.base.tables import DatabaseRestore
from pipeline.orders.ledger import Ledger
from tests.builders import NOW, an_order, stored
from tests.orders.test_ledger import LIMIT, SETTLED, Clock, Remote, effect

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def sessions(own_database_url: str) -> Iterator[Sessions]:
    """Of a database of the test's own, which it may take apart."""
    engine = db.engine_for(own_database_url)
    yield db.sessions_for(engine)
    engine.dispose()


def known(sessions: Sessions) -> list[tuple[str, datetime]]:
    with sessions() as session:
        rows = session.scalars(select(DatabaseRestore).order_by(DatabaseRestore.id))
        return [(row.identity, row.noticed_at) for row in rows]


def connect_anew(own_database_url: str) -> None:
    engine = db.engine_for(own_database_url)
    engine.connect().close()
    engine.dispose()


def test_connections_to_the_same_database_are_no_restore(
    sessions: Sessions, own_database_url: str
) -> None:
    before = known(sessions)
    connect_anew(own_database_url)
    connect_anew(own_database_url)
    assert len(before) == 1
    assert known(sessions) == before


def test_tables_read_in_from_a_dump_are_a_restore(
    sessions: Sessions, own_database_url: str
) -> None:
    (before,) = known(sessions)
    with sessions() as session, session.begin():
        # What pg_restore does to a table: it is made anew, with what was in it.
        session.execute(text("CREATE TABLE copied (LIKE effects INCLUDING ALL)"))
        session.execute(text("DROP TABLE effects"))
        session.execute(text("ALTER TABLE copied RENAME TO effects"))
    connect_anew(own_database_url)
    first, second = known(sessions)
    assert first == before
    assert second[0] != before[0]
    assert datetime.now(UTC) - second[1] < timedelta(minutes=1)
    connect_anew(own_database_url)
    assert len(known(sessions)) == 2


def test_a_restore_that_a_person_reports_is_no_sign_of_another_database(
    sessions: Sessions, own_database_url: str
) -> None:
    with sessions() as session, session.begin():
        database_restores.report(session, NOW)
    connect_anew(own_database_url)
    assert len(known(sessions)) == 2
    with sessions() as session:
        assert database_restores.last_noticed_at(session) == NOW


def test_a_database_without_tables_is_left_alone(sessions: Sessions, own_database_url: str) -> None:
    with sessions() as session, session.begin():
        session.execute(text("DROP TABLE database_restores"))
    connect_anew(own_database_url)
    with sessions() as session:
        assert session.scalar(text("SELECT to_regclass('database_restores')")) is None


def report(sessions: Sessions, at: datetime) -> None:
    with sessions() as session, session.begin():
        database_restores.report(session, at)


def test_a_first_try_looks_when_the_database_may_have_forgotten_it(sessions: Sessions) -> None:
    clock, remote = Clock(), Remote()
    ledger = Ledger(sessions, clock)
    remote.made.append("id-1")  # made before the database was set back
    order_id = stored(sessions, an_order(purchased_at=NOW - timedelta(hours=1)))
    report(sessions, NOW)
    with pytest.raises(Transient) as caught:
        ledger.once(order_id, remote.write())
    assert caught.value.retry_after_s == SETTLED.total_seconds()
    clock.passes(SETTLED)
    assert ledger.once(order_id, remote.write()).remote_id == "id-1"
    assert remote.traffic == (1, 0, 1)
    assert effect(sessions).adopted


def test_what_is_not_there_is_sent(sessions: Sessions) -> None:
    clock, remote = Clock(), Remote()
    order_id = stored(sessions, an_order(purchased_at=NOW - timedelta(hours=1)))
    report(sessions, NOW - LIMIT - SETTLED)
    assert Ledger(sessions, clock).once(order_id, remote.write()).remote_id == "id-1"
    assert remote.traffic == (1, 1, 1)


def test_an_order_placed_later_is_sent_without_looking(sessions: Sessions) -> None:
    remote = Remote()
    order_id = stored(sessions, an_order(purchased_at=NOW))
    report(sessions, NOW)
    assert Ledger(sessions, Clock()).once(order_id, remote.write()).remote_id == "id-1"
    assert remote.traffic == (0, 1, 1)


def test_made_finds_what_the_database_forgot_and_leaves_no_row_of_what_never_was(
    sessions: Sessions,
) -> None:
    clock, remote = Clock(), Remote()
    ledger = Ledger(sessions, clock)
    order_id = stored(sessions, an_order(purchased_at=NOW - timedelta(hours=1)))
    report(sessions, NOW - SETTLED)
    assert ledger.made(order_id, remote.write()) is None
    remote.made.append("id-1")
    assert ledger.made(order_id, remote.write()) == "id-1"
    row = effect(sessions)
    assert (row.state, row.remote_id, row.adopted) == ("done", "id-1", True)
