"""A PostgreSQL that archives its log, so that it can be set back to any moment of it."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import psycopg

from devstack.place import run_as
from devstack.postgres import Postgres
from devstack.supervisor import Process

ARCHIVING = {
    "wal_level": "replica",
    "max_wal_senders": "3",
    "archive_mode": "on",
    "archive_command": "cp %p {archive}/%f",
}


class ArchivedPostgres(Postgres):
    """As the stack's own, with a base backup and a way back."""

    def command(self) -> Process:
        archive = self.folder / "archive"
        archive.mkdir(exist_ok=True)
        self._hand_over(archive)
        options = [
            part
            for key, value in ARCHIVING.items()
            for part in ("-c", f"{key}={value.format(archive=archive)}")
        ]
        command = super().command()
        return replace(command, argv=(*command.argv, *options))

    def back_up(self) -> None:
        """Take a base backup while the server runs."""
        url = self.url("replication").replace("postgresql+psycopg", "postgresql")
        done = run_as(
            self._prepared().account,
            str(self._prepared().binaries / "pg_basebackup"),
            *("--pgdata", str(self.folder / "backup"), "--wal-method", "none"),
            *("--checkpoint", "fast", "--no-password", "--dbname", url),
        )
        assert done.returncode == 0, done.stderr

    def archived(self) -> None:
        """Return once all that was written until now is in the archive."""
        with psycopg.connect(
            self.url("postgres").replace("+psycopg", ""), autocommit=True
        ) as connection:
            written = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
            assert written is not None
            deadline = time.monotonic() + 120
            while not (self.folder / "archive" / written[0]).exists():
                assert time.monotonic() < deadline, f"{written[0]} is not archived"
                time.sleep(0.1)

    def set_back(self, to: datetime) -> None:
        """Put the backup in the data's place, to recover as far as `to` at the next start."""
        data = self.folder / "data"
        shutil.rmtree(data)
        (self.folder / "backup").rename(data)
        with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
            settings.write(
                f"restore_command = 'cp {self.folder}/archive/%f %p'\n"
                f"recovery_target_time = '{to.isoformat()}'\n"
                "recovery_target_action = 'promote'\n"
            )
        (data / "recovery.signal").touch()
        self._hand_over(data / "recovery.signal")

    def _hand_over(self, path: Path) -> None:
        if (account := self._prepared().account) is not None:
            os.chown(path, account.uid, account.gid)
