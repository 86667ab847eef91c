"""Debian's nginx with the example before the console."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from sqlalchemy import update

from devstack.paths import kept_port, temporary_home
from devstack.supervisor import Process, Supervisor
from pipeline.access.tables import PersonRecord
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.settings.roles import Role
from tests.cli.conftest import environment
from tests.cli.test_process import serving
from tests.console.forms import sign_in
from tests.deploy.compose import PROJECT
from tests.devstack.waiting import until
from tests.remote import Remote, answer
from tests.security_log import rows
from tests.servers import certificates
from tests.servers.programs import debians

EXAMPLES = PROJECT / "deploy" / "proxy"
USER, PASSWORD = "anna", "secret-login"


LOGIN = "Basic dXNlcjpwYXNzd29yZA=="


@dataclass(frozen=True, slots=True)
class Proxied:
    """The addresses of nginx before the console and before Flower, and who signed them."""

    url: str
    flower_url: str
    authority: str
    flower: Remote


def written(home: Path, console: str, flower: str, port: int, flower_port: int) -> Path:
    """nginx' configuration: around the example only what keeps it in this folder."""
    (home / "flower.conf").write_text(f'proxy_set_header Authorization "{LOGIN}";\n')
    made = certificates.make(home)
    example = (EXAMPLES / "nginx.conf").read_text(encoding="utf-8")
    for ours, here in {
        "listen 443 ": f"listen 127.0.0.1:{port} ",
        "listen 5556 ": f"listen 127.0.0.1:{flower_port} ",
        "/etc/nginx/orderbridge-flower.conf": str(home / "flower.conf"),
        "http://127.0.0.1:5555": flower,
        "return 302 https://orders.example.com/": f"return 302 https://localhost:{port}/",
        "listen 80;": f"listen 127.0.0.1:{kept_port(home / 'plain.port', lambda _: False)};",
        "/etc/ssl/orderbridge/fullchain.pem": str(made.certificate),
        "/etc/ssl/orderbridge/privkey.pem": str(made.key),
        "http://127.0.0.1:8080": console,
    }.items():
        assert ours in example
        example = example.replace(ours, here)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "\n".join(f"{kind}_temp_path {home / kind};" for kind in kinds)
    configuration = home / "nginx.conf"
    configuration.write_text(
        f"{'user root;' if os.geteuid() == 0 else ''}\n"
        f"daemon off;\npid {home / 'nginx.pid'};\nerror_log {home / 'error.log'};\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{folders}\n{example}\n}}\n",
        encoding="utf-8",
    )
    return configuration


@pytest.fixture
def proxy(tmp_path: Path, database_url: str) -> Iterator[Proxied]:
    """nginx before a console and before what keeps the requests that reach Flower."""
    program = debians("nginx", "nginx-light")
    variables = {
        "PATH": os.defpath,
        **environment(tmp_path, database_url),
        "ORDERBRIDGE_CONSOLE_USER": USER,
        "ORDERBRIDGE_CONSOLE_PASSWORD": PASSWORD,
    }
    tasks = (answer(b"the tasks") for _ in range(100))
    with temporary_home() as home, Supervisor(home) as supervisor, Remote(*tasks) as flower:
        port = kept_port(home / "tls.port", lambda _: False)
        flower_port = kept_port(home / "flower.port", lambda _: False)
        with Path(variables["ORDERBRIDGE_CONFIG"]).open("a", encoding="utf-8") as file:
            file.write(f'\n[console]\nproxies = 1\nurl = "https://localhost:{port}"\n')
            file.write('second_factor = "optional"\n')
        with serving(variables) as console:
            configuration = written(home, console.url, flower.url, port, flower_port)
            command = (program, "-p", str(home), "-c", str(configuration))
            tried = subprocess.run([*command, "-t"], capture_output=True, text=True)
            assert tried.returncode == 0, tried.stderr
            assert "[warn]" not in tried.stderr
            supervisor.start(
                Process(
                    name="nginx",
                    argv=command,
                    env={"PATH": os.defpath},
                    cwd=home,
                    stop_signal=signal.SIGTERM,
                )
            )
            url, authority = f"https://localhost:{port}", str(home / "ca.pem")

            def answers() -> bool:
                try:
                    return requests.get(f"{url}/healthz", verify=authority, timeout=20).ok
                except requests.ConnectionError:
                    return False

            until(answers, "nginx answers")
            yield Proxied(url, f"https://localhost:{flower_port}", authority, flower)


