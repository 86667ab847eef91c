"""The database: an engine per process, short sessions, migrations under a shared lock."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

from pipeline.base import database_restores

if TYPE_CHECKING:
    from alembic.config import Config

Sessions = Callable[[], Session]


@cache
def engine_for(url: str, pool_size: int = 20) -> Engine:
    """The process's engine for a database. Its statements time out, so that none blocks a worker
    for ever; once disposed, it connects anew."""
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,  # an error's text must not quote the row it was about
        connect_args={
            "options": "-c timezone=utc -c statement_timeout=30000 -c lock_timeout=10000"
            " -c idle_in_transaction_session_timeout=60000",
            "application_name": "orderbridge",
            "connect_timeout": 5,
        },
    )
    database_restores.watch(engine)
    return engine


def sessions_for(engine: Engine) -> Sessions:
    """A factory of sessions. Objects keep their values after commit: steps use them detached."""
    return sessionmaker(engine, expire_on_commit=False)


def alembic_config(url: str) -> Config:
    """Alembic's configuration, built in code so that no ini file has to match it."""
    # Imported where it is needed: a worker starts a tenth sooner without it.
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = url
    return config


def migrate(url: str, revision: str = "head") -> None:
    """Bring the schema to `revision`. Safe to run twice at once: the second run waits."""
    from alembic import command

    command.upgrade(alembic_config(url), revision)
