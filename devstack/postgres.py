"""PostgreSQL 18 out of a wheel, on loopback, with its data in the stack's home.

The wheel's own Python class is left alone: as root it opens up every folder above its data. Here
the binaries are started directly, and no folder that was there before changes its mode.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql

from devstack.paths import PROJECT, kept_port, kept_secret, make_folder, write_private
from devstack.place import ENVIRONMENT, Place, find_place, run_as
from devstack.supervisor import Process

USER = "orderbridge"
DATABASE = "orderbridge"
ROLES = ("owner", "app")
"""The tables' owner, for migrations, and the application, which reads and writes rows."""
ROLES_FILE = PROJECT / "deploy" / "postgres" / "roles.sql"
MOVED_CLOCK = "moved_clock"
"""The schema of functions that stand before PostgreSQL's own, for a time that was moved."""
POLL_S = 0.05

# Durability stays as PostgreSQL ships it: fsync and synchronous_commit are on. Details and
# statements stay out of the log, because they quote rows.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}


def external() -> str | None:
    """`ORDERBRIDGE_DATABASE_URL`: the server to use instead of one of our own."""
    return os.environ.get("ORDERBRIDGE_DATABASE_URL") or None


class Postgres:
    """One server for one home. `prepare` it, have `command` supervised, then `wait_ready`."""

    def __init__(self, home: Path) -> None:
        self._home = home.resolve()
        self._port_file = self._home / "postgres.port"
        self._password_file = self._home / "postgres.password"
        self._place: Place | None = None

    def prepare(self) -> None:
        """Make the cluster if there is none yet. Raises RuntimeError with initdb's own words."""
        if self._place is not None:
            return
        make_folder(self._home, 0o711)
        place = find_place(self._home)
        if not (place.folder / "data").exists():
            self._make_cluster(place)
        elif not self._password_file.exists():
            raise RuntimeError(
                f"{place.folder} holds a database whose password was in {self._password_file},"
                " which is gone: put that file back, or remove the folder to begin anew"
            )
        kept_port(self._port_file, self._is_ours)
        self._place = place

    @property
    def folder(self) -> Path:
        """Where the cluster lies: in the home, or outside when PostgreSQL may not enter there."""
        return self._prepared().folder

    def command(self) -> Process:
        """The server as a process to supervise; SIGINT ends it without waiting for its clients."""
        place = self._prepared()
        options = [part for key, value in SETTINGS.items() for part in ("-c", f"{key}={value}")]
        return Process(
            name="postgres",
            argv=(
                str(place.binaries / "postgres"),
                *("-D", str(place.folder / "data")),
                *("-p", str(self._port())),
                *options,
            ),
            env=ENVIRONMENT,
            cwd=Path("/"),
            uid=place.account.uid if place.account else None,
            gid=place.account.gid if place.account else None,
            grace_s=20.0,
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGQUIT,
        )

    def url(self, database: str = DATABASE) -> str:
        """The SQLAlchemy URL of a database for its superuser, password included."""
        password = self._password_file.read_text(encoding="utf-8")
        return f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{self._port()}/{database}"

    def url_of(self, role: str) -> str:
        """The URL of Orderbridge's database for one of its ROLES."""
        password = self._password_of(role)
        return f"postgresql+psycopg://orderbridge_{role}:{password}@127.0.0.1:{self._port()}/{DATABASE}"

    def make_roles(self) -> None:
        """Make the tables' owner and the application's role, by the same file as elsewhere."""
        passwords = {f"POSTGRES_{role.upper()}_PASSWORD": self._password_of(role) for role in ROLES}
        made = subprocess.run(  # noqa: S603 - the server's own program
            (
                *(str(self._prepared().binaries / "psql"), "--no-psqlrc", "--quiet"),
                *("--host=127.0.0.1", f"--port={self._port()}", f"--username={USER}"),
                *(f"--dbname={DATABASE}", f"--file={ROLES_FILE}"),
            ),
            env={
                **ENVIRONMENT,
                **passwords,
                "PGPASSWORD": self._password_file.read_text(encoding="utf-8"),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if made.returncode != 0:
            raise RuntimeError(f"the database's roles cannot be made: {made.stderr.strip()}")

    def wait_ready(self, timeout_s: float = 30.0) -> None:
        """Return once the server answers queries. Raises TimeoutError with its last refusal."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._connect().close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"PostgreSQL is not ready: {error}") from error
                time.sleep(POLL_S)
            else:
                return

    def create_database(self, name: str = DATABASE) -> None:
        """Create a database of this name unless there is one."""
        with self._connect() as connection:
            connection.autocommit = True
            existing = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if existing.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def move_clock(self, offset_s: float) -> None:
        """Have the application's new connections see another time; those of before do not.

        PostgreSQL's own functions of the time are found after those of another schema.
        """
        schema, role = sql.Identifier(MOVED_CLOCK), sql.Identifier("orderbridge_app")
        statements = [sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema)]
        for function in ("clock_timestamp", "now"):
            statements.append(
                sql.SQL(
                    "CREATE OR REPLACE FUNCTION {}.{}() RETURNS timestamptz LANGUAGE sql RETURN"
                    " pg_catalog.{}() + make_interval(secs => {})"
                ).format(
                    schema,
                    *[sql.Identifier(function)] * 2,
                    sql.Literal(offset_s),
                )
            )
        statements += [
            sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, role),
            sql.SQL("ALTER ROLE {} IN DATABASE {} SET search_path = {}, pg_catalog, public").format(
                role, sql.Identifier(DATABASE), schema
            ),
        ]
        with self._connect(database=DATABASE) as connection:
            for statement in statements:
                connection.execute(statement)

    def _password_of(self, role: str) -> str:
        return kept_secret(self._home / f"postgres.{role}.password")

    def _connect(
        self, port: int | None = None, database: str = "postgres"
    ) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1",
            port=port or self._port(),
            user=USER,
            password=self._password_file.read_text(encoding="utf-8"),
            dbname=database,
            connect_timeout=5,
        )

    def _is_ours(self, port: int) -> bool:
        try:
            self._connect(port).close()
        except psycopg.OperationalError:
            return False
        return True

    def _port(self) -> int:
        return int(self._port_file.read_text(encoding="utf-8"))

    def _prepared(self) -> Place:
        if self._place is None:
            raise RuntimeError("prepare() comes first")
        return self._place

    def _make_cluster(self, place: Place) -> None:
        # initdb works beside the final name: a folder called `data` is always a whole cluster.
        unfinished = place.folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        password = place.folder / "password"
        password.unlink(missing_ok=True)
        write_private(password, kept_secret(self._password_file))
        if place.account:
            os.chown(password, place.account.uid, place.account.gid, follow_symlinks=False)
        try:
            done = run_as(
                place.account,
                str(place.binaries / "initdb"),
                *("--pgdata", str(unfinished)),
                *("--username", USER, "--pwfile", str(password), "--auth", "scram-sha-256"),
                *("--encoding", "UTF8", "--no-locale", "--no-instructions"),
            )
        finally:
            password.unlink(missing_ok=True)
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed: {done.stderr.strip()}")
        unfinished.rename(place.folder / "data")
