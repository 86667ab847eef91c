"""A database that many tests share, emptied before each by one round trip of some milliseconds."""

from __future__ import annotations

from types import TracebackType
from typing import LiteralString

import psycopg
from sqlalchemy.engine import make_url

from pipeline.base.db import Sessions
from tests.tables import METADATA

# Without the row of its first use, the next connection would take the database for a restored one;
# the restores that a test reported are taken out.
_RESTORES = "database_restores"
# Its trigger refuses to delete a row, whoever asks.
_SECURITY_LOG = "security_log"
_EMPTY_SECURITY_LOG = """
    DO $$ BEGIN
        IF EXISTS (SELECT FROM security_log) THEN
            ALTER TABLE security_log DISABLE TRIGGER security_log_is_append_only;
            DELETE FROM security_log;
            ALTER TABLE security_log ENABLE ALWAYS TRIGGER security_log_is_append_only;
        END IF;
    END $$
"""
# A test that was broken off leaves its statement or its transaction open, and with it its locks.
_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
      AND backend_type = 'client backend'
"""


class Emptied:
    """A migrated database, and the connection that empties it.

    Numbers begin at 1 again, as in a new database.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._statements = "; ".join([_END_OTHERS, *_statements()])
        self._connection = self._connect()

    def __enter__(self) -> Emptied:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def empty(self) -> None:
        """Take out every row but that of the database's first use."""
        try:
            self._connection.execute(self._statements)
        except psycopg.OperationalError:
            # A test has ended every connection of the database.
            self._connection.close()
            self._connection = self._connect()
            self._connection.execute(self._statements)

    def _connect(self) -> psycopg.Connection:
        plain = make_url(self.url).set(drivername="postgresql")
        connection = psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True)
        connection.execute("SET lock_timeout = '10s'")
        return connection


def empty(sessions: Sessions) -> None:
    """The same for a database that is reached by sessions alone; its numbers go on, so that kept
    rows can be put back."""
    with sessions() as session, session.begin():
        session.connection().exec_driver_sql("; ".join(_statements()[:-1]))


def _statements() -> list[LiteralString]:
    apart = (_RESTORES, _SECURITY_LOG)
    tables = [table for table in reversed(METADATA.sorted_tables) if table.name not in apart]
    numbered = [
        f"setval(pg_get_serial_sequence('{table.name}', '{column.name}'), 1, false)"
        for table in tables
        for column in table.columns
        if column.identity is not None
    ]
    deletes = [f'DELETE FROM "{table.name}"' for table in tables]  # noqa: S608 - names of our own
    restores = f"DELETE FROM {_RESTORES} WHERE id > (SELECT min(id) FROM {_RESTORES})"  # noqa: S608
    return [*deletes, _EMPTY_SECURITY_LOG, restores, f"SELECT {', '.join(numbered)}"]
