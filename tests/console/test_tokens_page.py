"""The page where an admin manages the tokens of other systems."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from pipeline.access.api_tokens import ApiScope, ApiTokens
from pipeline.base.db import Sessions
from tests.builders import signed
from tests.console.builders import NOW
from tests.console.conftest import USER, SignedIn

FORM: dict[str, str | list[str]] = {
    "name": "erp",
    "scope": ["orders:read", "health:read"],
    "days": "30",
}


def test_an_admin_makes_a_token_that_is_shown_once(sessions: Sessions, browser: SignedIn) -> None:
    made = browser.post("/tokens/add", FORM)
    assert made.status_code == 200
    (token,) = re.findall(r"obr_[0-9a-f]{8}_[\w-]{43}", made.text)
    holder = ApiTokens(sessions).find(token, NOW)
    assert holder is not None
    assert holder.scopes == {ApiScope.READ_ORDERS, ApiScope.READ_HEALTH}
    page = browser.get("/tokens").text
    assert token[:12] in page
    assert token not in page
    assert ApiTokens(sessions).all()[0].created_by == USER


def test_an_admin_revokes_a_token(sessions: Sessions, browser: SignedIn) -> None:
    token = ApiTokens(sessions).add("erp", [ApiScope.READ_ORDERS], 90, signed(at=NOW))
    done = browser.post("/tokens/revoke", {"name": "erp"})
    assert (done.status_code, done.headers["Location"]) == (303, "/tokens")
    assert ApiTokens(sessions).find(token, NOW) is None
    assert "revoked" in browser.get("/tokens").text
    assert browser.post("/tokens/revoke", {"name": "erp"}).status_code == 400


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"name": "<b>"}, "a token&#39;s name has up to 40"),
        ({"scope": []}, "give at least one scope"),
        ({"scope": ["everything"]}, "choose the scopes"),
        ({"days": "366"}, "valid for 1 to 365 days"),
        ({"days": "soon"}, "a number of days"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(
    sessions: Sessions, browser: SignedIn, changed: dict[str, str | list[str]], sentence: str
) -> None:
    reply = browser.post("/tokens/add", {**FORM, **changed})
    assert reply.status_code == 400
    assert "Nothing was changed" in reply.text
    assert sentence in reply.text
    assert ApiTokens(sessions).all() == []


def test_every_view_of_the_tokens_is_for_admins(app: Flask, operator: SignedIn) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("tokens.")]
    assert len(rules) == 3
    for rule in rules:
        ask = operator.get if "GET" in (rule.methods or ()) else operator.post
        assert ask(rule.rule).status_code == 403, rule.rule
