"""What a browser takes slowly or not at all: in memory, within bounds, and with an end."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import time_machine
from flask import Flask, Response, request
from waitress import wasyncore

from pipeline.base.db import Sessions, engine_for
from pipeline.console.saved_files import AT_ONCE
from pipeline.console.server import (
    AHEAD_OF_THE_BROWSER,
    ANSWER_WITHIN_S,
    LARGEST_REQUEST,
    SILENT_FOR_S,
    Server,
)
from pipeline.operations.lists.orders import READ_AT_ONCE
from pipeline.settings.roles import Role
from tests.console.builders import NOW, a_held_order, store
from tests.console.conftest import SignedIn
from tests.console.test_pages_orders import bought_by
from tests.console.test_settlements import settled
from tests.devstack.waiting import until
from tests.finances.settlement_files import sales

PART = b"#" * 64 * 1024


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@contextmanager
def serving(app: Flask, threads: int = 1) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(app, listening, threads=threads, proxies=0)
        yield server
        wasyncore.close_all(server._map)
        server.task_dispatcher.shutdown()


def parts(number: int, sent: list[int], fails: bool = False) -> Flask:
    """An application whose page has so many parts, and that notes each which it made."""
    app = Flask(__name__)

    def made() -> Iterator[bytes]:
        for part in range(number):
            sent.append(part)
            yield PART
        if fails:
            raise RuntimeError("the database went away")

    @app.get("/")
    def page() -> Response:
        return Response(made())

    @app.get("/short")
    def short() -> str:
        return "short"

    @app.post("/")
    def form() -> str:
        return str(len(request.files["file"].read()))

    return app


def work(server: Server, until: Callable[[], bool] = lambda: False, rounds: int = 40) -> bool:
    """Let it do what there is to do, until it has happened."""
    for _ in range(rounds):
        wasyncore.loop(timeout=0.01, use_poll=True, map=server._map, count=1)
        if until():
            return True
    return False


def connect(server: Server, said: bytes, takes: int = 16_384) -> socket.socket:
    """Ask for something with a connection that takes little by itself."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, takes)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", int(server.effective_port)))
    connection.sendall(said)
    return connection


def get(path: str = "/", version: str = "1.1", more: str = "") -> bytes:
    return f"GET {path} HTTP/{version}\r\nHost: x\r\n{more}\r\n".encode()


def pending(server: Server) -> int:
    return sum(one.total_outbufs_len for one in server.active_channels.values())


def stall(server: Server) -> int:
    """Work until no more is sent and made; the number of bytes that wait."""
    before, same = -1, 0
    # The kernel takes more when it gets round to it: a single look may come between.
    while same < 3:
        work(server)
        now = pending(server)
        same = same + 1 if now == before and now else 0
        before = now
    return before


def temporary_files() -> Sequence[str]:
    """The files of this process that have no name."""
    links = []
    for number in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:
            continue
    return [link for link in links if link.startswith("/") and link.endswith("(deleted)")]


def take_all(server: Server, connection: socket.socket) -> bytes:
    """What comes until the connection ends. Raises ConnectionResetError where it is cut."""
    connection.setblocking(False)
    taken = b""
    while True:
        work(server, rounds=1)
        try:
            some = connection.recv(1 << 20)
        except BlockingIOError:
            continue
        if not some:
            return taken
        taken += some


def test_a_browser_that_stops_reading_has_a_bounded_part_in_memory_and_none_in_a_file() -> None:
    made: list[int] = []
    files = temporary_files()
    with serving(parts(100, made)) as server, connect(server, get()):
        waiting = stall(server)
        assert AHEAD_OF_THE_BROWSER < waiting < AHEAD_OF_THE_BROWSER + 2 * len(PART)
        assert len(made) < 20
        assert temporary_files() == files


def test_a_large_page_that_is_not_taken_is_in_no_file_either() -> None:
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "x" * 20_000_000)
    files = temporary_files()
    with serving(app) as server, connect(server, get()):
        assert stall(server) > 10_000_000
        assert temporary_files() == files


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_file_that_comes_slowly_is_in_memory_alone(is_chunked: bool) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    body = head + b"y" * (LARGEST_REQUEST - 1_000) + b"\r\n--b--\r\n"
    length = f"Content-Length: {len(body)}"
    said = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    said += f"{'Transfer-Encoding: chunked' if is_chunked else length}\r\n\r\n"
    if is_chunked:
        said += f"{len(body):x}\r\n"
        body += b"\r\n0\r\n\r\n"
    files = temporary_files()
    with serving(parts(0, [])) as server, connect(server, said.encode()) as slow:
        slow.sendall(body[:-100])
        work(server)
        (connection,) = server.active_channels.values()
        assert connection.request.body_bytes_received > LARGEST_REQUEST - 2_000
        assert temporary_files() == files
        slow.sendall(body[-100:])
        assert work(server, lambda: not connection.requests and connection.request is None)
        assert slow.recv(4096).endswith(str(LARGEST_REQUEST - 1_000).encode())


