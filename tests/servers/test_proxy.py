"""Debian's nginx with the example before the console."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from devstack.paths import kept_port, temporary_home
from devstack.supervisor import Process, Supervisor
from tests.cli.conftest import environment
from tests.cli.test_process import serving
from tests.console.forms import sign_in
from tests.deploy.compose import PROJECT
from tests.devstack.waiting import until
from tests.servers import certificates
from tests.servers.programs import debians

EXAMPLES = PROJECT / "deploy" / "proxy"
USER, PASSWORD = "anna", "secret-login"


def written(home: Path, console: str, port: int) -> Path:
    """nginx' configuration: around the example only what keeps it in this folder."""
    made = certificates.make(home)
    example = (EXAMPLES / "nginx.conf").read_text(encoding="utf-8")
    for ours, here in {
        "listen 443 ": f"listen 127.0.0.1:{port} ",
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
def proxy(tmp_path: Path, database_url: str) -> Iterator[tuple[str, str]]:
    """The address of nginx before a console, and the authority of its certificate."""
    program = debians("nginx", "nginx-light")
    variables = {
        "PATH": os.defpath,
        **environment(tmp_path, database_url),
        "ORDERBRIDGE_CONSOLE_USER": USER,
        "ORDERBRIDGE_CONSOLE_PASSWORD": PASSWORD,
    }
    with temporary_home() as home, Supervisor(home) as supervisor:
        port = kept_port(home / "tls.port", lambda _: False)
        with Path(variables["ORDERBRIDGE_CONFIG"]).open("a", encoding="utf-8") as file:
            file.write(f'\n[console]\nproxies = 1\nurl = "https://localhost:{port}"\n')
            file.write('second_factor = "optional"\n')
        with serving(variables) as console:
            command = (program, "-p", str(home), "-c", str(written(home, console.url, port)))
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
            yield url, authority


def test_people_sign_in_through_it_by_https_alone(proxy: tuple[str, str]) -> None:
    url, authority = proxy
    with requests.Session() as web:
        web.verify, web.trust_env = authority, False
        page = sign_in(web, url, USER, PASSWORD)
        assert (page.status_code, page.url) == (200, f"{url}/")
        assert {cookie.secure for cookie in web.cookies} == {True}
        for path, status in (("/", 200), ("/no-such-page", 404), ("/metrics", 404)):
            reply = web.get(url + path, timeout=20)
            assert reply.status_code == status
            assert reply.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_what_a_browser_says_of_its_address_does_not_count(proxy: tuple[str, str]) -> None:
    url, authority = proxy
    with requests.Session() as web:
        web.verify, web.trust_env = authority, False
        for number in range(6):
            web.headers["X-Forwarded-For"] = f"203.0.113.{number}"
            web.headers["Forwarded"] = f"for=203.0.113.{number}"
            reply = sign_in(web, url, USER, "wrong")
        # All six are of one address, and it is the console that says so.
        assert reply.status_code == 429
        assert "Content-Security-Policy" in reply.headers


def test_both_examples_say_what_the_console_needs() -> None:
    for name in ("nginx.conf", "Caddyfile"):
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        assert "#   proxies = 1\n" in text
        assert re.search(r"X-Forwarded-For (\$remote_addr;|\{remote_host\})\n", text)
        assert re.search(r"X-Forwarded-Proto (\$scheme;|\{scheme\})\n", text)
        assert text.count('Strict-Transport-Security "max-age=31536000"') == 1
