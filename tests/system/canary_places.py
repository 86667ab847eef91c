"""Every place where something of a buyer could have been written down, and what is found there."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis
from psycopg import sql
from sqlalchemy.engine import make_url

from devstack.place import ENVIRONMENT, find_place
from pipeline.base.vault import Vault
from tests.attack import read_back
from tests.system.canary_marks import Mark, found_in
from tests.system.canary_rig import CanaryRig, every_process

Writing = tuple[str, bytes]
"""A place, and what is written there."""


def places(made: CanaryRig) -> Iterator[Writing]:
    """All of them, but the database opened by its key."""
    yield from _files(made)
    yield from _processes(made)
    yield from _redis(made)
    yield from _database(made)
    for place, contents in made.said.items():
        for content in contents:
            yield place, content
    for content in made.hooks:
        yield "alerts: webhook", content
    for content in made.box.mails:
        yield "alerts: mail", content
    for content in made.collected.bodies:
        yield "traces", content


def table_of(written: Iterable[Writing]) -> Mapping[str, set[Mark]]:
    """What is found in each place, the clean ones included."""
    found: dict[str, set[Mark]] = {}
    seen: set[Writing] = set()
    for writing in written:
        place, content = writing
        marks = found.setdefault(place, set())
        if writing not in seen:
            seen.add(writing)
            marks |= found_in(content)
    return found


def opened(made: CanaryRig) -> set[Mark]:
    """What somebody finds who may select everything, statistics included, and has the key."""
    vault = Vault(base64.b64decode(made.rig.environment["ORDERBRIDGE_MASTER_KEY"]))
    return found_in(read_back(made.sessions, vault).encode())


def analyze(made: CanaryRig) -> None:
    with made.rig.database() as connection:
        connection.execute("ANALYZE")


def _files(made: CanaryRig) -> Iterator[Writing]:
    home = made.rig.home
    for log in (home / "logs").iterdir():
        yield f"log: {log.name.partition('.')[0].rstrip('-12')}", log.read_bytes()
    for file in (home / "broker").rglob("*"):
        if file.is_file():
            yield "Redis: append-only file", file.read_bytes()
    for file in made.temporary.rglob("*"):
        yield "temporary files", str(file).encode()
        if file.is_file():
            yield "temporary files", file.read_bytes()
    for file in home.iterdir():
        if file.name.startswith("beat-schedule"):
            yield "beat's schedule", file.read_bytes()


def _processes(made: CanaryRig) -> Iterator[Writing]:
    for pid in every_process(made):
        for name in ("cmdline", "environ"):
            yield f"processes: {name}", Path(f"/proc/{pid}/{name}").read_bytes()
        for number in os.listdir(f"/proc/{pid}/fd"):
            link = Path(f"/proc/{pid}/fd/{number}")
            with suppress(OSError):
                if "(deleted)" in (target := os.readlink(link)) and target.startswith("/"):
                    yield "temporary files", link.read_bytes()


def _redis(made: CanaryRig) -> Iterator[Writing]:
    with made.rig.broker() as broker:
        reads: dict[bytes, Callable[[bytes], Iterable[Any]]] = {
            b"string": lambda key: [broker.get(key)],
            b"list": lambda key: broker.lrange(key, 0, -1),
            b"set": broker.smembers,
            b"zset": lambda key: broker.zrange(key, 0, -1),
            b"hash": lambda key: [part for pair in broker.hgetall(key).items() for part in pair],
            b"stream": lambda key: [repr(broker.xrange(key)).encode()],
        }
        for key in broker.scan_iter():
            yield "Redis: keys", key
            with suppress(redis.ResponseError):
                for value in reads[kind](key) if (kind := broker.type(key)) in reads else ():
                    yield "Redis: values", value or b""


def _database(made: CanaryRig) -> Iterator[Writing]:
    with made.rig.database() as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY 1, 2"
        ).fetchall()
        for table, column in columns:
            query = sql.SQL("SELECT DISTINCT {0}::text FROM {1} WHERE {0} IS NOT NULL")
            rows = connection.execute(query.format(sql.Identifier(column), sql.Identifier(table)))
            content = "\n".join(row[0] for row in rows)
            yield f"table: {table}.{column}", content.encode()
        for view in ("pg_stats", "pg_statistic", "pg_stats_ext", "pg_stat_activity"):
            rows = connection.execute(
                sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(view))
            )
            yield f"database: {view}", "\n".join(row[0] for row in rows).encode()
    yield "database: dump", _dump(made)


def _dump(made: CanaryRig) -> bytes:
    url = make_url(made.rig.environment["ORDERBRIDGE_DATABASE_URL"])
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    done = subprocess.run(
        [str(find_place(made.rig.home).binaries / "pg_dump"), f"--dbname={plain}"],
        env={**ENVIRONMENT, "PATH": os.environ["PATH"]},
        capture_output=True,
        timeout=60,
        check=True,
    )
    return done.stdout
