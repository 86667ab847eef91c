"""A remote on a real socket that behaves as a test says, down to the byte."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType

Behaviour = Callable[[socket.socket], None]


class Remote:
    """Listens on loopback and keeps every request that arrived whole."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self._behaviours: Iterator[Behaviour] = iter(behaviours)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.requests: list[bytes] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def bodies(self) -> list[bytes]:
        return [request.partition(b"\r\n\r\n")[2] for request in self.requests]

    def __enter__(self) -> Remote:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while (request := _request(connection)) is not None:
                self.requests.append(request)
                behaviour = next(self._behaviours, cut)
                behaviour(connection)


def _request(connection: socket.socket) -> bytes | None:
    received = b""
    while b"\r\n\r\n" not in received:
        if not (part := connection.recv(65536)):
            return None
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        if not (part := connection.recv(65536)):
            return None
        body += part
    return head + b"\r\n\r\n" + body


def answer(content: object = b"", status: int = 200, **headers: str) -> Behaviour:
    """A whole answer: bytes go out as they are, anything else as JSON."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    def behave(connection: socket.socket) -> None:
        connection.sendall(head(len(body), status, **headers) + body)

    return behave


def head(length: int, status: int = 200, **headers: str) -> bytes:
    """The first part of an answer, with underscores in names of headers for hyphens."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def cut(connection: socket.socket) -> None:
    """Hang up without an answer."""
    connection.shutdown(socket.SHUT_RDWR)


def cut_within(connection: socket.socket) -> None:
    """Hang up in the middle of the body."""
    connection.sendall(head(100) + b'{"id": 7')
    connection.shutdown(socket.SHUT_RDWR)


def cut_within_chunks(connection: socket.socket) -> None:
    """Hang up after a chunk, before the last one."""
    start = b"HTTP/1.1 200 Whatever\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.sendall(start + b'9\r\n{"id": 7}\r\n')
    connection.shutdown(socket.SHUT_RDWR)


def silence(connection: socket.socket) -> None:
    """Say nothing until the other side has gone."""
    connection.recv(1)


def drip(connection: socket.socket) -> None:
    """A body without end, a byte at a time, each in time for a read time-out."""
    connection.sendall(head(10_000_000))
    pause = threading.Event()
    while not pause.wait(0.005):
        connection.sendall(b" ")


def wrong(connection: socket.socket) -> None:
    """Something that is not HTTP."""
    connection.sendall(b"220 mail.example ESMTP\r\n")
    connection.shutdown(socket.SHUT_RDWR)
