"""The server of the console: waitress, which slow browsers cannot stop.

Waitress reads requests without a thread of their own, and ends connections that are silent. It does
not know how long a request may take to arrive, or an answer to be taken: who sends or takes a byte
now and then would keep a place. What it has in hand stays in memory and within bounds, where
waitress by itself would write a file.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from contextlib import suppress
from typing import Any

from flask import Flask
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, WSGITask

from pipeline.console.headers import HEADERS

MOST_CONNECTIONS = 500
"""Together with the database's they stay below the 1024 files that a process may usually have."""
REQUEST_WITHIN_S = 20
"""From its first byte to its last."""
SILENT_FOR_S = 20
ANSWER_WITHIN_S = 600
"""For a browser that does not take an answer as fast as it is made."""
LOOKED_EVERY_S = 5
LARGEST_REQUEST = 64 * 1024
LARGEST_HEADERS = 32 * 1024
AHEAD_OF_THE_BROWSER = 256 * 1024
"""A view that has sent so much more than the browser took waits before it makes the next part."""
AHEAD_IN_THE_KERNEL = 128 * 1024
"""The kernel would keep megabytes, and tell of a slow browser only when it took a third of them."""
_RESET = struct.pack("ii", 1, 0)


class _Request(HTTPRequestParser):  # type: ignore[misc]
    """A request that knows when its first byte came."""

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.began_at = time.time()


class _Refusal(ErrorTask):  # type: ignore[misc]
    """What waitress answers by itself to a request that it does not pass on."""

    def execute(self) -> None:
        self.response_headers.extend(HEADERS.items())
        super().execute()


class _Answer(WSGITask):  # type: ignore[misc]
    def service(self) -> None:
        self.channel.answer_began_at = time.time()
        try:
            super().service()
        except BaseException:
            self.channel.is_cut = self.wrote_header
            raise


class _Connection(HTTPChannel):  # type: ignore[misc]
    parser_class = _Request
    task_class = _Answer
    error_task_class = _Refusal
    answer_began_at = 0.0
    is_cut = False
    """Whether a view failed when a part of its answer was sent."""

    def handle_close(self) -> None:
        """Close by a reset when a part of the answer is missing.

        HTTP/1.0, which proxies speak too, takes a plain end for the end of the answer.
        """
        if self.is_cut or self.total_outbufs_len:
            with suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        super().handle_close()

    def end_if_not_taken(self, now: float) -> None:
        """End an answer of which nothing was taken for long, or not the whole in time.

        Waitress would wait until the connection takes a byte, and a thread with it.
        """
        with self.outbuf_lock:
            is_stalled = self.last_activity < now - SILENT_FOR_S
            is_late = self.answer_began_at < now - ANSWER_WITHIN_S
            if self.total_outbufs_len and (is_stalled or is_late):
                self.handle_close()


class Server(TcpWSGIServer):  # type: ignore[misc]
    """Serves the console on a socket that is open already."""

    channel_class = _Connection

    def __init__(self, app: Flask, listening: socket.socket, threads: int, proxies: int) -> None:
        super().__init__(
            app,
            _sock=listening,
            sockinfo=(listening.family, listening.type, listening.proto, listening.getsockname()),
            bind_socket=False,
            adj=Adjustments(
                sockets=[listening],
                threads=threads,
                ident=None,
                inbuf_overflow=sys.maxsize,
                outbuf_overflow=sys.maxsize,
                outbuf_high_watermark=AHEAD_OF_THE_BROWSER,
                max_request_body_size=LARGEST_REQUEST,
                max_request_header_size=LARGEST_HEADERS,
                connection_limit=MOST_CONNECTIONS,
                channel_timeout=SILENT_FOR_S,
                cleanup_interval=LOOKED_EVERY_S,
                asyncore_use_poll=True,
                **_behind(proxies),
            ),
        )

    def set_socket_options(self, conn: socket.socket) -> None:
        super().set_socket_options(conn)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, AHEAD_IN_THE_KERNEL)

    def maintenance(self, now: float) -> None:
        """Close what is silent, and what takes too long to send its request or take its answer."""
        super().maintenance(now)
        for connection in list(self.active_channels.values()):
            connection.end_if_not_taken(now)
            request = connection.request
            if request is not None and request.began_at < now - REQUEST_WITHIN_S:
                connection.will_close = True


def _behind(proxies: int) -> dict[str, Any]:
    """Waitress' settings that let it see the browser's address and scheme behind proxies."""
    if not proxies:
        return {}
    return {
        "trusted_proxy": "*",
        "trusted_proxy_count": proxies,
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"},
        "clear_untrusted_proxy_headers": True,
    }
