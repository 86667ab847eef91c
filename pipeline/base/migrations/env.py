"""Alembic's entry: one advisory lock for all migrations, and time-outs against blocking."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, text

from pipeline.access.tables import PersonRecord  # noqa: F401 - its tables are looked at too
from pipeline.base.tables import Incident
from pipeline.monitoring.tables import Belonging  # noqa: F401 - its tables are looked at too
from pipeline.operations.acts.tables import BulkAct  # noqa: F401 - its tables are looked at too
from pipeline.orders.requested_shipment_table import ShipmentWish  # noqa: F401 - its table is looked at too
from pipeline.products.tables import MappedSku  # noqa: F401 - its table is looked at too
from pipeline.settings.tables import TurnedSetting  # noqa: F401 - its table is looked at too

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
