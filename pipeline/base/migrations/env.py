"""Alembic's entry: an advisory lock around all migrations, and time-outs against blocking."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool, text

MIGRATION_LOCK = 7_204_251_906


def run() -> None:
    """Run the missing migrations, in a single transaction under the lock."""
    # Without a pool, so that a migration that fails leaves no connection either.
    engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text("SET lock_timeout = '30s'"))
        connection.execute(text("SET statement_timeout = '10min'"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()


run()
