"""Who sees a page, from where a change is taken, and that what a remote wrote stays text."""

from __future__ import annotations

import re

import pytest

from pipeline.base.db import Sessions
from pipeline.orders.tables import Note
from tests.console.builders import (
    NOW,
    a_held_order,
    a_shipped_order,
    an_attempt,
    an_item,
    store,
)
from tests.console.conftest import SignedIn

CANARY = "<script>alert(1)</script>\"'&"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "https://user@localhost"},
        {"Origin": "http://[broken"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
)
def test_a_change_from_another_site_is_refused(browser: SignedIn, headers: dict[str, str]) -> None:
    assert browser.post("/orders/1/release", headers=headers).status_code == 400


def test_a_change_from_our_own_pages_is_taken(sessions: Sessions, browser: SignedIn) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    own: list[dict[str, str]] = [
        {},
        {"Origin": "http://localhost"},
        {"Origin": "https://localhost"},  # behind a proxy that speaks TLS
        {"Sec-Fetch-Site": "same-origin"},
    ]
    for headers in own:
        assert browser.post(f"/orders/{order_id}/release", headers=headers).status_code == 303


def test_what_a_remote_wrote_is_text_and_never_markup(
    sessions: Sessions, browser: SignedIn
) -> None:
    (order_id,) = store(
        sessions,
        a_held_order(
            1,
            external_id=CANARY,
            magento_increment_id=CANARY,
            marketplace_id=CANARY,
            remote_status=CANARY,
            hold_reason=CANARY,
            hold_facts={CANARY: CANARY},
            items=[an_item(sku=CANARY, title=CANARY)],
            total_proof={
                "mode": "",
                "grand_total": "1.00",
                "lines": {CANARY: "1.00"},
                "adjustments": {CANARY: "0.00"},
            },
        ),
    )
    with sessions() as session, session.begin():
        session.add(an_attempt(order_id, 5, outcome=CANARY, code=CANARY, detail=CANARY))
        session.add(Note(order_id=order_id, at=NOW, author=CANARY, text=CANARY))
    for path in ("/orders", f"/orders/{order_id}"):
        page = browser.get(path)
        assert page.status_code == 200
        assert "<script>" not in page.text
        assert "&lt;script&gt;" in page.text
        assert "\"'&" not in page.text


def test_a_page_may_load_nothing_from_elsewhere(sessions: Sessions, browser: SignedIn) -> None:
    (order_id,) = store(sessions, a_shipped_order(1))
    paths = (
        "/orders",
        f"/orders/{order_id}",
        "/healthz",
        "/static/console.js",
        "/static/console.css",
    )
    for path in paths:
        reply = browser.get(path)
        assert reply.status_code == 200
        policy = reply.headers["Content-Security-Policy"].split("; ")
        assert policy[0] == "default-src 'self'"
        assert "frame-ancestors 'none'" in policy
        assert reply.headers["Cache-Control"] == "no-store"
        # A person may follow a link to elsewhere; the page itself loads nothing from there.
        loaded = re.sub(r"<a [^>]*>", "", reply.text)
        assert not re.search(r"(?:src=|href=|url\()[\"']?(?:https?:)?//", loaded)
        assert not re.search(r"\son\w+=|style=|<script>|javascript:", reply.text)
