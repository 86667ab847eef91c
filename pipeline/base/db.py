"""The database: an engine per process, short sessions, migrations under a shared lock."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from pipeline.base import database_restores, transaction_pooling
from pipeline.base.clock import elapsed
from pipeline.base.this_machine import is_this_machine

if TYPE_CHECKING:
    from alembic.config import Config

Sessions = Callable[[], Session]
SESSION = {
    "timezone": "utc",
    "statement_timeout": "30000",
    "lock_timeout": "10000",
    "idle_in_transaction_session_timeout": "60000",
}
_ARGUMENTS: Mapping[str, Any] = {
    "options": " ".join(f"-c {name}={value}" for name, value in SESSION.items()),
    # A statement is prepared when it comes back: to plan a claim takes longer than to run it.
    "prepare_threshold": 1,
}

_ENCRYPTED = ("require", "verify-ca", "verify-full")
"""The values of `sslmode` with which libpq never falls back to a connection in clear."""

_TESTED_AFTER_S = 30.0
"""A connection that was idle for so long is tested by a statement, since a network may have lost
it without a sign."""


@cache
def engine_for(url: str, pool_size: int = 20) -> Engine:
    """The process's engine for a database. Its statements time out, so that none blocks a worker
    for ever; once disposed, it connects anew."""
    server, is_pooled = address(url)
    engine = create_engine(
        server,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_use_lifo=True,  # the same few connections are used, and their statements prepared
        hide_parameters=True,  # an error's text must not quote the row it was about
        connect_args={
            **(transaction_pooling.ARGUMENTS if is_pooled else _ARGUMENTS),
            "application_name": "orderbridge",
            "connect_timeout": 5,
            # A network may lose a connection without a sign; TCP alone waits a quarter of an hour.
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
        },
    )
    if is_pooled:
        transaction_pooling.install(engine, SESSION)
    else:
        database_restores.watch(engine)
    _test_before_use(engine)
    return engine


def _test_before_use(engine: Engine) -> None:
    """Replace connections that broke while they were idle, before they are used.

    A server that went away has closed the connection, which the socket shows without a round trip;
    a statement is sent only where that is unclear.
    """

    def note_use(connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = elapsed()

    def test(connection: Any, record: ConnectionPoolEntry, _: object) -> None:
        used_at = record.info.get("used_at")
        if used_at is None:
            return  # it was opened a moment ago
        if not may_be_lost(connection, used_at):
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error as error:
            raise InvalidatePoolError("the connection broke while it was idle") from error

    event.listen(engine, "checkin", note_use)
    event.listen(engine, "checkout", test)


def may_be_lost(connection: Any, used_at: float) -> bool:
    """Whether a connection that was idle since then may be broken: only a statement can tell."""
    return elapsed() - used_at >= _TESTED_AFTER_S or not _is_quiet(connection)


def _is_quiet(connection: Any) -> bool:
    """Whether nothing has come on the connection: neither its end nor a notice."""
    if connection.closed:
        return False
    poll = select.poll()  # select() itself takes no file number above 1023
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


def address(url: str) -> tuple[URL, bool]:
    """The server of a URL, and whether it is pgbouncer in transaction mode (`?pgbouncer=true`).

    Raises ArgumentError.
    """
    named = make_url(url)
    is_pooled = named.query.get("pgbouncer", "false")
    if is_pooled not in ("true", "false"):
        raise ArgumentError("pgbouncer must be true or false")
    return named.difference_update_query(["pgbouncer"]), is_pooled == "true"


def is_in_clear(url: str) -> bool:
    """Whether what goes to the database may cross a network unencrypted. Raises ArgumentError.

    As in libpq, a variable such as PGHOST counts where the URL says nothing, and no host is a
    socket of this machine.
    """
    server, _ = address(url)
    if server.get_backend_name() != "postgresql":
        raise ArgumentError("this is no PostgreSQL")
    named = server.get_dialect()().create_connect_args(server)[1]

    def told(parameter: str) -> str:
        return str(named.get(parameter) or os.environ.get(f"PG{parameter.upper()}", ""))

    if told("sslmode") in _ENCRYPTED:
        return False
    hosts = (told("hostaddr") or told("host")).split(",")
    return not all(host[:1] in ("", "/", "@") or is_this_machine(host) for host in hosts)


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


def is_migrated(url: str) -> bool:
    """Whether the tables are of this version, or of a newer one that this version does not know."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(alembic_config(url))
    engine = create_engine(address(url)[0], poolclass=NullPool)
    with engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    return revision is not None and (
        revision == scripts.get_current_head() or revision not in known
    )
