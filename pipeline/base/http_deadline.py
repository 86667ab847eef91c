"""A limit to how long a whole answer may take, headers included.

The time-outs of `requests` apply to each read from the socket: a remote that sends a byte now and
then could hold a worker for ever.
"""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


@dataclass(frozen=True, slots=True)
class _Limit:
    ends_at: float
    monotonic: Callable[[], float]
    readers: list[_Reader] = field(default_factory=list)

    def left_s(self) -> float:
        left_s = self.ends_at - self.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer came too slowly")
        return left_s


_limit: ContextVar[_Limit | None] = ContextVar("limit", default=None)


@contextmanager
def within(total_s: float, monotonic: Callable[[], float]) -> Iterator[None]:
    """Within this block an `Adapter` has `total_s` seconds to read a whole answer."""
    limit = _Limit(monotonic() + total_s, monotonic)
    token = _limit.set(limit)
    try:
        yield
    finally:
        _limit.reset(token)
        # No other code closes the reader of a broken answer, and its socket would stay open.
        for reader in limit.readers:
            reader.close()


class _Reader(io.RawIOBase):
    """Reads from a socket until the deadline."""

    def __init__(self, sock: socket.socket, limit: _Limit) -> None:
        self._sock = sock
        self._each_s = sock.gettimeout()
        self._limit = limit
        self._raw: io.RawIOBase = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._limit.left_s()
        self._sock.settimeout(left_s if self._each_s is None else min(self._each_s, left_s))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        if (limit := _limit.get()) is not None:
            self.fp.close()
            reader = _Reader(sock, limit)
            limit.readers.append(reader)
            self.fp = io.BufferedReader(reader)


class _Connection(HTTPConnection):
    response_class = _Answer


class _TlsConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class Adapter(HTTPAdapter):
    """A `requests` adapter that reads answers within the deadline of `within`."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:
        """The target of the request; there are no proxies here."""
        return request.path_url

    def build_response(self, req: PreparedRequest, resp: BaseHTTPResponse) -> Response:
        """The answer alone, without a guess at its encoding, a history and cookies."""
        response = Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers.itermerged())
        response.raw = resp
        return response
