from __future__ import annotations

import os
import pwd
import shutil
import stat
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import create_engine, text

from devstack.broker import Broker
from devstack.paths import make_folder, temporary_home
from devstack.place import Account, find_place
from devstack.postgres import Postgres
from devstack.supervisor import Supervisor
from tests.devstack.waiting import until

DAEMON = 1  # an account without privileges that every system has
Stack = tuple[Supervisor, Postgres, Broker]


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def connect(postgres: Postgres, database: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(plain(postgres.url(database)))


def a_value(postgres: Postgres, query: str) -> object:
    with connect(postgres) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def modes_above(folder: Path) -> dict[Path, int]:
    return {parent: stat.S_IMODE(parent.stat().st_mode) for parent in folder.parents}


def lay_a_cluster(home: Path) -> None:
    """As after the first start under an account of its own; what is in it does not matter."""
    data = make_folder(home, 0o711) / "postgres" / "data"
    data.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(data, DAEMON, -1)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("server_encoding", "UTF8"),
        ("lc_ctype", "C"),
        ("max_connections", "200"),
    ],
)
def test_it_is_durable_and_on_loopback_only(stack: Stack, setting: str, value: str) -> None:
    _, postgres, _ = stack
    query = f"SELECT setting FROM pg_settings WHERE name = '{setting}'"  # noqa: S608
    if setting == "lc_ctype":
        query = "SELECT datctype FROM pg_database WHERE datname = current_database()"
    assert a_value(postgres, query) == value


def test_it_is_version_18(stack: Stack) -> None:
    _, postgres, _ = stack
    with connect(postgres) as connection:
        assert connection.info.server_version // 10_000 == 18


def test_the_password_is_asked_for_and_stands_in_no_command_line(stack: Stack) -> None:
    supervisor, postgres, _ = stack
    password = postgres.url().split(":")[2].split("@")[0]
    wrong = plain(postgres.url("postgres")).replace(password, "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    pid = supervisor.pid("postgres")
    assert pid is not None
    assert password not in " ".join(psutil.Process(pid).cmdline())
    assert password not in psutil.Process(pid).environ().values()


def test_a_database_is_created_once(stack: Stack) -> None:
    _, postgres, _ = stack
    for _ in range(2):
        postgres.create_database("twice")
    engine = create_engine(postgres.url("twice"))
    with engine.begin() as connection:
        assert connection.execute(text("SELECT current_database()")).scalar_one() == "twice"
    engine.dispose()


REFUSED = psycopg.errors.InsufficientPrivilege


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        ("COPY (SELECT 'nobody') TO PROGRAM 'cat'", {"owner": REFUSED, "app": REFUSED}),
        ("COPY seen FROM PROGRAM 'echo nobody'", {"owner": REFUSED, "app": REFUSED}),
        ("COPY seen FROM '/etc/hostname'", {"owner": REFUSED, "app": REFUSED}),
        ("CREATE ROLE another", {"owner": REFUSED, "app": REFUSED}),
        ("GRANT pg_execute_server_program TO CURRENT_USER", {"owner": REFUSED, "app": REFUSED}),
        ("CREATE TABLE another (name text)", {"owner": None, "app": REFUSED}),
        ("DROP TABLE seen", {"owner": None, "app": REFUSED}),
        ("INSERT INTO seen VALUES ('Berta')", {"owner": None, "app": None}),
    ],
)
def test_neither_role_of_the_local_stack_reaches_the_server_below_its_tables(
    stack: Stack, statement: str, refused: dict[str, type[psycopg.Error] | None]
) -> None:
    _, postgres, _ = stack
    postgres.create_database()
    for _ in range(2):  # the second start of a stack makes them again
        postgres.make_roles()
    with psycopg.connect(plain(postgres.url_of("owner"))) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS seen (name text)")
    for role, error in refused.items():
        with psycopg.connect(plain(postgres.url_of(role)), autocommit=False) as connection:
            if error is None:
                connection.execute(statement.encode())
            else:
                with pytest.raises(error):
                    connection.execute(statement.encode())
            connection.rollback()


def test_only_the_superuser_may_run_programs_or_make_roles(stack: Stack) -> None:
    _, postgres, _ = stack
    postgres.create_database()
    postgres.make_roles()
    with connect(postgres) as connection:
        roles = connection.execute(
            "SELECT rolname, rolsuper, rolcreaterole, pg_has_role(rolname,"
            " 'pg_execute_server_program', 'MEMBER') FROM pg_roles WHERE rolcanlogin"
        ).fetchall()
    assert {row[0] for row in roles if row[1] or row[2] or row[3]} == {"orderbridge"}


def test_a_killed_server_comes_back_with_what_was_committed(stack: Stack) -> None:
    supervisor, postgres, _ = stack
    with connect(postgres) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    family = supervisor.pids("postgres")
    assert len(family) > 3
    restarts = supervisor.restarts("postgres")
    supervisor.kill("postgres")
    until(lambda: supervisor.restarts("postgres") > restarts, "the restart")
    postgres.wait_ready()
    assert a_value(postgres, "SELECT n FROM kept") == 7
    assert not set(family) & set(supervisor.pids("postgres"))


