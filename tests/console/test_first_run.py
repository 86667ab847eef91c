"""The walk through until the first order is in, and doctor's checks as a page."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from pipeline.base.db import Sessions
from pipeline.console.app import create_app
from pipeline.monitoring.doctor_checks import Finding, Verdict
from pipeline.monitoring.examination import (
    LONGEST_S,
    Examined,
    Part,
    shops,
    within_a_minute,
)
from tests.builders import settings
from tests.console.builders import NOW, a_pending_order, some_settings, store
from tests.console.conftest import SignedIn
from tests.console.forms import form_token
from tests.console.signing_in import Clock
from tests.remote import Behaviour, Remote, answer

_NO_TRANSACTION = "0 in a transaction"


def looking(sessions: Sessions, seen: list[str]) -> Behaviour:
    """Refuses, and notes how many connections to the database are in a transaction meanwhile."""

    def behave(connection: socket.socket) -> None:
        with sessions() as session:
            number = session.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND state LIKE 'idle in transaction%'"
                )
            )
        seen.append(f"{number} in a transaction")
        answer({"message": "The consumer isn't authorized"}, 401)(connection)

    return behave


def console(sessions: Sessions, url: str = "http://127.0.0.1:1") -> Flask:
    remote = {"base_url": url}
    account = {**remote, "token_url": url}
    given = settings(shop=remote, account=account, redis_url="redis://127.0.0.1:1/0")
    return create_app(given, sessions, lambda: NOW)


def _words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_an_admin_is_led_through_until_the_first_order_is_in(
    browser: SignedIn, sessions: Sessions
) -> None:
    page = browser.get("/orders").text
    assert "eu : region EU, sells into the shop main; orders placed from 2025-12-10" in _words(page)
    assert page.count('<span class="badge done">done</span>') == 2
    for link in ("/help/connect-amazon", "/help/connect-magento", "/sku-map"):
        assert f'href="{link}"' in page
    assert 'id="check"' in page
    store(sessions, a_pending_order(1))
    assert "Getting started" not in browser.get("/orders").text


def test_others_are_told_what_will_appear(operator: SignedIn, viewer: SignedIn) -> None:
    for one in (operator, viewer):
        page = one.get("/orders").text
        assert "Getting started" not in page
        assert "No orders yet" in page


def test_the_console_serves_an_installation_without_accounts_and_shops(sessions: Sessions) -> None:
    given = some_settings().model_copy(update={"accounts": {}, "shops": {}})
    browser = SignedIn(create_app(given, sessions, lambda: NOW), sessions)
    page = browser.get("/orders").text
    assert page.count("None is in <code>orderbridge.toml</code> yet.") == 2
    assert page.count('<span class="badge waiting">to do</span>') == 2
    statuses = {
        path: browser.get(path).status_code
        for path in ("/held", "/ship-by", "/sku-map", "/health", "/settings", "/help", "/people")
    }
    assert statuses.pop("/settings") == 404
    assert set(statuses.values()) == {200}


def test_no_page_asks_a_remote_by_itself(sessions: Sessions) -> None:
    with Remote() as remote:
        browser = SignedIn(console(sessions, remote.url), sessions)
        browser.get("/orders")
        browser.get("/orders?fragment=1")
    assert remote.connections == 0


def test_each_check_has_its_state_a_sentence_and_what_to_do(sessions: Sessions) -> None:
    refusals = [answer({"message": "The consumer isn't authorized"}, 401)] * 9
    with Remote(*refusals) as remote:
        browser = SignedIn(console(sessions, remote.url), sessions)
        page = browser.post("/checks", form_token(browser.get("/account").text))
    words = _words(page.text)
    assert page.status_code == 200
    assert page.headers["X-Accel-Buffering"] == "no"
    assert re.findall(r"<h2>([^<]+)</h2>", page.text) == [
        "1 of 3: installation",
        "2 of 3: account eu",
        "3 of 3: shop main",
    ]
    assert "ok database : it answers, and its tables are at the newest migration" in words
    assert "failed broker : the broker does not answer" in words
    assert "failed sign in : the shop cannot be reached with bearer token" in words
    assert "What to do: see docs/connect-magento.md" in words
    failed = page.text.count('<span class="badge held">failed</span>')
    assert failed > 2
    assert f"{failed} failed." in words


@pytest.mark.parametrize("name", ["operator", "viewer"])
def test_only_admins_check(request: pytest.FixtureRequest, name: str) -> None:
    one: SignedIn = request.getfixturevalue(name)
    assert one.post("/checks").status_code == 403


def test_no_transaction_is_open_during_a_call(sessions: Sessions) -> None:
    seen: list[str] = []
    with Remote(*[looking(sessions, seen)] * 9) as remote:
        browser = SignedIn(console(sessions, remote.url), sessions)
        page = browser.post("/checks", form_token(browser.get("/account").text)).text
    assert "Checked:" in page
    assert len(seen) > 2
    assert set(seen) == {_NO_TRANSACTION}


def test_the_page_comes_while_the_checks_run_and_only_one_runs(sessions: Sessions) -> None:
    with Remote(*[answer({}, 401)] * 9) as remote:
        app = console(sessions, remote.url)
        browser = SignedIn(app, sessions)
        form = form_token(browser.get("/account").text)
        sent = {"Sec-Fetch-Site": "same-origin"}
        reply = browser._client.post("/checks", data=form, headers=sent)
        pieces: Iterator[bytes] = iter(reply.response)  # type: ignore[arg-type]
        came = b""
        while b"1 of 3" not in came:
            came += next(pieces)
        assert remote.connections == 0
        assert browser.post("/checks", form).status_code == 409
        reply.close()
        assert "Checked:" in browser.post("/checks", form).text


def _finds(clock: Clock, seconds: float) -> Iterator[Finding]:
    for number in range(10):
        clock.pass_(seconds=seconds)
        yield Finding("a shop", str(number), Verdict.OK, "it is well")


def test_no_check_begins_after_a_minute() -> None:
    clock = Clock()
    parts = [Part("first", lambda: _finds(clock, 25)), Part("second", lambda: _finds(clock, 1))]
    made = list(within_a_minute(parts, lambda: clock.at.timestamp()))
    assert [(one.finding.check if one.finding else "", one.is_out_of_time) for one in made] == [
        *(("", False), ("0", False), ("1", False), ("2", False), ("", True)),
    ]
    assert LONGEST_S == 60
    assert made[0] == Examined("first", 1, 2)


def test_a_call_of_a_check_is_tried_once() -> None:
    with Remote(*[answer({}, 503)] * 9) as remote:
        given = settings(shop={"base_url": remote.url})
        found = [one.finding for one in within_a_minute(shops(given)) if one.finding]
    assert [(one.check, one.verdict) for one in found] == [("sign in", Verdict.FAILED)]
    assert len(remote.requests) == 1
