"""What would be sent, in its order, and the ledger that has it sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pipeline.base.http import Method, encoded
from pipeline.orders.ledger import Ledger
from pipeline.orders.ledger_write import Answer, Made, Trace, Write


@dataclass(frozen=True, slots=True)
class Request:
    """One write to a remote. `body` is the JSON that goes out, None without one."""

    what: str
    remote: str
    method: Method
    path: str
    body: Any


class Sent:
    """The writes since the last `take`."""

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._what = ""

    @contextmanager
    def meaning(self, what: str) -> Iterator[None]:
        """Name what is sent meanwhile."""
        self._what = what
        try:
            yield
        finally:
            self._what = ""

    def add(self, remote: str, method: Method, path: str, body: Any) -> Any:
        """Note a request, and return its body as the remote reads it."""
        read = None if body is None else json.loads(encoded(body))
        self._requests.append(Request(self._what, remote, method, path, read))
        return read

    def take(self) -> tuple[Request, ...]:
        """What was sent, once."""
        taken, self._requests = tuple(self._requests), []
        return taken


class OfflineLedger(Ledger):
    """The ledger's law without its table: each write is made once, and none is ever in doubt."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent
        self._done: dict[str, str] = {}

    def once(self, order_id: int, write: Write[Answer]) -> Made[Answer]:
        if write.key in self._done:
            return Made(self._done[write.key])
        with self._sent.meaning(write.kind):
            answer = write.send()
        self._done[write.key] = write.id_of(answer)
        return Made(self._done[write.key], answer)

    def made(self, order_id: int, write: Trace) -> str | None:
        return self._done.get(write.key)

    def seen(self, *keys: str, remote_id: str) -> None:
        """Nothing: no write was begun and not ended."""

    def landed(self, order_id: int, settles_after: timedelta) -> None:
        """Nothing: a write has landed when it was made."""

    def give_up(self, order_id: int, why: str, key: str | None = None) -> None:
        """Nothing: no write was begun and not ended."""
