"""Whether this database still is what it was, or was set back to an earlier time.

A database that was restored has forgotten what was done at the remotes since. PostgreSQL itself
tells: recovery to a point in time and failover begin a new timeline, another server has another
system identifier, and a dump that is read in makes its tables anew. Each of these begins a life.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from pipeline.base.tables import DatabaseLife

# A standby answers queries and takes no rows; nobody works on one.
_IS_KEPT = "SELECT to_regclass('database_lives') IS NOT NULL AND NOT pg_is_in_recovery()"
# The timeline is that of the log being written: the control file's lags behind a failover.
_NOTE = """
INSERT INTO database_lives (identity, began_at)
SELECT identity, clock_timestamp()
FROM (
    SELECT concat_ws(
        '/',
        system_identifier,
        left(pg_walfile_name(pg_current_wal_lsn()), 8),
        to_regclass('effects')::oid
    ) AS identity
    FROM pg_control_system()
) AS now
WHERE identity IS DISTINCT FROM (
    SELECT identity FROM database_lives WHERE identity <> '' ORDER BY id DESC LIMIT 1
)
"""


def watch(engine: Engine) -> None:
    """Have every new connection compare: a restore drops the old ones, in every process."""
    event.listen(engine, "connect", _compare)


def _compare(connection: Any, _: object) -> None:
    with connection.cursor() as cursor:
        if cursor.execute(_IS_KEPT).fetchone()[0]:
            cursor.execute(_NOTE)
    connection.commit()


def began_at(session: Session) -> datetime | None:
    """When the present life began; None when nothing was ever noted."""
    return session.scalar(select(DatabaseLife.began_at).order_by(DatabaseLife.id.desc()).limit(1))


def begin(session: Session, now: datetime) -> None:
    """Begin a life by hand, for a restore that leaves no mark, such as a disk's snapshot."""
    session.add(DatabaseLife(identity="", began_at=now))
