"""The console's server, told the time: what is silent or slow loses its connection."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import time_machine
from flask import Flask
from waitress import wasyncore

from pipeline.console.headers import HEADERS
from pipeline.console.server import REQUEST_WITHIN_S, SILENT_FOR_S, Server
from tests.console.builders import NOW

SLOW = {
    "a line without its end": (b"GET /stat", b"ic/console"),
    "headers": (b"GET / HTTP/1.1\r\nHost: x\r\n", b"A: b\r\n"),
    "a body": (b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n", b"name="),
}


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def server(app_without_database: Flask) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(app_without_database, listening, threads=1, proxies=0)
        yield server
        server.task_dispatcher.shutdown()
        wasyncore.close_all(server._map)


def work(server: Server) -> None:
    """Let it do all that there is to do."""
    for _ in range(20):
        wasyncore.loop(timeout=0.01, use_poll=True, map=server._map, count=1)


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.effective_port)), timeout=5)


@pytest.mark.parametrize("parts", SLOW.values(), ids=SLOW)
def test_a_request_that_takes_too_long_ends_although_bytes_come(
    server: Server, clock: time_machine.Traveller, parts: tuple[bytes, bytes]
) -> None:
    with connect(server) as slow:
        for part in parts:
            slow.sendall(part)
            work(server)
            assert len(server.active_channels) == 1
            clock.shift(REQUEST_WITHIN_S * 0.6)
        work(server)
        assert slow.recv(1) == b""
    assert not server.active_channels


def test_a_connection_without_a_byte_ends(server: Server, clock: time_machine.Traveller) -> None:
    with connect(server) as silent:
        work(server)
        assert len(server.active_channels) == 1
        clock.shift(SILENT_FOR_S + 1)
        work(server)
        assert silent.recv(1) == b""


def test_a_connection_may_last_while_its_requests_are_whole(
    server: Server, clock: time_machine.Traveller
) -> None:
    with connect(server) as lasting:
        for _ in range(5):
            lasting.sendall(b"HEAD /static/console.css HTTP/1.1\r\nHost: localhost\r\n\r\n")
            said = b""
            while not said.endswith(b"\r\n\r\n"):
                work(server)
                said += lasting.recv(4096)
            assert said.startswith(b"HTTP/1.1 200 OK\r\n")
            clock.shift(REQUEST_WITHIN_S * 0.6)


def test_what_the_server_itself_refuses_has_the_headers_too(server: Server) -> None:
    with connect(server) as garbled:
        garbled.sendall(b"GARBAGE\r\n\r\n")
        work(server)
        said = garbled.recv(4096).decode()
    assert said.startswith("HTTP/1.0 400 Bad Request\r\n")
    for name, value in HEADERS.items():
        assert f"\r\n{name}: {value}\r\n" in said
