"""Notices that the database was restored to an earlier time.

A restored database lacks the newest writes to the remotes. PostgreSQL shows the restore: recovery
to a point in time and failover begin a new timeline, another server has another system identifier,
and loading a dump creates the tables anew. Each of these adds a row.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from pipeline.base.tables import DatabaseRestore

# A standby answers queries but accepts no rows, and no worker uses a standby.
_HAS_TABLE = "SELECT to_regclass('database_restores') IS NOT NULL AND NOT pg_is_in_recovery()"
# The timeline is read from the current log, since the control file lags behind a failover.
IDENTITY = """
SELECT CASE WHEN pg_is_in_recovery() THEN '' ELSE concat_ws(
    '/',
    system_identifier,
    left(pg_walfile_name(pg_current_wal_lsn()), 8),
    to_regclass('effects')::oid
) END AS identity
FROM pg_control_system()
"""
"""A query for what tells this life of the database from others."""
_ADD_IF_NEW = f"""
INSERT INTO database_restores (identity, noticed_at)
SELECT identity, clock_timestamp()
FROM ({IDENTITY}) AS now
WHERE identity IS DISTINCT FROM (
    SELECT identity FROM database_restores WHERE identity <> '' ORDER BY id DESC LIMIT 1
)
"""  # noqa: S608 - of our own text


def watch(engine: Engine) -> None:
    """Check for a restore on every new connection: a restore drops all old connections."""
    event.listen(engine, "connect", lambda connection, _: compare(connection))


def compare(connection: Any) -> None:
    """Record a restore that no connection has recorded yet. `connection` is the driver's own."""
    with connection.cursor() as cursor:
        if cursor.execute(_HAS_TABLE).fetchone()[0]:
            cursor.execute(_ADD_IF_NEW)
    connection.commit()


def last_noticed_at(session: Session) -> datetime | None:
    """When the last restore was noticed, or the first use; None when neither was recorded."""
    newest_first = select(DatabaseRestore.noticed_at).order_by(DatabaseRestore.id.desc())
    return session.scalar(newest_first.limit(1))


def report(session: Session, now: datetime) -> None:
    """Record a restore that leaves no trace, such as that of a disk's snapshot."""
    session.add(DatabaseRestore(identity="", noticed_at=now))
