"""A server on loopback that answers what a test wrote down, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from pipeline.settings.model import AccountSettings

ACCESS_TOKENS = ("Atza|first", "Atza|second", "Atza|third")


@dataclass(frozen=True)
class Answer:
    """What is sent back; `body` is JSON, or bytes as they are. Status 0 hangs up instead."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A request as it arrived. Header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode())


class Server(ThreadingHTTPServer):
    """Answers API calls from `answers` in turn, the last one for ever; likewise the token calls.

    Without token answers of a test's own each token call gives the next of ACCESS_TOKENS. A call
    releases `arrivals` and then waits for `gate`, so a test that holds it keeps calls waiting.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[Answer] = []
        self.token_answers = [token_answer(token) for token in ACCESS_TOKENS]
        self.calls: list[Asked] = []
        self.token_calls: list[Asked] = []
        self.arrivals = threading.Semaphore(0)
        self.gate = threading.Lock()
        self._one_at_a_time = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, asked: Asked) -> Answer:
        is_token_call = asked.path == "/auth/o2/token"
        with self._one_at_a_time:
            (self.token_calls if is_token_call else self.calls).append(asked)
        self.arrivals.release()
        with self.gate, self._one_at_a_time:
            script = self.token_answers if is_token_call else self.answers
            return script.pop(0) if len(script) > 1 else script[0]


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        target = urlsplit(self.path)
        asked = Asked(
            self.command,
            target.path,
            dict(parse_qsl(target.query)),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(self.headers.get("Content-Length", 0))),
        )
        answer = self.server.answer(asked)
        self.close_connection = True
        if not answer.status:
            return
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        if answer.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _serve

    def log_message(self, format: str, *args: Any) -> None:
        return


@contextmanager
def serving() -> Iterator[Server]:
    """A server that runs until the end of the block."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def token_answer(token: str, life_s: int = 3600) -> Answer:
    return Answer(200, {"access_token": token, "token_type": "bearer", "expires_in": life_s})


def errors(code: str, message: str, details: str = "") -> dict[str, Any]:
    """An error body in SP-API's shape."""
    return {"errors": [{"code": code, "message": message, "details": details}]}


def an_account(url: str, **changes: Any) -> AccountSettings:
    """Settings of an account whose Amazon, token service included, is at `url`."""
    values = {
        "region": "EU",
        "shop": "main",
        "start_from": "2026-01-01T00:00:00Z",
        "base_url": url,
        "token_url": url,
        "client_id": "a-client",
        "client_secret": "a-client-secret",
        "refresh_token": "Atzr|refresh",
    }
    return AccountSettings.model_validate(values | changes)
