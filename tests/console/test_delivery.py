"""How pages and files reach the browser: compressed, and files kept for good."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from pipeline.base.db import Sessions
from pipeline.console import app as console_app
from tests.builders import with_keys
from tests.console.builders import a_held_order, an_item, store
from tests.console.conftest import SignedIn
from tests.console.forms import form_token

GZIP = {"Accept-Encoding": "gzip"}


def page_of(reply: TestResponse) -> str:
    assert reply.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in reply.headers["Vary"]
    return gzip.decompress(reply.data).decode()


def test_a_page_of_50_orders_is_small_on_its_way(sessions: Sessions, browser: SignedIn) -> None:
    store(
        sessions,
        *(
            a_held_order(
                number,
                items=[an_item(line, sku=f"MUG-{number}-{line}") for line in range(1, 5)],
                hold_reason=f"MUG-{number} is not in Magento's catalogue: add or map it",
            )
            for number in range(1, 61)
        ),
    )
    reply = browser.get("/orders", headers=GZIP)
    assert page_of(reply).count('id="order-') == 50
    assert len(reply.data) <= 60_000


def test_a_browser_that_takes_no_gzip_gets_the_page_as_it_is(
    sessions: Sessions, browser: SignedIn
) -> None:
    reply = browser.get("/orders")
    assert "Content-Encoding" not in reply.headers
    assert "Accept-Encoding" in reply.headers["Vary"]
    assert "<!doctype html>" in reply.text


def test_small_answers_and_streams_are_left_alone(sessions: Sessions, browser: SignedIn) -> None:
    store(sessions, *(a_held_order(number) for number in range(1, 40)))
    for path in ("/healthz", "/orders.csv"):
        assert "Content-Encoding" not in browser.get(path, headers=GZIP).headers


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_that_another_site_asked_for_is_not_compressed(browser: SignedIn, site: str) -> None:
    reply = browser.get("/orders?number=guess", headers={**GZIP, "Sec-Fetch-Site": site})
    assert reply.status_code == 200
    assert "Content-Encoding" not in reply.headers


def test_the_forms_token_is_another_text_in_each_answer_and_always_taken(
    sessions: Sessions, browser: SignedIn
) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    with_keys(sessions)
    pages = [browser.get("/account").text for _ in range(3)]
    tokens = [form_token(page)["csrf_token"] for page in pages]
    assert len({token[place : place + 8] for token in tokens for place in (0, 64)}) == 6
    for token in tokens:
        assert set(re.findall(r'name="csrf_token" value="(\w+)"', pages[tokens.index(token)])) == {
            token
        }
        reply = browser.post(f"/orders/{order_id}/note", {"text": "x", "csrf_token": token})
        assert reply.status_code == 303


def test_fifty_orders_are_a_page_of_sixty_kilobytes(sessions: Sessions, browser: SignedIn) -> None:
    reason = "The lines make 41.98 EUR, and Amazon says 41.97 EUR. Look at "
    orders = [
        a_held_order(n, hold_reason=f"{reason}{n * 7919}", items=[an_item(n)]) for n in range(1, 51)
    ]
    store(sessions, *orders)
    reply = browser.get("/orders", headers=GZIP)
    assert page_of(reply).count("<tr class=") == 50
    assert len(reply.data) <= 60_000


def test_a_masked_token_is_no_news(sessions: Sessions, browser: SignedIn) -> None:
    store(sessions, a_held_order(1))
    first = browser.get("/held?fragment=1", headers=GZIP)
    assert "csrf_token" in page_of(first)
    again = browser.get(
        "/held?fragment=1", headers={**GZIP, "If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")
    store(sessions, a_held_order(2))
    other = browser.get(
        "/held?fragment=1", headers={**GZIP, "If-None-Match": first.headers["ETag"]}
    )
    assert other.status_code == 200


def test_files_are_kept_for_good_by_their_content(app: Flask, browser: SignedIn) -> None:
    page = browser.get("/orders").text
    files = re.findall(r'(?:href|src)="(/static/([\w.]+)\?content=\w{16})"', page)
    sheets = {"tokens.css", "console.css", "forms.css", "tables.css"}
    assert {name for _, name in files} >= {*sheets, "console.js", "icon.svg"}
    for address, name in files:
        with app.test_client().get(address, headers=GZIP) as reply:
            assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            is_small = "Content-Encoding" not in reply.headers
            content = reply.data if is_small else gzip.decompress(reply.data)
        assert is_small == (len(content) < 1024)
        assert content == (Path(console_app.__file__).parent / "static" / name).read_bytes()


@pytest.mark.parametrize("query", ["", "?content=", "?content=0123456789abcdef"])
def test_a_file_by_another_content_and_every_page_is_not_kept(app: Flask, query: str) -> None:
    client = app.test_client()
    for path in ("/static/console.css", "/static/none.css", "/login"):
        with client.get(f"{path}{query}") as reply:
            assert reply.headers["Cache-Control"] == "no-store"
