"""What a process asks of the database, the broker and the remotes, counted while it works."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import redis
from redis.client import Monitor
from sqlalchemy import Engine, event

CACHED_FOR_SECONDS = ("setting_overrides", "belongings")
"""Tables that a process reads every few seconds, however many orders come meanwhile."""


@dataclass(slots=True)
class Counts:
    """Of a step: SQL statements, transactions that were committed, and connections taken for them;
    broker commands and remote calls by name."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0
    transactions: int = 0
    broker: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)


class Counting:
    """Counts into `now`, which is replaced for each step."""

    def __init__(
        self,
        engine: Engine,
        broker_url: str,
        calls: Callable[[], dict[str, int]],
    ) -> None:
        self._engine, self._broker_url, self._calls = engine, broker_url, calls
        self._open: dict[int, list[str]] = {}
        self._now = Counts()
        self._listeners = (
            (engine, "checkout", self._watch),
            (engine, "commit", lambda connection: self._ends(connection, is_commit=True)),
            (engine, "rollback", lambda connection: self._ends(connection, is_commit=False)),
        )

    def __enter__(self) -> Counting:
        self._engine.dispose()  # so that each connection is taken anew, and watched
        for listener in self._listeners:
            event.listen(*listener)
        return self

    def __exit__(self, *_: object) -> None:
        for listener in self._listeners:
            event.remove(*listener)
        self._engine.dispose()

    @contextmanager
    def step(self) -> Iterator[Counts]:
        """What happens until the end of the block."""
        self._now = counts = Counts()
        self._calls()
        with self._commands(counts):
            yield counts
        counts.calls = Counter(self._calls())

    def _watch(self, connection: Any, *_: object) -> None:
        """Count what a connection of the pool executes from now on, within a session or past it."""
        counting = self

        class Counted(psycopg.Cursor[Any]):
            def execute(self, query: Any, *more: Any, **options: Any) -> Any:
                counting._executes(self.connection, str(query))
                return super().execute(query, *more, **options)

        connection.cursor_factory = Counted

    def _executes(self, connection: Any, statement: str) -> None:
        if connection.autocommit:
            self._count([statement], is_commit=True)
        else:
            self._open.setdefault(id(connection), []).append(statement)

    def _ends(self, connection: Any, *, is_commit: bool) -> None:
        driver = connection.connection.driver_connection
        self._count(self._open.pop(id(driver), []), is_commit=is_commit)

    def _count(self, statements: list[str], *, is_commit: bool) -> None:
        if not statements or all(
            any(table in one for table in CACHED_FOR_SECONDS) for one in statements
        ):
            return
        self._now.statements += statements
        self._now.transactions += 1
        self._now.commits += is_commit

    @contextmanager
    def _commands(self, counts: Counts) -> Iterator[None]:
        """Count the commands of all clients; those within a script belong to the script."""
        with redis.Redis.from_url(self._broker_url) as own, own.monitor() as monitor:
            self._until(own, monitor, Counter())
            yield
            self._until(own, monitor, counts.broker)

    @staticmethod
    def _until(own: redis.Redis, monitor: Monitor, told: Counter[str]) -> None:
        """Count all commands until now."""
        mark = secrets.token_hex(8)
        own.echo(mark)
        for one in monitor.listen():  # type: ignore[no-untyped-call]
            if mark in one["command"]:
                return
            if one["client_type"] != "lua":
                told[one["command"].split(" ", 1)[0].upper()] += 1
