"""`orderbridge backup`: an encrypted dump, out of a real PostgreSQL and back into it."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pyrage
import pytest
from sqlalchemy.engine import make_url

from devstack.place import find_place
from pipeline.base.db import Sessions
from tests.builders import a_raw_order, an_order, stored
from tests.cli.conftest import environment

ORDERBRIDGE = str(Path(sys.executable).with_name("orderbridge"))
MARK = "order-that-is-marked"
AGE = shutil.which("age")


@pytest.fixture
def binaries(tmp_path: Path) -> Path:
    return find_place(tmp_path).binaries


@pytest.fixture
def key() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


def run(
    folder: Path, url: str, *words: str, given: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        (ORDERBRIDGE, "backup", *words),
        env={**environment(folder, url), "PATH": os.defpath},
        input=given if given is not None else b"",
        capture_output=True,
    )


def marked(sessions: Sessions) -> None:
    stored(sessions, an_order(raw=a_raw_order(MARK)))


def plain(url: str) -> str:
    return url.replace("+psycopg", "")


def restored(binaries: Path, url: str, dump: bytes) -> list[tuple[str]]:
    """The orders' numbers in a database that the dump was read into."""
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS restored")
        connection.execute("CREATE DATABASE restored")
    target = make_url(url).set(database="restored").render_as_string(hide_password=False)
    subprocess.run(
        (binaries / "pg_restore", "--no-owner", "--exit-on-error", f"--dbname={plain(target)}"),
        input=dump,
        check=True,
    )
    with psycopg.connect(plain(target)) as connection:
        found = connection.execute("SELECT external_id FROM orders").fetchall()
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("DROP DATABASE restored WITH (FORCE)")
    return found


def test_a_backup_is_read_back_with_the_other_half_of_its_key(
    sessions: Sessions,
    database_url: str,
    tmp_path: Path,
    binaries: Path,
    key: pyrage.x25519.Identity,
) -> None:
    marked(sessions)
    file = tmp_path / "orderbridge.dump.age"
    words = ("--to", str(file), "--pg-dump", str(binaries / "pg_dump"))
    made = run(tmp_path, database_url, "--recipient", str(key.to_public()), *words)
    assert (made.returncode, made.stderr) == (0, b"")
    assert file.stat().st_mode & 0o777 == 0o600
    assert made.stdout.decode() == f"{file}: {file.stat().st_size} bytes, encrypted.\n"
    assert [one.name for one in tmp_path.glob("*.unfinished")] == []
    sealed = file.read_bytes()
    assert sealed.startswith(b"age-encryption.org/v1\n")
    assert b"PGDMP" not in sealed
    dump = pyrage.decrypt(sealed, [key])
    assert dump.startswith(b"PGDMP")
    assert restored(binaries, database_url, dump) == [(MARK,)]
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed, [pyrage.x25519.Identity.generate()])


@pytest.mark.skipif(AGE is None, reason="Debian's package age is not installed")
def test_age_itself_opens_it(tmp_path: Path, key: pyrage.x25519.Identity) -> None:
    sealed = run(
        tmp_path, "", "--stdin", "--to", "-", "--recipient", str(key.to_public()), given=b"a dump"
    ).stdout
    identity = tmp_path / "backup.key"
    identity.write_text(str(key))
    command = (AGE or "", "--decrypt", "--identity", str(identity))
    assert subprocess.run(command, input=sealed, capture_output=True).stdout == b"a dump"


def test_a_dump_of_another_program_is_encrypted_on_its_way(
    tmp_path: Path, key: pyrage.x25519.Identity
) -> None:
    """In containers pg_dump is where the database is. More than fits into a pipe goes through."""
    dump = os.urandom(3_000_000)
    done = run(
        tmp_path, "", "--stdin", "--to", "-", "--recipient", str(key.to_public()), given=dump
    )
    assert (done.returncode, done.stderr) == (0, b"")
    unsealed = io.BytesIO()
    pyrage.decrypt_io(io.BytesIO(done.stdout), unsealed, [key])
    assert unsealed.getvalue() == dump


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--pg-dump", "/nowhere/pg_dump"), "/nowhere/pg_dump cannot be run: No such file"),
        (("--pg-dump", "{pg_dump}"), "failed: pg_dump: error: connection"),
        (("--pg-dump", "/bin/true"), "there is no dump to encrypt: pg_dump wrote nothing"),
        (("--stdin",), "there is no dump to encrypt: pg_dump wrote nothing"),
        (("--stdin", "--recipient", "nonsense"), "a recipient is a public key, age1"),
    ],
)
def test_without_a_dump_there_is_no_file(
    tmp_path: Path,
    binaries: Path,
    key: pyrage.x25519.Identity,
    words: tuple[str, ...],
    sentence: str,
) -> None:
    file = tmp_path / "orderbridge.dump.age"
    file.write_bytes(b"of yesterday")
    nowhere = "postgresql+psycopg://someone:hidden-password@127.0.0.1:1/orders"
    filled = [word.format(pg_dump=binaries / "pg_dump") for word in words]
    done = run(tmp_path, nowhere, "--recipient", str(key.to_public()), "--to", str(file), *filled)
    assert done.returncode == 2
    assert sentence in done.stderr.decode()
    assert b"hidden-password" not in done.stderr
    assert file.read_bytes() == b"of yesterday"
    assert not list(tmp_path.glob("*.unfinished"))


@pytest.mark.parametrize("end", ["exit 1", "kill -9 $$"])
def test_a_dump_that_breaks_off_is_no_backup(
    tmp_path: Path, key: pyrage.x25519.Identity, end: str
) -> None:
    program = tmp_path / "pg_dump"
    program.write_text(f"#!/bin/sh\nprintf PGDMP; printf 'out of memory' >&2; {end}\n")
    program.chmod(0o700)
    file = tmp_path / "orderbridge.dump.age"
    file.write_bytes(b"the one before")
    nowhere = "postgresql+psycopg://someone@127.0.0.1:1/orders"
    to = ("--to", str(file), "--pg-dump", str(program))
    done = run(tmp_path, nowhere, "--recipient", str(key.to_public()), *to)
    assert done.returncode == 2
    assert "failed: out of memory" in done.stderr.decode()
    assert file.read_bytes() == b"the one before"


def test_the_password_is_in_no_command_line(tmp_path: Path, key: pyrage.x25519.Identity) -> None:
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "$@"; echo "$PGPASSWORD"\n')
    program.chmod(0o700)
    url = "postgresql+psycopg://someone:hidden@127.0.0.1:1/orders?sslmode=require&pgbouncer=true"
    words = ("--to", "-", "--pg-dump", str(program), "--recipient", str(key.to_public()))
    told = pyrage.decrypt(run(tmp_path, url, *words).stdout, [key]).decode()
    shown, password = told.splitlines()
    assert password == "hidden"
    assert shown == (
        "--format=custom --dbname=host=127.0.0.1 dbname=orders user=someone port=1 sslmode=require"
    )