def test_a_browser_that_takes_nothing_gives_its_thread_back(clock: time_machine.Traveller) -> None:
    with serving(parts(1_000, [])) as server, connect(server, get()) as slow:
        stall(server)
        with connect(server, get("/short")) as other:
            clock.shift(SILENT_FOR_S / 2)
            work(server)
            assert len(server.active_channels) == 2
            clock.shift(SILENT_FOR_S)
            assert take_until(server, other, b"short").startswith(b"HTTP/1.1 200 ")
        with pytest.raises(ConnectionResetError):
            take_all(server, slow)


def test_an_answer_that_is_ready_and_not_taken_ends_too(clock: time_machine.Traveller) -> None:
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "x" * 20_000_000)
    with serving(app) as server, connect(server, get()):
        stall(server)

        def has_ended() -> bool:
            clock.shift(SILENT_FOR_S + 10)
            return work(server, lambda: not server.active_channels)

        # The kernel may take a little more, which counts as a browser that reads.
        assert any(has_ended() for _ in range(5))


def test_a_browser_that_takes_a_little_now_and_then_ends_too(
    clock: time_machine.Traveller,
) -> None:
    with serving(parts(1_000, [])) as server, connect(server, get()) as slow:
        stall(server)
        for _ in range(int(ANSWER_WITHIN_S / SILENT_FOR_S * 2) - 1):
            clock.shift(SILENT_FOR_S / 2)
            left = 200_000
            while left > 0:
                left -= len(slow.recv(left))
                work(server, rounds=1)
            work(server, rounds=3)
            assert server.active_channels
        clock.shift(SILENT_FOR_S * 0.75)
        assert work(server, lambda: not server.active_channels)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_answer_that_breaks_does_not_look_whole(version: str) -> None:
    with (
        serving(parts(3, [], fails=True)) as server,
        connect(server, get("/", version)) as reader,
        pytest.raises(ConnectionResetError),
    ):
        take_all(server, reader)
    with serving(parts(3, [])) as server, connect(server, get("/", version)) as reader:
        assert take_all(server, reader).count(b"#") == 3 * len(PART)


def test_an_export_that_is_not_read_holds_no_transaction_and_leaves_room_for_others(
    app: Flask, sessions: Sessions, database_url: str
) -> None:
    orders = 3 * READ_AT_ONCE
    long = "a reason that fills the kernel's own buffers" * 40
    for order_id in store(
        sessions, *(a_held_order(number, hold_reason=long) for number in range(orders))
    )[:3]:
        bought_by(sessions, order_id)
    viewer = SignedIn(app, sessions, "otto", Role.VIEWER)
    files = temporary_files()
    pool: Any = engine_for(database_url).pool
    in_use = pool.checkedout()
    with serving(app, threads=AT_ONCE + 1) as server:
        slow = [connect(server, get("/orders.csv", more=viewer.cookie())) for _ in range(AT_ONCE)]
        stall(server)
        # The views wait for their readers, and a slice may just be read.
        until(lambda: pool.checkedout() == in_use, "the connections are given back")
        assert temporary_files() == files
        with connect(server, get("/orders.csv", more=viewer.cookie())) as third:
            said = take_until(server, third, b"</html>")
        assert said.startswith(b"HTTP/1.1 503 ")
        assert b"2 files are being saved already" in said
        with connect(server, get("/healthz")) as other:
            assert take_until(server, other, b"ok\n").startswith(b"HTTP/1.1 200 ")
        for one in slow:
            one.close()
        assert work(server, lambda: not server.active_channels)
        answers = []

        def saved_again() -> bool:
            with connect(server, get("/orders.csv", more=viewer.cookie()), 1 << 20) as again:
                answers.append(take_all(server, again))
            return answers[-1].startswith(b"HTTP/1.1 200 ")

        # A thread gives its place back a moment after its reader's connection has ended.
        until(saved_again, "there is room again")
    assert answers[-1].endswith(b"0\r\n\r\n")
    assert answers[-1].count(b"303-0000000-") == orders


def test_the_files_of_money_and_returns_have_no_more_places(
    app: Flask, sessions: Sessions, database_url: str
) -> None:
    lines = [replace(line, sku="S" * 200) for line in sales(1_500)]
    settlement = f"/settlements/{settled(sessions, lines, [])}"
    viewer = SignedIn(app, sessions, "otto", Role.VIEWER)
    pool: Any = engine_for(database_url).pool
    in_use = pool.checkedout()
    with serving(app, threads=AT_ONCE + 1) as server:
        slow = [
            connect(server, get(f"{settlement}.{kind}", more=viewer.cookie()))
            for kind in ("csv", "csv?format=local")
        ]
        stall(server)
        until(lambda: pool.checkedout() == in_use, "the connections are given back")
        for path in (f"{settlement}.xlsx", f"{settlement}.csv?sums=1", "/returns.csv"):
            with connect(server, get(path, more=viewer.cookie())) as third:
                assert take_until(server, third, b"</html>").startswith(b"HTTP/1.1 503 ")
        for one in slow:
            one.close()
        assert work(server, lambda: not server.active_channels)


def take_until(server: Server, connection: socket.socket, end: bytes) -> bytes:
    connection.setblocking(False)
    taken = b""
    give_up_at = time.monotonic() + 30
    while not taken.endswith(end) and time.monotonic() < give_up_at:
        work(server, rounds=1)
        try:
            taken += connection.recv(65536)
        except BlockingIOError:
            continue
    return taken
