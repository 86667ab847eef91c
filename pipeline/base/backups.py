"""Encrypted dumps of the database, in the format of age (https://age-encryption.org/v1).

A dump goes from pg_dump straight into the encryption: in clear it is never on a disk, and whatever
its size, little of it is in memory.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from tempfile import TemporaryFile

import pyrage
from psycopg.conninfo import make_conninfo

from pipeline.base.db import address

Recipient = pyrage.x25519.Recipient | pyrage.ssh.Recipient


class BackupFailed(Exception):
    """No backup was made; the message says why."""


def recipient(text: str) -> Recipient:
    """The public key of a backup: `age1…`, or an SSH key `ssh-ed25519 …`. Raises BackupFailed."""
    try:
        if text.startswith("ssh-"):
            return pyrage.ssh.Recipient.from_str(text.strip())
        return pyrage.x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError:
        raise BackupFailed(
            "a recipient is a public key, age1… or ssh-ed25519 …; make one with age-keygen"
        ) from None


def encrypt(dump: BufferedReader, to: BufferedIOBase, recipients: Sequence[Recipient]) -> None:
    """Encrypt a dump for these recipients. Raises BackupFailed for an empty one."""
    if not dump.peek(1):
        raise BackupFailed("there is no dump to encrypt: pg_dump wrote nothing")
    try:
        pyrage.encrypt_io(dump, to, list(recipients))
    except (pyrage.EncryptError, OSError) as error:
        raise BackupFailed(f"the backup cannot be written: {error}") from None


@contextmanager
def dumped(database_url: str, program: str) -> Iterator[BufferedReader]:
    """What pg_dump writes, in its custom format. Raises BackupFailed, also at its end."""
    server, _ = address(database_url)
    named = dict(server.get_dialect()().create_connect_args(server)[1])
    password = str(named.pop("password", ""))
    # The command line can be read by everyone, so the password goes into the environment.
    command = (program, "--format=custom", f"--dbname={make_conninfo('', **named)}")
    environment = {**os.environ, "PGPASSWORD": password}
    with TemporaryFile() as told:
        try:
            running = subprocess.Popen(  # noqa: S603 - the program that the operator names
                command, env=environment, stdout=subprocess.PIPE, stderr=told
            )
        except OSError as error:
            raise BackupFailed(f"{program} cannot be run: {error.strerror}") from None
        with running:
            failure: BackupFailed | None = None
            try:
                assert isinstance(running.stdout, BufferedReader)  # noqa: S101 - it is a pipe
                yield running.stdout
            except BackupFailed as error:
                failure = error
                running.kill()
            status = running.wait()
        told.seek(0)
        words = told.read(2000).decode(errors="replace").strip()
        if failure is not None and status <= 0:
            raise failure  # it ended because of that
        if status != 0:
            told_by = words or f"it ended with {status}"
            raise BackupFailed(f"{program} failed: {told_by}")


@contextmanager
def written(path: Path) -> Iterator[BufferedIOBase]:
    """A file that is there whole or not at all, for its owner alone. Raises BackupFailed."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise BackupFailed(f"{unfinished} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as opened:
            yield opened
            opened.flush()
            os.fsync(opened.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
