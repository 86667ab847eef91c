"""PostgreSQL with TLS, and pgbouncer: Debian's, each run by an account that it accepts."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from devstack.paths import kept_port, write_private
from devstack.place import ENVIRONMENT, Account, find_place, run_as
from devstack.supervisor import Process, Supervisor
from tests.devstack.waiting import until
from tests.servers import certificates
from tests.servers.certificates import Certificates
from tests.servers.programs import debians

USER, PASSWORD = "orderbridge", "password-of-the-database"


class TlsPostgres:
    """Debian's PostgreSQL, which lets nobody in without TLS."""

    def __init__(self, supervisor: Supervisor, home: Path) -> None:
        self._initdb = debians("initdb", "postgresql")
        self._home, self._supervisor = home, supervisor
        self._place = find_place(home)
        self._data = self._place.folder / "data"
        self.port = kept_port(home / "postgres.port", lambda _: False)
        self.files: Certificates = certificates.make(home, self._place.account)

    def start(self) -> None:
        """Make the cluster and start it."""
        account = self._place.account
        word = self._home / "word"
        write_private(word, PASSWORD)
        _give(word, account)
        done = run_as(
            account,
            *(self._initdb, "--pgdata", str(self._data), "--username", USER),
            *("--pwfile", str(word), "--auth", "scram-sha-256", "--encoding", "UTF8"),
            "--no-locale",
        )
        assert done.returncode == 0, done.stderr
        access = self._data / "pg_hba.conf"
        access.write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n", encoding="utf-8")
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "ssl": "on",
            "ssl_cert_file": str(self.files.certificate),
            "ssl_key_file": str(self.files.key),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._supervisor.start(
            Process(
                name="postgres",
                argv=(
                    str(Path(self._initdb).with_name("postgres")),
                    *("-D", str(self._data), "-p", str(self.port), *options),
                ),
                env=ENVIRONMENT,
                cwd=Path("/"),
                uid=account.uid if account else None,
                gid=account.gid if account else None,
                stop_signal=signal.SIGINT,
                orphan_signal=signal.SIGQUIT,
            )
        )
        until(lambda: _answers(self.url()), "PostgreSQL answers")

    def url(self, **options: str) -> str:
        """Its URL with these parameters."""
        plain = f"postgresql+psycopg://{USER}:{PASSWORD}@localhost:{self.port}/postgres"
        return make_url(plain).update_query_dict(options).render_as_string(hide_password=False)


def pgbouncer(
    supervisor: Supervisor, home: Path, database_url: str, *lines: str, pool_size: int = 2
) -> str:
    """Start pgbouncer in transaction mode before this database's server; its URL for the database.

    With two connections to PostgreSQL, those who use it get each other's.
    """
    program = debians("pgbouncer", "pgbouncer")
    server = make_url(database_url)
    port = kept_port(home / "pgbouncer.port", lambda _: False)
    account = find_place(home).account
    users, configuration = home / "pgbouncer.users", home / "pgbouncer.ini"
    write_private(users, f'"{server.username}" "{server.password}"\n')
    usual = (
        "[databases]",
        f"* = host={server.host} port={server.port}",
        "[pgbouncer]",
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =",
        f"auth_type = scram-sha-256\nauth_file = {users}",
        f"pool_mode = transaction\ndefault_pool_size = {pool_size}\nmax_client_conn = 200",
    )
    write_private(configuration, "\n".join((*usual, *lines)) + "\n")
    for file in (users, configuration):
        _give(file, account)
    supervisor.start(
        Process(
            name="pgbouncer",
            argv=(program, str(configuration)),
            env=ENVIRONMENT,
            cwd=Path("/"),
            uid=account.uid if account else None,
            gid=account.gid if account else None,
            stop_signal=signal.SIGINT,
        )
    )
    url = server.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
    until(lambda: _answers(url), "pgbouncer answers")
    return url


def _answers(url: str) -> bool:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        psycopg.connect(plain, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _give(file: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(file, account.uid, account.gid)
