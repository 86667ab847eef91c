"""Exchanges that go wrong on the wire: each ends in time, in an answer or in one of our errors."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
import zlib
from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.base.errors import OutcomeUnknown, RemoteError, Transient
from pipeline.base.http import Http, Reply
from tests.remote import Behaviour, Remote, answer, head

SHORT: dict[str, Any] = {"connect_timeout_s": 0.5, "read_timeout_s": 0.3, "total_timeout_s": 0.5}
START = b"HTTP/1.1 200 OK\r\n"
CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"


def sends(*parts: bytes, again: bytes = b"", pause_s: float = 0.02) -> Behaviour:
    """Send the parts, and then the same thing again and again, each in time for a read."""

    def behave(connection: socket.socket) -> None:
        pause = threading.Event()
        for part in parts:
            connection.sendall(part)
        while again and not pause.wait(pause_s):
            connection.sendall(again)

    return behave


def resets(*parts: bytes) -> Behaviour:
    """Send the parts and then reset the connection, as a machine does that has just restarted."""

    def behave(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return behave


def ends(*parts: bytes) -> Behaviour:
    """Send the parts and hang up."""

    def behave(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_RDWR)

    return behave


BOMB = gzip.compress(b" " * 3_000_000)
DEFLATED = zlib.compress(b" " * 3_000_000)

BROKEN: Mapping[str, Behaviour] = {
    "headers a byte at a time": sends(START, again=b"x"),
    "a status line a byte at a time": sends(b"HTTP/1.1", again=b" "),
    "headers without end": sends(START, again=b"X-Header: more\r\n", pause_s=0),
    "a header line without end": sends(START + b"X-Long: ", again=b"x" * 4096, pause_s=0),
    "a body a byte at a time": sends(head(100_000), again=b" "),
    "chunks a byte at a time": sends(CHUNKED, again=b"1\r\n \r\n"),
    "the length of a chunk without end": sends(CHUNKED, again=b"0", pause_s=0),
    "trailers without end": sends(CHUNKED + b"0\r\n", again=b"X: y\r\n", pause_s=0),
    "continue without end": sends(again=b"HTTP/1.1 100 Continue\r\n\r\n"),
    "early hints and nothing else": sends(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
    "switching protocols": ends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    "a body larger than allowed": sends(head(2_000_000) + b" " * 2_000_000),
    "a body without end": sends(START + b"\r\n", again=b" " * 65536, pause_s=0),
    "a gzip bomb": answer(BOMB, Content_Encoding="gzip"),
    "a deflate bomb": answer(DEFLATED, Content_Encoding="deflate"),
    "a gzip bomb in another": answer(gzip.compress(BOMB), Content_Encoding="gzip, gzip"),
    "damaged gzip": answer(BOMB[:10] + b"\xff" * 20, Content_Encoding="gzip"),
    "no gzip at all": answer(b'{"id": 7}', Content_Encoding="gzip"),
    "cut gzip in a cut body": ends(head(len(BOMB), Content_Encoding="gzip") + BOMB[:100]),
    "lengths that differ": ends(START + b"Content-Length: 3, 5\r\n\r\n{}"),
    "a chunk of no length": ends(CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    "a chunk shorter than said": ends(CHUNKED + b"ffff\r\n{}"),
    "a chunk of a negative length": ends(CHUNKED + b"-5\r\n{}\r\n0\r\n\r\n"),
    "reset before an answer": resets(),
    "reset in the status line": resets(b"HTTP/1.1 2"),
    "reset in the headers": resets(START + b"Content-Le"),
    "reset in the body": resets(head(100) + b'{"id":'),
    "reset between chunks": resets(CHUNKED + b"2\r\n{}\r\n"),
    "another version": ends(b"HTTP/9.9 200 OK\r\n\r\n"),
    "a status that is no number": ends(b"HTTP/1.1 OK 200\r\n\r\n{}"),
    "a status beyond reason": ends(b"HTTP/1.1 99999 OK\r\n\r\n{}"),
    "a negative status": ends(b"HTTP/1.1 -200 OK\r\n\r\n{}"),
    "nothing but line ends": ends(b"\r\n\r\n\r\n\r\n"),
    "TLS instead": ends(b"\x15\x03\x03\x00\x02\x02\x28"),
    "zeros": ends(b"\x00" * 5000),
}
ANSWERED: Mapping[str, tuple[Behaviour, int, object]] = {
    "continue, then an answer": (
        sends(b"HTTP/1.1 100 Continue\r\n\r\n" + head(2) + b"{}"),
        200,
        {},
    ),
    "nothing, with a body": (
        sends(b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}"),
        204,
        None,
    ),
    "not modified": (sends(b"HTTP/1.1 304 Not Modified\r\n\r\n"), 304, None),
    "the same length twice": (
        ends(START + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
        200,
        {},
    ),
    "no length": (ends(START + b"\r\n{}"), 200, {}),
    "a negative length": (ends(START + b"Content-Length: -2\r\n\r\n{}"), 200, {}),
    "a length that is no number": (ends(START + b"Content-Length: two\r\n\r\n{}"), 200, {}),
    "more than its length": (sends(head(2) + b"{}{}{}"), 200, {}),
    "a redirect to itself": (answer(b"", 302, Location="/orders"), 302, None),
    "a redirect to nowhere": (answer(b"", 301, Location="http://[::1"), 301, None),
    "headers that are none": (
        ends(START + b"no colon\r\n: none\r\nContent-Length: 2\r\n\r\n{}"),
        200,
        {},
    ),
    "gzip that ends too soon": (answer(BOMB[:200], Content_Encoding="gzip"), 200, None),
    "a charset that nobody knows": (
        answer(b'{"id": "\xc3\xbc"}', Content_Type="text/html; charset=x-unknown"),
        200,
        {"id": "ü"},
    ),
    "cookies beyond reason": (
        answer(b"{}", Set_Cookie="a=b; Expires=never; Max-Age=x; Domain=.; Path=\x01"),
        200,
        {},
    ),
}


def test_headers_that_are_none_are_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    with Remote(ANSWERED["headers that are none"][0]) as remote:
        Http(remote.url, **SHORT).call("GET", "/customers", query="email=canary")
    assert caplog.text == ""


def call(behaviour: Behaviour, *, is_write: bool) -> Reply:
    with Remote(behaviour) as remote:
        http = Http(remote.url, max_body_bytes=1_000_000, **SHORT)
        return http.call("POST" if is_write else "GET", "/orders")


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize(("is_write", "kind"), [(False, Transient), (True, OutcomeUnknown)])
def test_what_breaks_off_is_no_answer(name: str, is_write: bool, kind: type[RemoteError]) -> None:
    with pytest.raises(RemoteError) as caught:
        call(BROKEN[name], is_write=is_write)
    assert type(caught.value) is kind


@pytest.mark.parametrize("name", ANSWERED)
@pytest.mark.parametrize("is_write", [False, True])
def test_what_is_odd_but_whole_is_an_answer(name: str, is_write: bool) -> None:
    behaviour, status, body = ANSWERED[name]
    reply = call(behaviour, is_write=is_write)
    assert (reply.status, reply.body) == (status, body)


@pytest.mark.parametrize(
    "first",
    [
        sends(b"HTTP/1.1 103 Early Hints\r\n\r\n" + head(8) + b'{"id":1}'),
        sends(b"HTTP/1.1 204 No Content\r\n\r\n" + head(8) + b'{"id":1}'),
        sends(head(2) + b"{}" + head(8) + b'{"id":1}'),
    ],
    ids=["behind early hints", "behind nothing", "behind an answer"],
)
def test_what_comes_too_much_is_no_answer_to_the_next_request(first: Behaviour) -> None:
    with Remote(first, answer({"id": 2}), answer({"id": 2})) as remote:
        http = Http(remote.url, **SHORT)
        with contextlib.suppress(Transient):
            http.call("GET", "/one")
        assert http.call("GET", "/two").body == {"id": 2}


@pytest.mark.parametrize(
    "url",
    [
        *("", "nowhere", "//", "http://", "http://[::1", "file:///etc/passwd", "ftp://127.0.0.1/x"),
        *("http://127.0.0.1:99999/", "http://127.0.0.1:x/", "http://\u2100/", "http://a\x00b/"),
        *("http://" + "a" * 300 + ".example/", "http://.../", "http://exa mple/", "\ud800"),
        *("javascript:alert(1)", "http://user:pass@/", "http://\u0130\u0307..invalid/"),
    ],
)
def test_an_address_that_a_remote_made_up_is_transient(url: str) -> None:
    with pytest.raises(Transient):
        Http("", **SHORT).transfer("GET", url)
