"""Login with Amazon: one token, kept, renewed in time, and never fetched twice at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.amazon.auth import LoginWithAmazon, sign_in_refusal
from pipeline.base.errors import AccountStopped, RemoteError, Transient
from pipeline.base.http import Reply
from tests.amazon.scripted import Answer, Server, an_account, token_answer


class Clock:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def __call__(self) -> float:
        return self.at_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def login(server: Server, clock: Clock) -> LoginWithAmazon:
    return LoginWithAmazon("main", an_account(server.url), monotonic=clock)


def test_asks_with_the_accounts_refresh_token(server: Server, login: LoginWithAmazon) -> None:
    assert login.token() == "Atza|first"
    (asked,) = server.token_calls
    assert (asked.method, asked.path) == ("POST", "/auth/o2/token")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded;charset=UTF-8"
    assert asked.form == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["Atzr|refresh"],
        "client_id": ["a-client"],
        "client_secret": ["a-client-secret"],
    }


@pytest.mark.parametrize(
    ("life_s", "after_s", "token"),
    [
        (3600, 3299, "Atza|first"),
        (3600, 3300, "Atza|second"),
        (400, 199, "Atza|first"),
        (400, 200, "Atza|second"),
    ],
)
def test_renews_five_minutes_or_half_a_life_early(
    server: Server, login: LoginWithAmazon, clock: Clock, life_s: int, after_s: int, token: str
) -> None:
    server.token_answers = [token_answer("Atza|first", life_s), token_answer("Atza|second")]
    login.token()
    clock.at_s += after_s
    assert login.token() == token
    assert login.token() == token


def test_a_valid_token_outlives_a_failing_renewal(
    server: Server, login: LoginWithAmazon, clock: Clock
) -> None:
    server.token_answers = [
        token_answer("Atza|first"),
        Answer(503, b"<html>"),
        token_answer("Atza|second"),
    ]
    login.token()
    clock.at_s += 3400
    assert [login.token(), login.token()] == ["Atza|first", "Atza|first"]
    assert len(server.token_calls) == 2, "the next attempt has to wait"
    clock.at_s += 30
    assert login.token() == "Atza|second"


def test_a_dead_token_is_not_used_when_renewal_fails(
    server: Server, login: LoginWithAmazon, clock: Clock
) -> None:
    server.token_answers = [token_answer("Atza|first"), Answer(500)]
    login.token()
    clock.at_s += 3600
    with pytest.raises(Transient):
        login.token()


def test_a_revoked_account_stops_although_its_token_still_works(
    server: Server, login: LoginWithAmazon, clock: Clock
) -> None:
    server.token_answers = [token_answer("Atza|first"), Answer(400, {"error": "invalid_grant"})]
    login.token()
    clock.at_s += 3400
    with pytest.raises(AccountStopped):
        login.token()


def test_renews_a_refused_token_only_once(server: Server, login: LoginWithAmazon) -> None:
    stale = login.token()
    assert [login.renew(stale), login.renew(stale)] == ["Atza|second", "Atza|second"]
    assert login.renew("Atza|second") == "Atza|third"
    assert len(server.token_calls) == 3


def test_threads_share_one_flight(server: Server, login: LoginWithAmazon) -> None:
    with ThreadPoolExecutor(8) as pool:
        with server.gate:
            waiting = [pool.submit(login.token) for _ in range(8)]
        assert {one.result() for one in waiting} == {"Atza|first"}
    assert len(server.token_calls) == 1


def test_nobody_waits_for_an_early_renewal(
    server: Server, login: LoginWithAmazon, clock: Clock
) -> None:
    login.token()
    clock.at_s += 3400
    assert server.arrivals.acquire(timeout=10)
    with ThreadPoolExecutor(1) as pool:
        with server.gate:
            renewing = pool.submit(login.token)
            assert server.arrivals.acquire(timeout=10)
            assert login.token() == "Atza|first"
        assert renewing.result() == "Atza|second"
    assert login.token() == "Atza|second"


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (Reply(400, {}, {"error": "invalid_grant"}, True), AccountStopped, "invalid_grant"),
        (Reply(401, {}, {"error": "invalid_client"}, True), AccountStopped, "invalid_client"),
        (Reply(400, {}, {"error": "invalid_scope"}, True), AccountStopped, "invalid_scope"),
        (Reply(429, {}, {"error": "slow_down"}, True), Transient, "slow_down"),
        (Reply(500, {}, {"error": "server_error"}, True), Transient, "server_error"),
        (Reply(503, {}, None, False), Transient, ""),
        (Reply(403, {}, None, False), Transient, ""),
        (Reply(200, {}, None, False), Transient, ""),
        (Reply(200, {}, {"access_token": "Atza|x"}, True), Transient, ""),
        (Reply(200, {}, {"access_token": "", "expires_in": 3600}, True), Transient, ""),
        (Reply(200, {}, {"access_token": "Atza|x", "expires_in": 0}, True), Transient, ""),
    ],
)
def test_a_sign_in_without_a_token_means(reply: Reply, kind: type[RemoteError], code: str) -> None:
    error = sign_in_refusal("main", reply)
    assert error is not None
    assert (type(error), error.code, error.status) == (kind, code, reply.status)


def test_a_stopped_account_says_what_to_do() -> None:
    error = sign_in_refusal("north", Reply(400, {}, {"error": "invalid_grant"}, is_json=True))
    assert str(error) == (
        "account north: Amazon refused the sign-in (invalid_grant): the seller may have revoked "
        "the authorisation; authorise the application again in Seller Central and set the new "
        "REFRESH_TOKEN (ORDERBRIDGE_ACCOUNT_NORTH_…)"
    )


REFUSED_SECRET = Answer(401, {"error": "invalid_client"})


def secrets_sent(server: Server) -> list[str]:
    return [call.form["client_secret"][0] for call in server.token_calls]


def with_two_secrets(server: Server, clock: Clock) -> LoginWithAmazon:
    account = an_account(server.url, client_secret_new="next-secret")
    return LoginWithAmazon("main", account, monotonic=clock)


def test_a_refused_secret_is_replaced_by_the_new_one_and_that_is_remembered(
    server: Server, clock: Clock
) -> None:
    server.token_answers = [REFUSED_SECRET, token_answer("Atza|first"), token_answer("Atza|second")]
    login = with_two_secrets(server, clock)
    assert [login.token(), login.fresh()] == ["Atza|first", "Atza|second"]
    assert secrets_sent(server) == ["a-client-secret", "next-secret", "next-secret"]


def test_a_secret_that_works_is_kept_though_there_is_a_new_one(
    server: Server, clock: Clock
) -> None:
    login = with_two_secrets(server, clock)
    assert [login.token(), login.fresh()] == ["Atza|first", "Atza|second"]
    assert secrets_sent(server) == ["a-client-secret"] * 2


def test_two_refused_secrets_are_tried_once_each(server: Server, clock: Clock) -> None:
    server.token_answers = [REFUSED_SECRET]
    with pytest.raises(AccountStopped) as stopped:
        with_two_secrets(server, clock).token()
    assert stopped.value.code == "invalid_client"
    assert secrets_sent(server) == ["a-client-secret", "next-secret"]


def test_a_revoked_grant_is_not_the_secrets_fault(server: Server, clock: Clock) -> None:
    server.token_answers = [Answer(400, {"error": "invalid_grant"})]
    with pytest.raises(AccountStopped):
        with_two_secrets(server, clock).token()
    assert secrets_sent(server) == ["a-client-secret"]
