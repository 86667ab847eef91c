"""PostgreSQL keeps nothing of what was destroyed: neither in its statistics nor in old rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import pytest
from alembic import command
from sqlalchemy import LargeBinary, text
from sqlalchemy.engine import make_url

from pipeline.amazon.client import Amazon
from pipeline.base import db
from pipeline.base.db import Sessions
from pipeline.clients import parse_report
from pipeline.intake.store import Intake
from pipeline.monitoring.purging import Purging
from pipeline.monitoring.residue import sampled, unsampled, vacuum
from pipeline.operations.acts.address import Corrections
from pipeline.orders.tables import Order, OrderPrivate, Status
from pipeline.settings.model import Timing
from tests.attack import read_back
from tests.builders import ACCOUNT, NOW, a_raw_order, a_vault, settings, signed
from tests.tables import METADATA

NAMES = ("Zacharias Quandt", "zq@marketplace.example", "Nebelgasse", "0151 7654321", "Eichenhof")
BEFORE_IT = "0017"
WORDS_OF_BEFORE = (
    """UPDATE orders SET status = 'held', hold_code = 'order_refused', hold_reason = :said,
        last_note = :said, cancel_refusal = :said,
        hold_facts = jsonb_build_object('code', CAST(:said AS text), 'skus', 'MUG')
    WHERE id = :id""",
    """INSERT INTO notes (order_id, at, author, text)
    SELECT :id, :now, 'anna', each FROM unnest(ARRAY[
        :said, 'dismissed: ' || :said, 'destroyed the buyer''s data on demand: ' || :said,
        'released', 'asked Amazon to cancel it: NoInventory',
        'corrected the shipping address: line1, city']) AS each""",
    """INSERT INTO attempts (order_id, step, task_id, worker, started_at, detail)
    VALUES (:id, 'create_order', 't', 'w', :now, :said)""",
    """INSERT INTO effects (order_id, key, kind, state, intended_at, detail)
    VALUES (:id, 'k', 'order', 'refused', :now, :said)""",
    """INSERT INTO shipments (order_id, magento_shipment_id, package_reference, shipped_at, refusal)
    VALUES (:id, 1, '1', :now, :said)""",
    """INSERT INTO requested_shipments (order_id, asked_at, author, carrier_code, carrier_title,
        tracking_number, state, why)
    VALUES (:id, :now, 'anna', 'custom', :said, '1', 'ended', :said)""",
    """INSERT INTO feeds (account, kind, state, marketplace_ids, due_at, created_at, trouble)
    VALUES ('eu', 'confirmations', 'ended', '{}', :now, :now, :said)""",
    """INSERT INTO feed_messages (feed_id, message_id, order_id, body, outcome, words)
    SELECT id, 1, :id, jsonb_build_object('carrier_name', CAST(:said AS text),
        'announcement', CAST(:said AS text)), 'refused', :said FROM feeds""",
    """INSERT INTO incidents (key, text, opened_at, last_seen_at)
    VALUES ('watch:main', :said, :now, :now)""",
    """INSERT INTO shop_reads (shop, job, trouble) VALUES ('main', 'watch', :said)""",
    """INSERT INTO account_access (account, refused_since, probe_at, reason)
    VALUES ('eu', :now, :now, :said)""",
)


def taken_in(sessions: Sessions, count: int) -> list[int]:
    """Orders as they come from Amazon, each with a corrected address, delivered long ago."""
    account = settings().accounts[ACCOUNT]
    channel = Amazon(ACCOUNT, account, now=lambda: NOW)
    raws = [
        a_raw_order(
            buyer={"buyerName": NAMES[0], "buyerEmail": NAMES[1]},
            recipient={
                "deliveryAddress": {
                    **{"name": NAMES[0], "addressLine1": f"{NAMES[2]} {number}"},
                    **{"city": "Hof", "postalCode": "95028", "countryCode": "DE"},
                    "phone": NAMES[3],
                }
            },
        )
        for number in range(count)
    ]
    ids = list(
        Intake(sessions, a_vault(), Timing()).store(ACCOUNT, account, channel, raws, NOW).new
    )
    for order_id in ids:
        Corrections(sessions, a_vault(), parse_report, signed()).correct(
            order_id, {"line1": f"{NAMES[4]} {order_id}"}
        )
    with sessions() as session, session.begin():
        for order in session.query(Order):
            order.status, order.due_at = Status.DONE, None
            order.deliver_by_at = NOW - timedelta(days=30)
    return ids


def analyze(sessions: Sessions) -> None:
    with sessions() as session:
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"}).execute(
            text("ANALYZE")
        )


def found(sessions: Sessions) -> list[str]:
    """The names that an attacker reads; each is checked with its plainest part."""
    told = read_back(sessions, a_vault())
    return [name for name in NAMES if name in told]


def test_a_purge_leaves_nothing_that_the_master_key_opens(sessions: Sessions) -> None:
    taken_in(sessions, 35)
    analyze(sessions)
    assert found(sessions) == list(NAMES)
    assert Purging(sessions, NOW, 30).run() == 35
    assert found(sessions) == []


def test_no_column_that_is_to_be_destroyed_is_sampled(sessions: Sessions) -> None:
    taken_in(sessions, 35)
    analyze(sessions)
    with sessions() as session:
        assert sampled(session) == []


def test_every_column_of_sealed_data_is_kept_out_of_the_statistics() -> None:
    """A new column of bytes is sealed data, and needs `info=UNSAMPLED` and a migration.

    All but digests and hashes, which open nothing.
    """
    sealed = {
        (table.name, column.name)
        for table in METADATA.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary) and not column.name.endswith(("digest", "hash"))
    }
    assert sealed
    assert sealed - set(unsampled()) == set()
    private = OrderPrivate.__table__.columns.keys()
    assert {name for table, name in unsampled() if table == "order_private"} == {*private} - {
        "order_id",
        "report_asked_at",
    }


@pytest.mark.parametrize(("table", "column"), [("order_private", "sealed"), ("notes", "text")])
def test_a_column_that_is_sampled_is_named(own_database_url: str, table: str, column: str) -> None:
    sessions = db.sessions_for(db.engine_for(own_database_url))
    with sessions() as session, session.begin():
        session.execute(text(f"ALTER TABLE {table} ALTER {column} SET STATISTICS -1"))
    with sessions() as session:
        assert sampled(session) == [f"{table}.{column}"]


def test_statistics_that_were_there_are_named_although_none_are_added(
    own_database_url: str,
) -> None:
    sessions = db.sessions_for(db.engine_for(own_database_url))
    with sessions() as session, session.begin():
        session.execute(text("ALTER TABLE order_private ALTER wrapped_key SET STATISTICS -1"))
    taken_in(sessions, 5)
    analyze(sessions)
    with sessions() as session, session.begin():
        session.execute(text("ALTER TABLE order_private ALTER wrapped_key SET STATISTICS 0"))
    with sessions() as session:
        assert sampled(session) == ["order_private.wrapped_key"]


def test_the_migration_takes_away_what_was_sampled_before(own_database_url: str) -> None:
    sessions = db.sessions_for(db.engine_for(own_database_url))
    taken_in(sessions, 35)
    command.downgrade(db.alembic_config(own_database_url), BEFORE_IT)
    analyze(sessions)
    with sessions() as session, session.begin():
        session.execute(text("UPDATE order_private SET wrapped_key = NULL, sealed = NULL"))
        session.execute(text("UPDATE order_private SET correction = NULL, buyer_words = '{}'"))
    assert found(sessions) != []  # by the keys and the values among the statistics

    db.migrate(own_database_url)
    assert found(sessions) == []
    with sessions() as session:
        assert sampled(session) == []


def test_the_migration_leaves_no_text_that_may_quote_the_buyer(own_database_url: str) -> None:
    sessions = db.sessions_for(db.engine_for(own_database_url))
    [order_id] = taken_in(sessions, 1)
    command.downgrade(db.alembic_config(own_database_url), "0019")
    said = "Zacharias Quandt of Nebelgasse"
    with sessions() as session, session.begin():
        for statement in WORDS_OF_BEFORE:
            session.execute(text(statement), {"id": order_id, "said": said, "now": NOW})
    analyze(sessions)
    with sessions() as session, session.begin():
        session.execute(text("DELETE FROM order_private"))
    assert found(sessions) != []

    db.migrate(own_database_url)
    assert found(sessions) == []
    with sessions() as session:
        texts = session.scalars(text("SELECT text FROM notes ORDER BY id")).all()
        held = session.execute(text("SELECT hold_code, hold_reason, hold_facts FROM orders")).one()
    assert texts == [
        "corrected the shipping address: line1",
        "wrote a note, removed by an upgrade",
        "dismissed it",
        "destroyed the buyer's data on demand",
        "released",
        "asked Amazon to cancel it: NoInventory",
        "corrected the shipping address: line1, city",
    ]
    assert held == ("order_refused", "removed by an upgrade", {"skus": "MUG"})


@dataclass(frozen=True)
class Roles:
    """A database whose tables belong to another role than the application's."""

    owner: Sessions
    application: Sessions


