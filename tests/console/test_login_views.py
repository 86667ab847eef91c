"""What every view asks for, of all parts of the console, as the application has them."""

from __future__ import annotations

from flask import Flask

from tests.console.conftest import SignedIn

# The metrics ask for a token of their own.
OPEN = frozenset({"/healthz", "/static/<path:filename>", "/login", "/metrics", "/language/<name>"})


# What everybody may send: it changes what is the sender's own, or nothing.
OWN = frozenset({"/logout", "/mine/done", "/orders/columns", "/search"})


def _paths(app: Flask, method: str) -> list[str]:
    """An address of each view that takes `method`."""
    found = []
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()) and rule.rule not in OPEN:
            values = dict.fromkeys(rule.arguments, "1")
            adapter = app.url_map.bind("localhost")
            found.append(adapter.build(rule.endpoint, values, method=method))
    return sorted(found)


def test_without_a_sign_in_each_leads_to_the_form(app: Flask) -> None:
    client = app.test_client()
    # A proxy asks for it, which leads people to the console by itself.
    assert client.get("/flower-access").status_code == 401
    paths = _paths(app, "GET")
    assert "/" in paths
    for path in {*paths, "/nothing"} - {"/flower-access"}:
        reply = client.get(path)
        assert reply.status_code == 303, path
        assert reply.headers["Location"].startswith("/login"), path
    for path in _paths(app, "POST"):
        reply = client.post(path)
        assert (reply.status_code, reply.headers["Location"]) == (303, "/login"), path


def test_without_the_forms_token_no_change_is_taken(app: Flask, browser: SignedIn) -> None:
    paths = _paths(app, "POST")
    assert "/logout" in paths
    for path in paths:
        reply = browser.post(path, {"csrf_token": "0" * 64})
        assert reply.status_code == 400, path


def test_a_viewer_changes_nothing_but_their_own_sign_in(app: Flask, viewer: SignedIn) -> None:
    for path in _paths(app, "POST"):
        if path not in OWN and not path.startswith(("/account/", "/views/")):
            assert viewer.post(path).status_code == 403, path
