"""HTTP/1.1 with kept-alive connections, as far as the pipeline's clients need it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Protocol

_REASONS = {200: "OK", 204: "No Content", 404: "Not Found"}


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request; `path` and `query` are still encoded."""

    method: str
    path: str
    query: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply; `delay_s` is how long it is kept back."""

    body: bytes
    status: int = 200
    headers: str = ""
    delay_s: float = 0.0

    @property
    def json(self) -> Any:
        """The body as a caller reads it; None when it is empty."""
        return json.loads(self.body) if self.body else None


class Answers(Protocol):
    """What the server asks for each reply."""

    def answer(self, request: Request) -> Answer: ...


class _Connection(asyncio.Protocol):
    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server makes
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (request := self._request()) is not None:
            reply = self._answers.answer(request)
            if reply.delay_s:
                asyncio.get_running_loop().call_later(reply.delay_s, self._send, reply)
            else:
                self._send(reply)

    def _request(self) -> Request | None:
        """The next request, taken off the received bytes; None until it is whole."""
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self._received[:end]).decode("latin-1")
        length = _length(head)
        whole = end + 4 + length
        if len(self._received) < whole:
            return None
        body = bytes(self._received[end + 4 : whole])
        del self._received[:whole]
        method, target, _ = head.split("\r\n", 1)[0].split(" ", 2)
        path, _, query = target.partition("?")
        return Request(method, path, query, body)

    def _send(self, reply: Answer) -> None:
        if self._transport.is_closing():
            return
        head = (
            f"HTTP/1.1 {reply.status} {_REASONS[reply.status]}\r\n"
            f"Date: {formatdate(usegmt=True)}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(reply.body)}\r\n"
            f"{reply.headers}\r\n"
        )
        self._transport.write(head.encode("latin-1") + reply.body)


def _length(head: str) -> int:
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    return 0


async def serve(answers: Answers, port: int) -> None:
    """Listen on loopback until the task is cancelled."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(answers), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()
