"""`orderbridge accounts`: how each account stands, and having a stopped one tried at once."""

from __future__ import annotations

import json
from datetime import timedelta

from pipeline.amazon.access import Access, standing
from pipeline.base.clock import utc_now
from pipeline.base.db import Sessions
from pipeline.base.errors import AccountStopped
from pipeline.intake.tables import Watermark
from pipeline.intake.watermark import Watermarks
from tests.cli.conftest import Run

HOUR = timedelta(hours=1)


def stop(sessions: Sessions) -> None:
    error = AccountStopped("Amazon refused the sign-in: authorise it again", code="invalid_grant")
    Access(sessions, "eu", utc_now).sign_in_refused(error)


def told(orderbridge: Run) -> list[str]:
    result = orderbridge("accounts")
    assert (result.exit_code, result.stderr) == (0, "")
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_an_account_that_works(orderbridge: Run) -> None:
    assert told(orderbridge) == [
        "account eu",
        "state works",
        "region EU",
        "address https://sellingpartnerapi-eu.amazon.com",
        "marketplaces DE, all others",
        "orders read up to -",
        "last read -",
        "",
    ]


def test_a_stopped_account_says_why_and_can_be_tried_at_once(
    sessions: Sessions, orderbridge: Run
) -> None:
    result = orderbridge("accounts", "retry", "eu")
    assert (result.exit_code, result.stdout) == (1, "Account eu is not stopped.\n")
    stop(sessions)
    lines = told(orderbridge)
    assert any(line.startswith("state stopped since ") for line in lines)
    assert any("authorise it again" in line for line in lines)
    result = orderbridge("accounts", "retry", "eu")
    assert (result.exit_code, result.stdout) == (
        0,
        "Account eu calls Amazon again with its next job.\n",
    )
    refused = standing(sessions, "eu")
    assert refused is not None
    assert refused.probe_at <= utc_now()


def test_an_account_that_is_not_configured_cannot_be_tried(orderbridge: Run) -> None:
    result = orderbridge("accounts", "retry", "us")
    assert result.exit_code == 1
    assert "there is no [accounts.us]" in result.stderr


def test_what_was_not_read_is_told_though_no_worker_runs(
    sessions: Sessions, orderbridge: Run
) -> None:
    cursors = Watermarks(sessions, HOUR)
    cursors.search("amazon:eu", utc_now() - HOUR)
    with sessions() as session, session.begin():
        session.get_one(Watermark, "amazon:eu").read_at = utc_now() - HOUR
    [line] = [line for line in told(orderbridge) if line.startswith("attention")]
    assert "no orders could be read since" in line


def test_the_same_as_json(sessions: Sessions, orderbridge: Run) -> None:
    stop(sessions)
    result = orderbridge("accounts", "--json")
    [account] = json.loads(result.stdout)
    assert (account["account"], account["state"], account["region"]) == ("eu", "stopped", "EU")
    own = {
        marketplace["country"]: marketplace["domain"]
        for marketplace in account["marketplaces"]
        if marketplace["has_own_settings"]
    }
    assert own == {"DE": "amazon.de"}
    assert list(account["attention"]) == ["account:eu"]
