"""The writes a simulation would send, in sequence, and the ledger that notes them."""

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
    """A write to a remote. `body` is the JSON sent, None without a body."""

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
        """Name the writes sent within the context."""
        self._what = what
        try:
            yield
        finally:
            self._what = ""

    def add(self, remote: str, method: Method, path: str, body: Any) -> Any:
        """Note a request, and return its body as the remote would parse it."""
        read = None if body is None else json.loads(encoded(body))
        self._requests.append(Request(self._what, remote, method, path, read))
        return read

    def take(self) -> tuple[Request, ...]:
        """Return the noted writes, and forget them."""
        taken, self._requests = tuple(self._requests), []
        return taken


class OfflineLedger(Ledger):
    """The ledger's rules without its table: each write is made once, and none is ever in doubt."""

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
        """Do nothing: every write that began has ended."""

    def landed(self, order_id: int, settles_after: timedelta) -> None:
        """Do nothing: a write has landed as soon as it is made."""

    def give_up(self, order_id: int, why: str, key: str | None = None) -> None:
        """Do nothing: every write that began has ended."""