@pytest.fixture
def roles(own_database_url: str) -> Iterator[Roles]:
    name = make_url(own_database_url).database
    application = f"app_of_{name}"
    admin = make_url(own_database_url).set(drivername="postgresql")
    with psycopg.connect(admin.render_as_string(hide_password=False), autocommit=True) as server:
        server.execute(f"CREATE ROLE {application} LOGIN PASSWORD 'x'".encode())
        server.execute(
            f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {application}".encode()
        )
        url = make_url(own_database_url).set(username=application, password="x")
        engine = db.engine_for(url.render_as_string(hide_password=False))
        yield Roles(db.sessions_for(db.engine_for(own_database_url)), db.sessions_for(engine))
        engine.dispose()
        server.execute(f"DROP OWNED BY {application}; DROP ROLE {application}".encode())


def test_the_owner_takes_old_rows_away(roles: Roles) -> None:
    with roles.owner() as session, session.begin():
        session.execute(text("ALTER TABLE order_private SET (autovacuum_enabled = off)"))
    taken_in(roles.owner, 5)
    Purging(roles.owner, NOW, 30).run()
    counted = text(
        "SELECT vacuum_count, n_dead_tup FROM pg_stat_user_tables WHERE relname = 'order_private'"
    )
    assert vacuum(roles.owner)
    with roles.owner() as session:
        assert session.execute(counted).one() == (1, 0)
        limit = session.scalar(text("SELECT current_setting('statement_timeout')"))
    assert limit == "30s"


def test_a_role_without_the_right_leaves_it_to_autovacuum(roles: Roles) -> None:
    assert not vacuum(roles.application)
    with roles.owner() as session, session.begin():
        options = session.scalar(
            text("SELECT reloptions FROM pg_class WHERE relname = 'order_private'")
        )
    assert options == ["autovacuum_vacuum_threshold=100", "autovacuum_vacuum_scale_factor=0"]


def test_a_role_may_get_the_right(roles: Roles) -> None:
    with roles.owner() as session, session.begin():
        if (session.connection().dialect.server_version_info or (0,)) < (17,):
            pytest.skip("PostgreSQL 17 is the first with this right")
        application = session.scalar(text("SELECT 'app_of_' || current_database()"))
        session.execute(text(f"GRANT MAINTAIN ON order_private, order_words TO {application}"))
    assert vacuum(roles.application)