def test_people_sign_in_through_it_by_https_alone(proxy: Proxied) -> None:
    url = proxy.url
    with requests.Session() as web:
        web.verify, web.trust_env = proxy.authority, False
        page = sign_in(web, url, USER, PASSWORD)
        assert (page.status_code, page.url) == (200, f"{url}/")
        assert {cookie.secure for cookie in web.cookies} == {True}
        for path, status in (("/", 200), ("/no-such-page", 404), ("/metrics", 404)):
            reply = web.get(url + path, timeout=20)
            assert reply.status_code == status
            assert reply.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_what_a_browser_says_of_its_address_does_not_count(proxy: Proxied) -> None:
    url = proxy.url
    with requests.Session() as web:
        web.verify, web.trust_env = proxy.authority, False
        for number in range(6):
            web.headers["X-Forwarded-For"] = f"203.0.113.{number}"
            web.headers["Forwarded"] = f"for=203.0.113.{number}"
            reply = sign_in(web, url, USER, "wrong")
        # All six are of one address, and it is the console that says so.
        assert reply.status_code == 429
        assert "Content-Security-Policy" in reply.headers


def test_flower_is_for_who_is_signed_in_to_the_console(proxy: Proxied, sessions: Sessions) -> None:
    with requests.Session() as web:
        web.verify, web.trust_env = proxy.authority, False
        # Whatever a stranger sends, the login included, it is the console that decides.
        for headers in ({}, {"Authorization": LOGIN}, {"Cookie": "__Host-orderbridge=guessed"}):
            reply = web.get(f"{proxy.flower_url}/tasks", headers=headers, allow_redirects=False)
            assert (reply.status_code, reply.headers["Location"]) == (302, f"{proxy.url}/")
        assert web.get(f"{proxy.flower_url}/flower-access", timeout=20).status_code == 404
        assert proxy.flower.requests == []

        sign_in(web, proxy.url, USER, PASSWORD)
        web.headers["Authorization"] = "Basic c29tZWJvZHk6ZWxzZQ=="
        reply = web.get(f"{proxy.flower_url}/tasks?x=1", timeout=20)
        assert (reply.status_code, reply.text) == (200, "the tasks")
        (request,) = proxy.flower.requests
        head = request.decode().split("\r\n")
        assert head[0] == "GET /tasks?x=1 HTTP/1.1"
        assert [line for line in head if line.startswith("Authorization:")] == [
            f"Authorization: {LOGIN}"
        ]
        assert not any(line.lower().startswith("cookie:") for line in head)
        assert [row.person for row in rows(sessions, Action.FLOWER_OPENED)] == [USER]


def test_another_host_may_link_to_flower_and_do_nothing_there(proxy: Proxied) -> None:
    with requests.Session() as web:
        web.verify, web.trust_env = proxy.authority, False
        sign_in(web, proxy.url, USER, PASSWORD)
        web.headers["Sec-Fetch-Site"], web.headers["Sec-Fetch-Mode"] = "same-site", "navigate"
        # What a browser says of the method does not count.
        web.headers["X-Forwarded-Method"] = "GET"
        assert web.get(f"{proxy.flower_url}/tasks", timeout=20).status_code == 200
        pool = f"{proxy.flower_url}/api/worker/shutdown/orders"
        assert web.post(pool, timeout=20).status_code == 403
        assert len(proxy.flower.requests) == 1


def test_a_viewer_does_not_see_flower(proxy: Proxied, sessions: Sessions) -> None:
    with requests.Session() as web:
        web.verify, web.trust_env = proxy.authority, False
        sign_in(web, proxy.url, USER, PASSWORD)
        with sessions() as session, session.begin():
            session.execute(update(PersonRecord).values(role=Role.VIEWER))
        assert web.get(f"{proxy.flower_url}/tasks", timeout=20).status_code == 403
        assert proxy.flower.requests == []


def test_both_examples_ask_the_console_before_flower() -> None:
    nginx, caddy = (
        (EXAMPLES / name).read_text(encoding="utf-8").partition("\n# Flower. ")[2]
        for name in ("nginx.conf", "Caddyfile")
    )
    for text, asks, hides in (
        (nginx, "auth_request /flower-access;", 'proxy_set_header Cookie "";'),
        (caddy, "uri /flower-access\n", "header_up -Cookie\n"),
    ):
        assert text.count("127.0.0.1:5555") == text.count("127.0.0.1:8080") == 1
        # Before what is asked of Flower, in the same block.
        assert text.index(asks) < text.index("127.0.0.1:5555")
        assert hides in text
        assert "5556 " in text


def test_both_examples_say_what_the_console_needs() -> None:
    for name in ("nginx.conf", "Caddyfile"):
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        assert "#   proxies = 1\n" in text
        assert re.search(r"X-Forwarded-For (\$remote_addr;|\{remote_host\})\n", text)
        assert re.search(r"X-Forwarded-Proto (\$scheme;|\{scheme\})\n", text)
        assert text.count('Strict-Transport-Security "max-age=31536000"') == 2
