"""pgbouncer in transaction mode: nothing of a session lasts longer than a transaction.

Each transaction may run on another connection to PostgreSQL. So its settings are set anew within
it, and no statement is prepared. pgbouncer also keeps our connections open through a restore or a
failover of the database, so each transaction compares the database's identity.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Engine, event

from pipeline.base import database_restores

ARGUMENTS: Mapping[str, None] = {"prepare_threshold": None}
"""psycopg's arguments for a connection whose statements are never prepared."""
_OPTION = "orderbridge_transaction_pooling"
_KNOWN = "identity of the database"


def is_installed(engine: Engine) -> bool:
    """Whether the engine's transactions go through pgbouncer in transaction mode."""
    return bool(engine.get_execution_options().get(_OPTION))


def install(engine: Engine, session: Mapping[str, str]) -> None:
    """Begin each transaction with these settings, after a look for a restore."""
    settings = ", ".join(
        f"set_config('{name}', '{value}', true)" for name, value in session.items()
    )
    begin = f"SELECT identity, {settings} FROM ({database_restores.IDENTITY}) AS now"  # noqa: S608 - our text

    engine.update_execution_options(**{_OPTION: True})

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        while (identity := connection.exec_driver_sql(begin).scalar()) != connection.info.get(
            _KNOWN
        ):
            database_restores.compare(connection.connection.dbapi_connection)  # ends a transaction
            connection.info[_KNOWN] = identity
