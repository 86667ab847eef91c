"""The wheel alone, as on a server without the project's folder: what it holds, and that it runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import requests
from sqlalchemy.engine import make_url

from devstack.paths import kept_port, temporary_home
from devstack.stack import wait_for
from devstack.supervisor import Process, Supervisor
from tests.console.forms import sign_in
from tests.deploy import compose

USER, PASSWORD = "operator", "a-password-of-the-test"
CONFIGURATION = """
[shops.main]
base_url = "http://127.0.0.1:1"
[accounts.eu]
region = "EU"
shop = "main"
start_from = 2026-01-01T00:00:00Z
"""
PACKAGES = ("pipeline", "tasks")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from what the image's Dockerfile copies, and nothing else."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in compose.copied_into_the_image():
        path = compose.PROJECT / name
        if path.is_dir():
            # With links as they are: docs/ is the console's manual by one.
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, source / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(path, source / name)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(built), str(source))
    (found,) = built.iterdir()
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Iterator[Path]:
    """A virtual environment of its own with the wheel; the packages it needs are this one's."""
    with temporary_home() as home:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", home / "venv"], check=True)
        python = home / "venv" / "bin" / "python"
        pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
        (site,) = (home / "venv" / "lib").glob("python*/site-packages")
        # A path alone: the .pth files there, one of which names the project's folder, do not count.
        (site / "needed.pth").write_text(sysconfig.get_path("purelib"))
        (home / "elsewhere").mkdir()
        yield home


def pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_every_file_of_the_installation_and_no_other(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        held = {name for name in opened.namelist() if ".dist-info/" not in name}
    files = {
        str((Path(folder) / name).relative_to(compose.PROJECT))
        for package in PACKAGES
        for folder, _, names in os.walk(compose.PROJECT / package, followlinks=True)
        for name in names
        if "__pycache__" not in folder
    }
    assert held == files
    assert "pipeline/console/manual/settings.md" in held


def test_it_migrates_and_answers_from_elsewhere(installed: Path, own_database_url: str) -> None:
    plain = make_url(own_database_url).set(drivername="postgresql")
    with psycopg.connect(plain.render_as_string(hide_password=False)) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    (installed / "orderbridge.toml").write_text(CONFIGURATION)
    names = [name for name in compose.example() if name.startswith("ORDERBRIDGE_")]
    environment = {
        **dict.fromkeys(names, "none"),
        "ORDERBRIDGE_FLOWER_URL": "",
        "ORDERBRIDGE_CONFIG": str(installed / "orderbridge.toml"),
        "ORDERBRIDGE_DATABASE_URL": own_database_url,
        "ORDERBRIDGE_REDIS_URL": "redis://127.0.0.1:1/0",
        "ORDERBRIDGE_MASTER_KEY": b64encode(bytes(range(32))).decode(),
        "ORDERBRIDGE_CONSOLE_USER": USER,
        "ORDERBRIDGE_CONSOLE_PASSWORD": PASSWORD,
    }
    command, elsewhere = str(installed / "venv" / "bin" / "orderbridge"), installed / "elsewhere"

    def run(*argv: str) -> str:
        done = subprocess.run(
            argv, env=environment, cwd=elsewhere, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    python = str(installed / "venv" / "bin" / "python")
    places = run(python, "-c", "import pipeline, tasks; print(pipeline.__file__, tasks.__file__)")
    assert all(Path(place).is_relative_to(installed) for place in places.split())
    assert run(command, "migrate") == "The database is up to date.\n"
    assert "orderbridge.create_order" in run(
        python, "-m", "celery", "-A", "tasks.app", "report"
    ) + (run(python, "-c", "from tasks.app import app; print(*app.tasks)"))

    port = kept_port(installed / "port", lambda _: False)
    address = f"http://127.0.0.1:{port}"
    with Supervisor(installed / "home") as supervisor:
        argv = (command, "console", "--port", str(port))
        supervisor.start(Process("console", argv, env=environment, cwd=elsewhere))
        wait_for(f"{address}/healthz")
        with requests.Session() as web:
            page = web.get(address, timeout=10)
            assert page.url == f"{address}/login"
            linked = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
            assert {path.partition("?")[0] for path in linked} == {
                "/static/tokens.css",
                "/static/console.css",
                "/static/forms.css",
                "/static/tables.css",
                "/static/work.css",
                "/static/console.js",
                "/static/icon.svg",
            }
            assert [web.get(address + path, timeout=10).status_code for path in linked] == [
                200
            ] * len(linked)
            page = sign_in(web, address, USER, PASSWORD)
            assert "<h1>Set up a second factor</h1>" in page.text
