"""`orderbridge tokens`: who else may use the API, and what for."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from pipeline.access.api_tokens import ApiScope, ApiTokens
from pipeline.base.clock import utc_now
from pipeline.base.db import Sessions
from pipeline.cli.common import system_user
from tests.cli.conftest import Run


def test_a_token_is_printed_once_and_listed_by_its_beginning(
    orderbridge: Run, sessions: Sessions
) -> None:
    made = orderbridge("tokens", "add", "erp", "--scope", "orders:read", "--days", "30")
    assert made.exit_code == 0
    token = made.stdout.strip()
    assert "cannot be shown again" in made.stderr
    holder = ApiTokens(sessions).find(token, utc_now())
    assert holder is not None
    assert holder.name == "erp"
    assert holder.scopes == {ApiScope.READ_ORDERS}
    listed = orderbridge("tokens", "list").stdout
    assert token[:12] in listed
    assert token not in listed
    [told] = json.loads(orderbridge("tokens", "list", "--json").stdout)
    assert (told["name"], told["scopes"], told["ended"]) == ("erp", ["orders:read"], None)
    assert told["created_by"] == system_user()


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        ("viewer", {ApiScope.READ_ORDERS, ApiScope.READ_HEALTH}),
        ("operator", set(ApiScope)),
    ],
)
def test_a_role_stands_for_its_scopes(
    orderbridge: Run, sessions: Sessions, role: str, scopes: set[ApiScope]
) -> None:
    made = json.loads(orderbridge("tokens", "add", "erp", "--role", role, "--json").stdout)
    holder = ApiTokens(sessions).find(made["token"], utc_now())
    assert holder is not None
    assert holder.scopes == scopes
    assert ApiTokens(sessions).find(made["token"], utc_now() + timedelta(days=90)) is None


def test_a_token_is_revoked(orderbridge: Run, sessions: Sessions) -> None:
    made = orderbridge("tokens", "add", "erp", "--scope", "health:read").stdout.strip()
    assert orderbridge("tokens", "revoke", "erp").exit_code == 0
    assert ApiTokens(sessions).find(made, utc_now()) is None
    assert "revoked" in orderbridge("tokens", "list").stdout
    again = orderbridge("tokens", "revoke", "erp")
    assert (again.exit_code, again.stderr) == (1, "Error: no token in use is called erp\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add", "erp"), 2),
        (("add", "erp", "--scope", "orders:read", "--role", "viewer"), 2),
        (("add", "erp", "--scope", "buyers:read"), 2),
        (("add", "erp", "--role", "admin"), 2),
        (("add", "erp", "--scope", "orders:read", "--days", "366"), 2),
        (("add", "an erp", "--scope", "orders:read"), 1),
        (("list",), 1),
    ],
)
def test_what_cannot_be_makes_no_token(
    orderbridge: Run, sessions: Sessions, words: tuple[str, ...], code: int
) -> None:
    assert orderbridge("tokens", *words).exit_code == code
    assert ApiTokens(sessions).all() == []
