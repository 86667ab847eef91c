"""`orderbridge console` as a process of its own, over a real socket."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.orders.tables import Note
from tests.cli.conftest import environment
from tests.console.builders import a_held_order, store
from tests.console.forms import form_token, sign_in
from tests.security_log import rows

USER, PASSWORD = "anna", "secret-login"
ORDERBRIDGE = str(Path(sys.executable).with_name("orderbridge"))


@dataclass
class Console:
    """A running console and where it answers."""

    process: subprocess.Popen[str]
    url: str


@pytest.fixture
def variables(tmp_path: Path, database_url: str) -> dict[str, str]:
    found = environment(tmp_path, database_url)
    with Path(found["ORDERBRIDGE_CONFIG"]).open("a", encoding="utf-8") as file:
        file.write('\n[console]\nsecond_factor = "optional"\n')
    return {
        "PATH": os.defpath,
        **found,
        "ORDERBRIDGE_CONSOLE_USER": USER,
        "ORDERBRIDGE_CONSOLE_PASSWORD": PASSWORD,
    }


@pytest.fixture
def console(variables: dict[str, str]) -> Iterator[Console]:
    with serving(variables) as running:
        yield running


@contextmanager
def serving(variables: dict[str, str]) -> Iterator[Console]:
    """A console on a port of its own."""
    with subprocess.Popen(
        [ORDERBRIDGE, "console", "--port", "0"],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        answers = re.fullmatch(r"Orderbridge answers on (http://127\.0\.0\.1:\d+)/\n", line)
        try:
            assert answers is not None, line + process.stdout.read()
            yield Console(process, answers[1])
        finally:
            process.kill()


def test_it_answers_asks_for_the_login_and_ends_on_sigterm(
    sessions: Sessions, console: Console
) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    with requests.Session() as web:
        assert web.get(f"{console.url}/healthz", timeout=20).text == "ok\n"
        assert web.get(console.url, timeout=20).url == f"{console.url}/login"
        assert sign_in(web, console.url, USER, "wrong").status_code == 403
        page = sign_in(web, console.url, USER, PASSWORD)
        assert (page.status_code, page.url) == (200, f"{console.url}/")
        assert "1 order needs you" in page.text
        assert page.headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert "Server" not in page.headers
        release = f"{console.url}/orders/{order_id}/release"
        assert web.post(release, timeout=20).status_code == 400
        released = web.post(release, data=form_token(page.text), timeout=20)
        assert released.status_code == 200
        assert released.url.partition("?")[0] == f"{console.url}/orders/{order_id}"
        too_much = web.post(release, data=b"x" * 100_000, timeout=20)
        assert too_much.status_code == 413
    with sessions() as session:
        assert session.scalars(select(Note.author)).all() == [USER]
    console.process.send_signal(signal.SIGTERM)
    rest, _ = console.process.communicate(timeout=20)
    assert console.process.returncode == 0
    assert PASSWORD not in rest
    assert "Traceback" not in rest


HALF_OPEN = {
    "a line without its end": b"GET /",
    "slow headers": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "a slow body": b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\nname=",
}


@pytest.mark.parametrize("number", [100, 300])
@pytest.mark.parametrize("sent", HALF_OPEN.values(), ids=HALF_OPEN)
def test_half_open_connections_leave_room_for_others(
    console: Console, number: int, sent: bytes
) -> None:
    port = int(console.url.rpartition(":")[2])
    with ExitStack() as opened:
        for _ in range(number):
            one = socket.create_connection(("127.0.0.1", port), timeout=20)
            opened.enter_context(one).sendall(sent)
        assert requests.get(f"{console.url}/healthz", timeout=10).text == "ok\n"


@pytest.mark.parametrize(
    ("proxies", "added", "counted"),
    [
        (0, "", "127.0.0.1"),
        (1, ", 192.0.2.1", "192.0.2.1"),
        (2, ", 192.0.2.1, 198.51.100.9", "192.0.2.1"),
        (1, ", Karla Kuehn", ""),
    ],
)
def test_behind_proxies_tries_count_by_the_address_that_the_counted_ones_tell(
    variables: dict[str, str], sessions: Sessions, proxies: int, added: str, counted: str
) -> None:
    with Path(variables["ORDERBRIDGE_CONFIG"]).open("a", encoding="utf-8") as file:
        file.write(f"proxies = {proxies}\n")
    with serving(variables) as console, requests.Session() as web:
        # What a browser writes into the header itself stands before what the proxies add.
        for number in range(6):
            web.headers["X-Forwarded-For"] = f"203.0.113.{number}{added}"
            status = sign_in(web, console.url, USER, "wrong").status_code
        assert status == 429
        if proxies:
            web.headers["X-Forwarded-For"] = "192.0.2.1, 192.0.2.2, 198.51.100.9"
            healthz, only_https = f"{console.url}/healthz", "Strict-Transport-Security"
            assert only_https not in web.get(healthz, timeout=20).headers
            web.headers["X-Forwarded-Proto"] = "https"
            assert only_https in web.get(healthz, timeout=20).headers
            assert sign_in(web, console.url, USER, PASSWORD).status_code == 200
    refused = rows(sessions, Action.SIGN_IN_REFUSED)
    assert {row.address for row in refused} == {counted}


def test_a_port_that_is_taken_is_one_sentence(variables: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [ORDERBRIDGE, "console", "--port", port],
            env=variables,
            capture_output=True,
            text=True,
        )
    assert (done.returncode, done.stdout) == (2, "")
    reason = "Address already in use"
    assert done.stderr == f"Error: cannot listen on 127.0.0.1, port {port}: {reason}\n"


def test_a_replays_preview_is_told_by_the_steps_themselves(
    variables: dict[str, str], sessions: Sessions
) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    with serving(variables) as console, requests.Session() as web:
        page = sign_in(web, console.url, USER, PASSWORD).text
        told = web.post(
            f"{console.url}/orders/{order_id}/preview",
            data={**form_token(page), "step": "import_order"},
            timeout=20,
        )
    assert told.status_code == 200
    assert "would be held: unreadable_order" in told.text
