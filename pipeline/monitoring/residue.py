"""What PostgreSQL keeps of data that was destroyed: samples in its statistics, old rows.

See docs/decisions/0070.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.log import log
from pipeline.base.tables import Base
from pipeline.base.transaction_pooling import is_installed
from pipeline.orders.tables import OrderPrivate
from pipeline.orders.words_table import OrderWords

VACUUM_TIMEOUT = "5min"
_DESTROYED = (OrderPrivate.__tablename__, OrderWords.__tablename__)
_VACUUM = f"VACUUM (SKIP_LOCKED) {', '.join(_DESTROYED)}"
_SAMPLED = text("""
SELECT table_name || '.' || column_name
FROM unnest(CAST(:tables AS text[]), CAST(:columns AS text[])) AS kept (table_name, column_name)
JOIN pg_class c ON c.oid = to_regclass(table_name)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = column_name
WHERE coalesce(a.attstattarget, -1) <> 0 OR EXISTS (
    SELECT FROM pg_stats s
    WHERE s.schemaname = c.relnamespace::regnamespace::text
        AND s.tablename = table_name AND s.attname = column_name
)
ORDER BY 1
""")
# Owners may vacuum; from PostgreSQL 17 on also roles with the right to it.
_MAY_VACUUM = """
SELECT pg_has_role(c.relowner, 'USAGE') OR pg_has_role(d.datdba, 'USAGE') {more}
FROM pg_class c, pg_database d
WHERE c.oid = to_regclass(:name) AND d.datname = current_database()
"""
_WITH_ITS_RIGHT = "OR has_table_privilege(c.oid, 'MAINTAIN')"


def unsampled() -> list[tuple[str, str]]:
    """Table and name of every column whose values must not be in PostgreSQL's statistics."""
    return [
        (table.name, column.name)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.info.get("unsampled")
    ]


def sampled(session: Session) -> list[str]:
    """The columns among them that ANALYZE samples, or has sampled; none if all is well."""
    tables, columns = zip(*unsampled(), strict=True)
    found = session.scalars(_SAMPLED, {"tables": list(tables), "columns": list(columns)})
    return list(found)


def vacuum(sessions: Sessions) -> bool:
    """Take away the old versions of rows of personal data; False when it is left to PostgreSQL's
    autovacuum, which does so within minutes.

    Versions that a transaction may still see stay until a later vacuum.
    """
    try:
        with sessions() as session:
            connection = session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
            version = connection.dialect.server_version_info or (0,)
            may = text(_MAY_VACUUM.format(more=_WITH_ITS_RIGHT if version >= (17,) else ""))
            if not all(connection.scalar(may, {"name": table}) for table in _DESTROYED):
                return False
            if is_installed(connection.engine):  # its settings hold for a transaction
                connection.execute(text(_VACUUM))
                return True
            connection.execute(text(f"SET statement_timeout = '{VACUUM_TIMEOUT}'"))
            try:
                connection.execute(text(_VACUUM))
            finally:
                connection.execute(text("RESET statement_timeout"))
    except DBAPIError as error:
        log.warning("vacuum.failed", code=type(error.orig).__name__)
        return False
    return True
