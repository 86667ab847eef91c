"""The database: an engine per process, short sessions, migrations under a shared lock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from pipeline.base import database_restores, transaction_pooling

Sessions = Callable[[], Session]
SESSION = {
    "timezone": "utc",
    "statement_timeout": "30000",
    "lock_timeout": "10000",
    "idle_in_transaction_session_timeout": "60000",
}
_OPTIONS = " ".join(f"-c {name}={value}" for name, value in SESSION.items())


def engine_for(url: str, pool_size: int = 20) -> Engine:
    """An engine whose statements time out, so that none blocks a worker for ever."""
    server, is_pooled = address(url)
    engine = create_engine(
        server,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,  # an error's text must not quote the row it was about
        connect_args={
            **(transaction_pooling.ARGUMENTS if is_pooled else {"options": _OPTIONS}),
            "application_name": "orderbridge",
            "connect_timeout": 5,
        },
    )
    if is_pooled:
        transaction_pooling.install(engine, SESSION)
    else:
        database_restores.watch(engine)
    return engine


def address(url: str) -> tuple[URL, bool]:
    """The server of a URL, and whether it is pgbouncer in transaction mode (`?pgbouncer=true`).

    Raises ArgumentError.
    """
    named = make_url(url)
    is_pooled = named.query.get("pgbouncer", "false")
    if is_pooled not in ("true", "false"):
        raise ArgumentError("pgbouncer must be true or false")
    return named.difference_update_query(["pgbouncer"]), is_pooled == "true"


def reason(error: DBAPIError) -> str:
    """Why the database refused, in its own words; its later lines may quote a row."""
    told = str(error.orig).strip().splitlines()[0]
    if "unsupported startup parameter" in told:
        return f"{told}. For pgbouncer add ?pgbouncer=true to ORDERBRIDGE_DATABASE_URL"
    return told


def sessions_for(engine: Engine) -> Sessions:
    """A factory of sessions. Objects keep their values after commit: steps use them detached."""
    return sessionmaker(engine, expire_on_commit=False)


def alembic_config(url: str) -> Config:
    """Alembic's configuration, built in code so that no ini file has to match it."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = url
    return config


def migrate(url: str, revision: str = "head") -> None:
    """Bring the schema to `revision`. Safe to run twice at once: the second run waits."""
    command.upgrade(alembic_config(url), revision)
