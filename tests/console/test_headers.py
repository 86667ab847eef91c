"""Every page, file and error limits what a browser does with it."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from pipeline.base.db import Sessions
from tests.console.builders import a_shipped_order, store
from tests.console.conftest import SignedIn

POLICIES = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Permitted-Cross-Domain-Policies": "none",
}


def limits(reply: TestResponse) -> bool:
    """Whether all headers are there, each once."""
    for name, value in POLICIES.items():
        assert reply.headers.getlist(name) == [value], name
    (content,) = reply.headers.getlist("Content-Security-Policy")
    (permissions,) = reply.headers.getlist("Permissions-Policy")
    return (
        content.startswith("default-src 'self'; base-uri 'none'; form-action 'self'; ")
        and "frame-ancestors 'none'" in content
        and "unsafe" not in content
        and all(f"{name}=()" in permissions for name in ("camera", "geolocation", "microphone"))
    )


def addresses(app: Flask, order_id: int) -> list[tuple[str, str]]:
    """Method and address of every route, of this order where one is meant; signing out is last."""
    found = []
    for rule in app.url_map.iter_rules():
        known = rule.rule.replace("<path:filename>", "console.css")
        path = re.sub(r"<(?:\w+:)?\w+>", str(order_id), known)
        found += [(method, path) for method in sorted({"GET", "POST"} & (rule.methods or set()))]
    return sorted(found, key=lambda each: (each[1] == "/logout", each))


def test_of_every_route_and_to_everyone(
    app: Flask, app_without_database: Flask, sessions: Sessions, browser: SignedIn
) -> None:
    (order_id,) = store(sessions, a_shipped_order(1))
    stranger, broken = app.test_client(), app_without_database.test_client()
    broken.set_cookie("orderbridge", "x" * 43)
    seen: set[int] = set()
    asked = addresses(app, order_id)
    assert len(asked) > 40
    for method, path in [("GET", "/no-such-page"), ("POST", "/healthz"), *asked]:
        replies = [stranger.open(path, method=method), broken.open(path, method=method)]
        replies.append(browser.get(path) if method == "GET" else browser.post(path))
        for reply in replies:
            assert limits(reply), (method, path)
            seen.add(reply.status_code)
            reply.close()
    # Pages, redirects, and errors of each kind.
    assert seen >= {200, 303, 400, 404, 405, 500}


@pytest.mark.parametrize("path", ["/login", "/healthz", "/static/console.css", "/no-such-page"])
def test_https_is_for_good_once_a_request_came_by_it(app: Flask, path: str) -> None:
    client, name = app.test_client(), "Strict-Transport-Security"
    with client.get(path, base_url="https://localhost") as reply:
        assert reply.headers[name] == "max-age=31536000"
    with client.get(path, base_url="http://localhost") as reply:
        assert name not in reply.headers
