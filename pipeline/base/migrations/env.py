"""Alembic's entry: an advisory lock around all migrations, and time-outs against blocking.

Lock and time-outs belong to the transaction, so that none is left behind on a pooled connection.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool, text

from pipeline.base import db, transaction_pooling

MIGRATION_LOCK = 7_204_251_906


def run() -> None:
    """Run the missing migrations, in a single transaction under the lock."""
    # Without a pool, so that a migration that fails leaves no connection either.
    server, _ = db.address(context.config.attributes["url"])
    engine = create_engine(
        server, poolclass=pool.NullPool, connect_args=transaction_pooling.ARGUMENTS
    )
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '30s'"))
        connection.execute(text("SET LOCAL statement_timeout = '10min'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        context.configure(connection=connection)
        context.run_migrations()


run()
