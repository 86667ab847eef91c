"""Login, tokens, headers and quotas of the Amazon stand-in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.amazon.builders import an_order
from sandbox.amazon.quota import USAGE_PLAN, Quota
from sandbox.amazon.state import Options
from tests.sandbox.conftest import Caller, refusal, running_amazon

ORDER = "028-0000001-0000001"
CLIENT = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
DENIED = (403, "Unauthorized", "Access to requested resource is denied.")


def test_a_refresh_token_gives_an_access_token_of_an_hour(amazon: Caller) -> None:
    answer = amazon.token()
    body = answer.json()
    assert answer.status_code == 200
    assert body.pop("access_token").startswith("Atza|")
    assert body == {
        "token_type": "bearer",
        "expires_in": 3600,
        "refresh_token": "Atzr|sandbox-main",
    }


def test_a_grantless_token_has_no_account(amazon: Caller) -> None:
    scope = "sellingpartnerapi::notifications"
    answer = amazon.token(grant_type="client_credentials", scope=scope, **CLIENT)
    assert set(answer.json()) == {"access_token", "token_type", "expires_in"}
    amazon.headers["x-amz-access-token"] = answer.json()["access_token"]
    assert refusal(amazon.get(ORDER)) == DENIED


REFRESH = {"grant_type": "refresh_token", "refresh_token": "Atzr|sandbox-main"}


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        (CLIENT, 400, "invalid_request"),
        (CLIENT | {"grant_type": "password"}, 400, "unsupported_grant_type"),
        (REFRESH | CLIENT | {"client_secret": "old"}, 401, "invalid_client"),
        (REFRESH | CLIENT | {"client_id": "other"}, 401, "invalid_client"),
        (REFRESH | CLIENT | {"refresh_token": "Atzr|sandbox-nobody"}, 400, "invalid_grant"),
        (REFRESH | CLIENT | {"refresh_token": "main"}, 400, "invalid_grant"),
        (CLIENT | {"grant_type": "refresh_token"}, 400, "invalid_grant"),
        (CLIENT | {"grant_type": "client_credentials", "scope": "all"}, 400, "invalid_scope"),
    ],
)
def test_login_errors_have_oauths_shape(
    amazon: Caller, form: dict[str, str], status: int, error: str
) -> None:
    answer = amazon.token(**form)
    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert set(answer.json()) == {"error", "error_description"}


def test_a_revoked_account_gets_no_token_and_its_tokens_end(amazon: Caller) -> None:
    amazon.control("POST", "accounts", {"account": "main", "revoked": True})
    assert amazon.token().json()["error"] == "invalid_grant"
    assert refusal(amazon.get(ORDER)) == DENIED


@pytest.mark.parametrize("sent", [None, "", "Atza|sandbox-99"])
def test_a_missing_or_wrong_token_is_refused(amazon: Caller, sent: str | None) -> None:
    amazon.headers.pop("x-amz-access-token")
    if sent is not None:
        amazon.headers["x-amz-access-token"] = sent
    assert refusal(amazon.get(ORDER)) == DENIED


@pytest.mark.parametrize(
    ("offset_s", "status", "details"),
    [(3599, 404, ""), (3600, 403, "The access token you provided has expired.")],
)
def test_an_expired_token_is_403(amazon: Caller, offset_s: int, status: int, details: str) -> None:
    amazon.control("POST", "clock", {"offset_s": offset_s})
    answer = amazon.get(ORDER)
    assert (answer.status_code, answer.json()["errors"][0]["details"]) == (status, details)


@pytest.mark.parametrize(
    ("user_agent", "status"),
    [
        ("Tester/1.0 (Language=Python/3.11)", 404),
        ("Tester/1.0 (Language=Python/3.13; Platform=Linux)", 404),
        ("Tester/1.0 (Platform=Linux; Language=Python)", 404),
        ("Tester/1.0 (Platform=Linux)", 400),
        ("Tester/1.0 (Language=)", 400),
        ("Language=Python", 400),
        ("python-requests/2.34", 400),
    ],
)
def test_the_user_agent_names_a_language(amazon: Caller, user_agent: str, status: int) -> None:
    amazon.headers["user-agent"] = user_agent
    assert amazon.get(ORDER).status_code == status


def test_the_rate_is_said_on_200_400_and_404_and_not_on_403(amazon: Caller) -> None:
    amazon.place(an_order(ORDER))
    header = "x-amzn-RateLimit-Limit"
    assert amazon.get(ORDER).headers[header] == "0.5"
    assert amazon.get("028-0000001-9999999").headers[header] == "0.5"
    assert amazon.search().headers[header] == "0.0056"
    amazon.headers["x-amz-access-token"] = "Atza|wrong"
    assert header not in amazon.get(ORDER).headers


def test_request_ids_are_new_each_time_and_the_same_after_a_reset(amazon: Caller) -> None:
    def ids() -> list[str]:
        amazon.control("POST", "reset")
        amazon.log_in()
        return [amazon.get(ORDER).headers["x-amzn-RequestId"] for _ in range(3)]

    first = ids()
    assert len(set(first)) == 3
    assert ids() == first


def options(**quotas: Quota) -> Options:
    return Options(quotas=USAGE_PLAN | quotas)


def statuses(calls: int, call: Any, *arguments: Any) -> list[int]:
    return [call(*arguments).status_code for _ in range(calls)]


def test_the_documented_usage_plan_is_the_default(amazon: Caller) -> None:
    assert statuses(31, amazon.get, ORDER) == [404] * 30 + [429]
    assert statuses(21, amazon.search) == [400] * 20 + [429]
    assert statuses(11, amazon.confirm, ORDER, {}) == [400] * 10 + [429]


def test_an_empty_bucket_answers_429_without_rate_or_retry_after(tmp_path: Path) -> None:
    with running_amazon(tmp_path / "a.sqlite", options(getOrder=Quota(0.5, 1))) as amazon:
        amazon.get(ORDER)
        answer = amazon.get(ORDER)
        assert refusal(answer) == (
            429,
            "QuotaExceeded",
            "You exceeded your quota for the requested resource.",
        )
        assert "x-amzn-RequestId" in answer.headers
        assert not {"Retry-After", "x-amzn-RateLimit-Limit"} & set(answer.headers)


def test_a_bucket_refills_at_its_rate_and_a_429_costs_nothing(tmp_path: Path) -> None:
    with running_amazon(tmp_path / "a.sqlite", options(getOrder=Quota(0.5, 2))) as amazon:
        assert statuses(4, amazon.get, ORDER) == [404, 404, 429, 429]
        amazon.control("POST", "clock", {"offset_s": 1.9})
        assert statuses(1, amazon.get, ORDER) == [429]
        amazon.control("POST", "clock", {"offset_s": 2})
        assert statuses(2, amazon.get, ORDER) == [404, 429]
        amazon.control("POST", "clock", {"offset_s": 1000})
        assert statuses(3, amazon.get, ORDER) == [404, 404, 429]


def test_each_account_and_operation_has_its_own_bucket(tmp_path: Path) -> None:
    plan = options(getOrder=Quota(0.5, 1), searchOrders=Quota(0.5, 1))
    with running_amazon(tmp_path / "a.sqlite", plan) as amazon:
        amazon.control("POST", "accounts", {"account": "other"})
        other = Caller(amazon.url, "other").log_in()
        assert statuses(2, amazon.get, ORDER) == [404, 429]
        assert statuses(2, amazon.search) == [400, 429]
        assert statuses(2, other.get, ORDER) == [404, 429]


def test_without_a_token_no_quota_is_used(tmp_path: Path) -> None:
    with running_amazon(tmp_path / "a.sqlite", options(getOrder=Quota(0.5, 1))) as amazon:
        url = f"{amazon.url}/orders/2026-01-01/orders/{ORDER}"
        headers = {"user-agent": amazon.headers["user-agent"]}
        assert requests.get(url, headers=headers, timeout=10).status_code == 403
        assert statuses(1, amazon.get, ORDER) == [404]
