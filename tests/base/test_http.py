"""HTTP over real sockets: what an answer becomes, and what its absence means."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
from decimal import Decimal

import pytest

from pipeline.base.errors import OutcomeUnknown, RemoteError, Transient
from pipeline.base.http import Http, Method, Reply
from tests.remote import (
    Behaviour,
    Remote,
    answer,
    cut,
    cut_within,
    cut_within_chunks,
    drip,
    silence,
    wrong,
)

WRITES: list[Method] = ["POST", "PUT", "PATCH", "DELETE"]


def call(behaviour: Behaviour, method: Method = "GET", **options: object) -> Reply:
    with Remote(behaviour) as remote:
        return Http(remote.url).call(method, "/orders", **options)  # type: ignore[arg-type]


def test_a_request_carries_what_it_was_given_and_no_more() -> None:
    with Remote(answer({})) as remote:
        http = Http(remote.url, {"X-Common": "one"})
        http.call("POST", "/orders", query="a=b%20c", body={"id": 7}, headers={"X-Own": "two"})
        head, _, body = remote.requests[0].decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    assert lines[0] == "POST /orders?a=b%20c HTTP/1.1"
    assert {"X-Common: one", "X-Own: two", "Content-Type: application/json"} <= set(lines)
    assert "Accept: application/json" in lines
    assert json.loads(body) == {"id": 7}


def test_a_form_goes_out_as_a_form() -> None:
    with Remote(answer({})) as remote:
        Http(remote.url).call("POST", "/token", form={"grant_type": "refresh_token"})
        assert remote.bodies == [b"grant_type=refresh_token"]
        assert b"application/x-www-form-urlencoded" in remote.requests[0]


@pytest.mark.parametrize("url", ["http://10.0.0.5:1/x", "HTTP://storage.example/x"])
def test_nothing_is_sent_in_clear_to_an_address_that_a_remote_gave(url: str) -> None:
    for method, content in (("GET", None), ("PUT", b"x")):
        with pytest.raises(Transient) as refusal:
            Http("").transfer(method, url, content=content)  # type: ignore[arg-type]
        assert refusal.value.code == "InClear"


def test_amounts_stay_decimal_on_both_ways() -> None:
    with Remote(answer(b'{"each": 19.90, "total": 0.1, "count": 3, "big": 123456789012.3456}')) as (
        remote
    ):
        reply = Http(remote.url).call(
            "POST", "/", body={"each": Decimal("19.90"), "big": Decimal("99999999999.9999")}
        )
        assert json.loads(remote.bodies[0], parse_float=Decimal) == {
            "each": Decimal("19.9"),
            "big": Decimal("99999999999.9999"),
        }
    assert reply.body == {
        "each": Decimal("19.90"),
        "total": Decimal("0.1"),
        "count": 3,
        "big": Decimal("123456789012.3456"),
    }
    assert str(reply.body["each"]) == "19.90"


def test_what_json_cannot_hold_is_never_sent() -> None:
    with Remote(answer({})) as remote:
        with pytest.raises(TypeError, match="set does not go into JSON"):
            Http(remote.url).call("POST", "/", body={"one": {1}})
        assert remote.requests == []


@pytest.mark.parametrize("status", [200, 302, 400, 404, 429, 500, 503])
def test_every_whole_answer_is_returned_whatever_its_status(status: int) -> None:
    reply = call(answer({"id": 7}, status, Location="/elsewhere"))
    assert (reply.status, reply.body, reply.is_json) == (status, {"id": 7}, True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Service unavailable</html>",
        b"\xff\xfe\x00",
        b'{"id": 7',
        b'{"amount": NaN}',
        b"[Infinity]",
        b"[" * 100_000,
        b"1" * 10_000,
    ],
    ids=["empty", "HTML", "binary", "half", "NaN", "Infinity", "deep", "endless number"],
)
def test_an_answer_that_is_no_json_has_no_body_and_says_so(content: bytes) -> None:
    reply = call(answer(content))
    assert (reply.status, reply.body, reply.is_json) == (200, None, False)


@pytest.mark.parametrize("content", [b"null", b"7", b'"done"', b"true"])
def test_json_that_is_no_object_is_json(content: bytes) -> None:
    reply = call(answer(content))
    assert (reply.body, reply.is_json) == (json.loads(content), True)


def test_a_compressed_answer_is_read() -> None:
    packed = gzip.compress(json.dumps({"text": "x" * 200_000}).encode())
    reply = call(answer(packed, Content_Encoding="gzip"))
    assert reply.body == {"text": "x" * 200_000}


def test_chunks_become_one_body() -> None:
    def behave(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.sendall(b'4\r\n{"id\r\n')
        connection.sendall(b'5\r\n": 7}\r\n0\r\n\r\n')

    assert call(behave).body == {"id": 7}


def test_a_connection_is_used_again() -> None:
    with Remote(answer({"id": 1}), answer(b""), answer({"id": 3})) as remote:
        http = Http(remote.url)
        assert [http.call("GET", "/").body for _ in range(3)] == [{"id": 1}, None, {"id": 3}]
        assert remote.connections == 1


def test_a_remotes_cookies_are_not_kept() -> None:
    with Remote(answer({}, Set_Cookie="session=canary; Path=/"), answer({})) as remote:
        http = Http(remote.url)
        http.call("GET", "/")
        http.call("GET", "/")
        assert b"canary" not in remote.requests[1]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("99999999", 86400.0),
        ("9" * 400, 86400.0),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("Fri, 31 Dec 2027 23:59:59 GMT", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    def behave(connection: socket.socket) -> None:
        connection.sendall(
            f"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\nRetry-After: {value}\r\n\r\n".encode(
                "latin-1"
            )
        )

    assert call(behave).retry_after_s == seconds


def test_no_retry_after_is_none() -> None:
    assert call(answer({}, 429)).retry_after_s is None


@pytest.mark.parametrize("method", ["GET", *WRITES])
def test_nobody_there_is_transient_for_every_method(method: Method) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Transient, match="could not connect"):
        Http(f"http://127.0.0.1:{port}").call(method, "/orders", body={})


@pytest.mark.parametrize("method", ["GET", *WRITES])
def test_a_name_that_is_not_found_is_transient_for_every_method(method: Method) -> None:
    with pytest.raises(Transient, match="could not connect"):
        Http("http://nowhere.invalid").call(method, "/orders")


@pytest.mark.parametrize("method", ["GET", *WRITES])
def test_a_remote_that_takes_no_connection_is_transient_for_every_method(method: Method) -> None:
    # A listener whose backlog is full answers no further handshake.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(address)
        try:
            with pytest.raises(Transient, match=r"could not connect \(ConnectTimeout\)"):
                Http(f"http://127.0.0.1:{address[1]}", connect_timeout_s=0.2).call(method, "/")
        finally:
            for one in crowd:
                one.close()


LOST = [cut, cut_within, cut_within_chunks, wrong]


@pytest.mark.parametrize("behaviour", LOST)
def test_a_read_without_a_whole_answer_is_transient(behaviour: Behaviour) -> None:
    with pytest.raises(Transient, match="no usable answer"):
        call(behaviour)


@pytest.mark.parametrize(("behaviour", "method"), list(itertools.product(LOST, WRITES)))
def test_a_write_without_a_whole_answer_is_unknown(behaviour: Behaviour, method: Method) -> None:
    with pytest.raises(OutcomeUnknown, match="sent, but no usable answer came"):
        call(behaviour, method, body={})


@pytest.mark.parametrize("behaviour", LOST)
def test_a_write_that_may_be_repeated_is_transient(behaviour: Behaviour) -> None:
    with pytest.raises(Transient):
        call(behaviour, "POST", body={}, repeatable=True)


@pytest.mark.parametrize("behaviour", LOST)
def test_a_read_that_may_not_be_repeated_is_unknown(behaviour: Behaviour) -> None:
    with pytest.raises(OutcomeUnknown):
        call(behaviour, repeatable=False)


@pytest.mark.parametrize(("method", "error"), [("GET", Transient), ("POST", OutcomeUnknown)])
def test_no_answer_in_time(method: Method, error: type[RemoteError]) -> None:
    with Remote(silence) as remote, pytest.raises(error):
        Http(remote.url, read_timeout_s=0.1).call(method, "/")


@pytest.mark.parametrize(("method", "error"), [("GET", Transient), ("POST", OutcomeUnknown)])
def test_an_answer_that_drips_is_given_up(method: Method, error: type[RemoteError]) -> None:
    ticks = itertools.count()
    with Remote(drip) as remote:
        http = Http(remote.url, total_timeout_s=10, monotonic=lambda: float(next(ticks)))
        with pytest.raises(error, match="ReadTimeout"):
            http.call(method, "/")
    assert next(ticks) == 11


@pytest.mark.parametrize(("method", "error"), [("GET", Transient), ("POST", OutcomeUnknown)])
def test_an_answer_that_is_too_large_is_given_up(method: Method, error: type[RemoteError]) -> None:
    with Remote(answer(b" " * 1001), answer(b"7" + b" " * 999)) as remote:
        http = Http(remote.url, max_body_bytes=1000)
        with pytest.raises(error):
            http.call(method, "/")
        assert http.call(method, "/").body == 7


def test_an_answer_that_unpacks_to_something_too_large_is_given_up() -> None:
    with Remote(answer(gzip.compress(b" " * 10_000_000), Content_Encoding="gzip")) as remote:
        http = Http(remote.url, max_body_bytes=100_000)
        with pytest.raises(Transient):
            http.call("GET", "/")


def test_errors_quote_neither_what_was_sent_nor_what_came() -> None:
    with Remote(cut_within) as remote, pytest.raises(OutcomeUnknown) as caught:
        Http(remote.url).call("POST", "/", query="q=canary", body={"name": "canary"})
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
