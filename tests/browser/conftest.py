"""Debian's chromium, and a console on loopback that it may look at."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)
from pydantic import SecretStr
from waitress import wasyncore

from pipeline.access.people import People
from pipeline.base.db import Sessions
from pipeline.console.app import create_app
from pipeline.console.server import Server
from pipeline.operations.preview.replay import Call, Preview
from pipeline.settings.console import ConsoleSettings, Required
from pipeline.settings.model import Settings
from pipeline.settings.roles import Role
from tests.builders import signed
from tests.console.builders import some_settings
from tests.console.signing_in import PASSWORD, Clock

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
SERIOUS = ("serious", "critical")
PHONE: ViewportSize = {"width": 390, "height": 844}
# Nothing of the browser's own business: it looks at loopback only.
QUIET = (
    *("--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


@contextmanager
def started_chromium() -> Iterator[Browser]:
    """The browser, until the end of the block."""
    program = shutil.which(os.environ.get("ORDERBRIDGE_CHROMIUM", "chromium"))
    assert program is not None, "chromium is not there; `make browser` tells how to get it"
    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*QUIET, *as_root])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with started_chromium() as browser:
        yield browser


@dataclass(frozen=True)
class Console:
    """A running console; `clock` is its time."""

    url: str
    clock: Clock


def previews(order_id: int, step: str) -> Sequence[Preview]:
    """A replay that would find everything done."""
    call = Call("order", f"order:{order_id}", "done already")
    return [Preview(step, (call,), "goes on with the next step")]


def unreachable_remotes(settings: Settings) -> Settings:
    """The settings with remotes on this machine, where nothing listens."""
    nowhere = {"base_url": "http://127.0.0.1:1"}
    secrets = {name: SecretStr("none") for name in ("client_id", "client_secret", "refresh_token")}
    account = {**nowhere, **secrets, "token_url": "http://127.0.0.1:1"}
    return settings.model_copy(
        update={
            "shops": {
                name: shop.model_copy(update=nowhere) for name, shop in settings.shops.items()
            },
            "accounts": {
                name: own.model_copy(update=account) for name, own in settings.accounts.items()
            },
        }
    )


@pytest.fixture
def required() -> Required:
    """Who needs a second factor: nobody, but in the tests of it."""
    return Required.OPTIONAL


@pytest.fixture
def console(sessions: Sessions, required: Required) -> Iterator[Console]:
    """With one person of each role: anna the admin, otto the operator, vera the viewer."""
    clock = Clock()
    for name, role in (
        ("anna", Role.ADMIN),
        ("otto", Role.OPERATOR),
        ("vera", Role.VIEWER),
    ):
        People(sessions).add(name, role, PASSWORD, signed(at=clock.at), is_own=True)
    settings = unreachable_remotes(some_settings()).model_copy(
        update={"console": ConsoleSettings(second_factor=required)}
    )
    app = create_app(settings, sessions, clock, previews=previews)
    has_ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(app, listening, threads=8, proxies=0)

        def serve() -> None:
            while not has_ended.is_set():
                wasyncore.loop(timeout=0.05, use_poll=True, map=server._map, count=1)

        serving = threading.Thread(target=serve)
        serving.start()
        yield Console(f"http://127.0.0.1:{server.effective_port}", clock)
        has_ended.set()
        serving.join()
        server.task_dispatcher.shutdown()
        wasyncore.close_all(server._map)


Visit = Callable[..., Page]


@pytest.fixture
def visit(chromium: Browser, console: Console) -> Iterator[Visit]:
    """Opens a browser of one's own, signed in by name; nothing is loaded from other hosts."""
    contexts: list[BrowserContext] = []
    elsewhere: list[str] = []

    def open_(name: str | None = "otto", path: str = "/orders", **options: Any) -> Page:
        context = chromium.new_context(base_url=console.url, **options)
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith(console.url) else elsewhere.append(asked.url)
            ),
        )
        if name is not None:
            sign_in(page, name)
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert elsewhere == []


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Fill in the form and send it."""
    page.goto("/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def violations(page: Page) -> list[str]:
    """The serious violations of accessibility on a page, each with where it is."""
    expect(page.locator("main")).to_be_visible()
    page.evaluate(AXE.read_text(encoding="utf-8"))  # no script tag: the pages allow none
    violations = page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in violations
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
