"""The server of the console: waitress, which half-open connections cannot stop.

Waitress reads requests without a thread of their own, and ends connections that are silent. It does
not know how long a request may take to arrive: who sends a byte now and then would keep a place.
"""

from __future__ import annotations

import socket
import time
from typing import Any

from flask import Flask
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask

from pipeline.console.headers import HEADERS

MOST_CONNECTIONS = 500
"""Together with the database's they stay below the 1024 files that a process may usually have."""
REQUEST_WITHIN_S = 20
"""From its first byte to its last."""
SILENT_FOR_S = 20
LOOKED_EVERY_S = 5
LARGEST_REQUEST = 64 * 1024
LARGEST_HEADERS = 32 * 1024


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


class _Connection(HTTPChannel):  # type: ignore[misc]
    parser_class = _Request
    error_task_class = _Refusal


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
                max_request_body_size=LARGEST_REQUEST,
                max_request_header_size=LARGEST_HEADERS,
                connection_limit=MOST_CONNECTIONS,
                channel_timeout=SILENT_FOR_S,
                cleanup_interval=LOOKED_EVERY_S,
                asyncore_use_poll=True,
                **_behind(proxies),
            ),
        )

    def maintenance(self, now: float) -> None:
        """Close what is silent, and what takes too long to send its request."""
        super().maintenance(now)
        for connection in self.active_channels.values():
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
