"""Alembic's entry: one advisory lock for all migrations, and time-outs against blocking."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, text

from pipeline.bookkeeping import Incident
from pipeline.bulk_tables import BulkAct  # noqa: F401 - its tables are looked at too
from pipeline.operating_tables import Belonging  # noqa: F401 - its tables are looked at too
from pipeline.people_tables import PersonRecord  # noqa: F401 - its tables are looked at too
from pipeline.sku_tables import MappedSku  # noqa: F401 - its table is looked at too
from pipeline.turned_table import TurnedSetting  # noqa: F401 - its table is looked at too
from pipeline.wish_table import ShipmentWish  # noqa: F401 - its table is looked at too

MIGRATION_LOCK = 7_204_251_906


def run() -> None:
    """Run what is missing, in one transaction under the lock."""
    engine = create_engine(context.config.attributes["url"])
    with engine.connect() as connection:
        connection.execute(text("SET lock_timeout = '30s'"))
        connection.execute(text("SET statement_timeout = '10min'"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        context.configure(connection=connection, target_metadata=Incident.metadata)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