def test_neither_rows_nor_statements_reach_the_log(stack: Stack) -> None:
    _, postgres, _ = stack
    with connect(postgres) as connection:
        connection.execute("CREATE TABLE quiet (name text UNIQUE)")
        connection.execute("INSERT INTO quiet VALUES ('Canary Lane')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO quiet VALUES ('Canary Lane')")
    log = (postgres.folder.parent / "logs" / "postgres.log").read_text()
    assert "duplicate key value" in log
    assert "Canary" not in log


def test_preparing_again_changes_nothing(stack: Stack) -> None:
    _, postgres, _ = stack
    again = Postgres(postgres.folder.parent)
    again.prepare()
    assert again.url() == postgres.url()


def test_data_outlives_the_stack() -> None:
    with temporary_home() as home:
        for expected in ("CREATE TABLE once (n int)", "DROP TABLE once"):
            supervisor = Supervisor(home)
            try:
                postgres = Postgres(home)
                postgres.prepare()
                supervisor.start(postgres.command())
                postgres.wait_ready()
                with connect(postgres) as connection:
                    connection.execute(expected)
            finally:
                supervisor.stop_all()


def test_a_first_start_that_was_cut_off_is_begun_again() -> None:
    with temporary_home() as home:
        unfinished = home / "postgres" / "unfinished"
        unfinished.mkdir(parents=True)
        (unfinished / "PG_VERSION").write_text("18")
        postgres = Postgres(home)
        postgres.prepare()
        assert sorted(entry.name for entry in postgres.folder.iterdir()) == ["data"]


def test_a_lost_password_is_told_not_replaced() -> None:
    with temporary_home() as home:
        lay_a_cluster(home)
        with pytest.raises(RuntimeError, match="put that file back, or remove the folder"):
            Postgres(home).prepare()


def test_a_server_that_never_answers_is_named(tmp_path: Path) -> None:
    (tmp_path / "postgres.password").write_text("none")
    (tmp_path / "postgres.port").write_text("1")
    with pytest.raises(TimeoutError, match="PostgreSQL is not ready"):
        Postgres(tmp_path).wait_ready(timeout_s=0.1)


def test_asking_before_preparing_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="prepare"):
        Postgres(tmp_path).command()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes accounts")
class TestAsRoot:
    def test_the_server_runs_without_privileges(self, stack: Stack) -> None:
        supervisor, postgres, _ = stack
        owners = {psutil.Process(pid).uids().real for pid in supervisor.pids("postgres")}
        assert owners == {postgres.folder.stat().st_uid}
        assert owners != {0}

    def test_it_runs_as_the_owner_of_the_project(self) -> None:
        with temporary_home() as project:
            os.chown(project, DAEMON, -1)
            home = make_folder(project / ".orderbridge", 0o711)
            place = find_place(home)
            assert place.folder == home / "postgres"
            assert place.account == Account(DAEMON, pwd.getpwuid(DAEMON).pw_gid)
            assert place.folder.stat().st_uid == DAEMON

    def test_behind_a_closed_door_it_runs_elsewhere_and_opens_nothing(self) -> None:
        with temporary_home() as outer:
            project = outer / "closed" / "project"
            project.mkdir(parents=True)
            project.parent.chmod(0o700)
            home = project / ".orderbridge"
            before = modes_above(home)
            supervisor = Supervisor(home)
            postgres = Postgres(home)
            try:
                postgres.prepare()
                supervisor.start(postgres.command())
                postgres.wait_ready()
                assert a_value(postgres, "SELECT 1") == 1
                account = postgres.folder.stat()
                assert (account.st_uid != 0, stat.S_IMODE(account.st_mode)) == (True, 0o700)
                assert not postgres.folder.is_relative_to(outer)
                assert modes_above(home) == before
                again = Postgres(home)
                again.prepare()
                assert again.command() == postgres.command()
            finally:
                supervisor.stop_all()
                shutil.rmtree(postgres.folder.parent)

    def test_data_it_can_no_longer_reach_is_told_not_begun_anew(self) -> None:
        with temporary_home() as outer:
            lay_a_cluster(outer / "home")
            outer.chmod(0o700)
            with pytest.raises(RuntimeError, match="may no longer go there"):
                Postgres(outer / "home").prepare()


def test_a_moved_clock_is_what_the_application_sees_and_nobody_else(stack: Stack) -> None:
    _, postgres, _ = stack
    postgres.create_database()
    postgres.make_roles()

    def ahead(url: str, function: str) -> float:
        query = sql.SQL(
            "SELECT extract(epoch FROM {}() - pg_catalog.clock_timestamp())::float8"
        ).format(sql.Identifier(function))
        with psycopg.connect(plain(url)) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return round(float(row[0]), -1)

    for offset_s in (3600.0, 7200.0):
        postgres.move_clock(offset_s)
        seen = [ahead(postgres.url_of("app"), name) for name in ("clock_timestamp", "now")]
        assert seen == [offset_s, offset_s]
    assert ahead(postgres.url_of("owner"), "clock_timestamp") == 0
