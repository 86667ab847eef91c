"""An account that Amazon refuses rests by itself and comes back by itself; a storm stops nobody."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipeline.amazon.access import Access, probe_now, standing
from pipeline.amazon.client import Amazon
from pipeline.base.db import Sessions
from pipeline.base.errors import AccountPaused, RemoteError, Transient
from pipeline.base.incidents import Incidents
from tests.amazon.scripted import Answer, Server, an_account, errors, token_answer
from tests.builders import NOW

ORDER_ID = "302-1111111-2222222"
ORDER = Answer(200, {"order": {}})
REVOKED = Answer(400, {"error": "invalid_grant"})
DENIED = Answer(403, errors("Unauthorized", "Access to requested resource is denied."))
DEAD = Answer(403, errors("Unauthorized", "Access denied.", "The access token is revoked."))
MINUTE = timedelta(minutes=1)


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def an_amazon(server: Server, sessions: Sessions, clock: Clock, name: str = "eu") -> Amazon:
    """As another worker process has it: nothing is shared but the database."""
    access = Access(sessions, name, clock)
    return Amazon(name, an_account(server.url), access=access, now=clock, sleep=lambda _: None)


@pytest.fixture
def amazon(server: Server, sessions: Sessions, clock: Clock) -> Amazon:
    server.answers = [ORDER]
    return an_amazon(server, sessions, clock)


def refused(amazon: Amazon) -> RemoteError:
    with pytest.raises(RemoteError) as error:
        amazon.order(ORDER_ID)
    return error.value


def told(sessions: Sessions) -> list[str]:
    return [incident.key for incident in Incidents(sessions).all_open()]


def test_an_account_that_works_leaves_no_trace(sessions: Sessions, amazon: Amazon) -> None:
    amazon.order(ORDER_ID)
    assert standing(sessions, "eu") is None
    assert told(sessions) == []


def test_a_revoked_account_rests_in_every_process(
    server: Server, sessions: Sessions, clock: Clock, amazon: Amazon
) -> None:
    other = an_amazon(server, sessions, clock)
    other.order(ORDER_ID)  # it holds a token that still works
    server.token_answers = [REVOKED]
    first = refused(amazon)
    assert (type(first), first.code) == (AccountPaused, "account_stopped")
    assert told(sessions) == ["account:eu"]
    asked = len(server.calls), len(server.token_calls)
    assert [type(refused(one)) for one in (amazon, other, amazon)] == [AccountPaused] * 3
    assert (len(server.calls), len(server.token_calls)) == asked


def test_the_other_account_is_not_disturbed(
    server: Server, sessions: Sessions, clock: Clock, amazon: Amazon
) -> None:
    other = an_amazon(server, sessions, clock, "na")
    other.order(ORDER_ID)
    server.token_answers = [REVOKED]
    refused(amazon)
    assert other.order(ORDER_ID) == {}
    assert standing(sessions, "na") is None


def test_one_call_in_fifteen_minutes_asks_whether_it_works_again(
    server: Server, sessions: Sessions, clock: Clock, amazon: Amazon
) -> None:
    server.token_answers = [REVOKED]
    refused(amazon)
    clock.at += 14 * MINUTE
    refused(amazon)
    assert len(server.token_calls) == 1
    clock.at += MINUTE
    refused(amazon)
    assert len(server.token_calls) == 2
    clock.at += 14 * MINUTE
    refused(amazon)
    assert len(server.token_calls) == 2
    server.token_answers = [token_answer("Atza|new")]
    clock.at += MINUTE
    assert amazon.order(ORDER_ID) == {}
    assert standing(sessions, "eu") is None
    assert told(sessions) == []
    amazon.order(ORDER_ID)
    assert len(server.token_calls) == 3


def test_of_many_callers_one_is_the_probe(
    server: Server, sessions: Sessions, clock: Clock, amazon: Amazon
) -> None:
    server.token_answers = [REVOKED]
    refused(amazon)
    clock.at += 15 * MINUTE

    def wait_s(_: int) -> float:
        return refused(an_amazon(server, sessions, clock)).retry_after_s or 0

    with ThreadPoolExecutor(6) as pool:
        waits = list(pool.map(wait_s, range(12)))
    assert len(server.token_calls) == 2
    # The probe itself comes back in 15 minutes; the others soon, to see what came of it.
    assert sorted(waits) == [60.0] * 11 + [900.0]


def test_a_token_held_from_before_does_not_count_as_working_again(
    server: Server, sessions: Sessions, clock: Clock, amazon: Amazon
) -> None:
    other = an_amazon(server, sessions, clock)
    other.order(ORDER_ID)
    server.token_answers = [REVOKED]
    refused(amazon)
    clock.at += 15 * MINUTE
    refused(other)
    assert told(sessions) == ["account:eu"]


def test_a_probe_that_gets_no_answer_is_made_again_soon(
    server: Server, sessions: Sessions, clock: Clock, amazon: Amazon
) -> None:
    server.token_answers = [REVOKED]
    refused(amazon)
    clock.at += 15 * MINUTE
    server.token_answers = [token_answer("Atza|new")]
    server.answers = [Answer(503)]
    assert isinstance(refused(amazon), Transient)
    server.answers = [ORDER]
    clock.at += MINUTE
    assert amazon.order(ORDER_ID) == {}
    assert told(sessions) == []


def test_a_person_may_have_it_tried_at_once(
    server: Server, sessions: Sessions, clock: Clock, amazon: Amazon
) -> None:
    assert not probe_now(sessions, "eu", clock())
    server.token_answers = [REVOKED]
    refused(amazon)
    server.token_answers = [token_answer("Atza|new")]
    assert probe_now(sessions, "eu", clock())
    assert amazon.order(ORDER_ID) == {}


@pytest.mark.parametrize("answer", [DENIED, DEAD], ids=["denied", "dead token"])
def test_a_storm_of_refusals_stops_nobody_and_is_told_after_ten_minutes(
    server: Server, sessions: Sessions, clock: Clock, amazon: Amazon, answer: Answer
) -> None:
    server.answers = [answer]
    for minutes in range(0, 30, 3):
        clock.at = NOW + minutes * MINUTE
        error = refused(amazon)
        assert (type(error), error.retry_after_s) == (Transient, 300.0)
        assert told(sessions) == (["account:eu"] if minutes >= 10 else [])
    server.answers = [ORDER]
    assert amazon.order(ORDER_ID) == {}
    assert standing(sessions, "eu") is None
    assert told(sessions) == []


@pytest.mark.parametrize(("answer", "stops"), [(DENIED, False), (DEAD, True)])
def test_what_outlasts_a_storm_stops_the_account_if_its_token_is_called_dead(
    server: Server, sessions: Sessions, clock: Clock, amazon: Amazon, answer: Answer, stops: bool
) -> None:
    server.answers = [answer]
    refused(amazon)
    clock.at += 36 * MINUTE
    assert isinstance(refused(amazon), AccountPaused) is stops
    access = standing(sessions, "eu")
    assert access is not None
    assert (access.refused_since, access.stopped_at) == (NOW, clock.at if stops else None)


def test_a_success_under_way_does_not_undo_a_stop(
    server: Server, sessions: Sessions, clock: Clock, amazon: Amazon
) -> None:
    server.answers = [DENIED]
    refused(amazon)
    server.answers = [ORDER]
    access = Access(sessions, "eu", clock)
    before = access.enter()
    assert before is not None
    server.token_answers = [REVOKED]
    refused(an_amazon(server, sessions, clock))
    access.works(before)
    assert told(sessions) == ["account:eu"]


def refusal_text(sessions: Sessions) -> Any:
    return [incident.text for incident in Incidents(sessions).all_open("eu")]


def test_the_incident_says_what_to_do(server: Server, sessions: Sessions, amazon: Amazon) -> None:
    server.token_answers = [REVOKED]
    refused(amazon)
    [text] = refusal_text(sessions)
    assert "authorise the application again in Seller Central" in text
