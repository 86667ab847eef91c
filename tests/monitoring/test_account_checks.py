"""What is told of an account without its own calls: its secret's end, and that nothing was read."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from pipeline.amazon.access import Access
from pipeline.base.db import Sessions
from pipeline.base.errors import AccountStopped
from pipeline.base.incidents import Incidents
from pipeline.intake.tables import Watermark
from pipeline.monitoring.account_checks import (
    alarms_of,
    check_all,
    cursor_name,
    refused_search,
    secret_alarm,
)
from pipeline.settings.model import Timing
from tests.builders import ACCOUNT, NOW, settings

EXPIRES = date(2027, 3, 1)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("days_left", "stage"),
    [(31, None), (30, "month"), (8, "month"), (7, "week"), (0, "week"), (-1, "past")],
)
def test_a_secrets_end_is_told_in_three_stages(days_left: int, stage: str | None) -> None:
    alarm = secret_alarm("eu", EXPIRES, EXPIRES - days_left * DAY)
    assert (alarm and alarm.key) == (stage and f"secret:eu:{stage}")
    if alarm is not None:
        assert alarm.text.startswith("URGENT: ") is (stage != "month")
        assert "ORDERBRIDGE_ACCOUNT_EU_CLIENT_SECRET_NEW" in alarm.text


def test_a_secret_without_a_date_is_not_watched() -> None:
    assert secret_alarm("eu", None, EXPIRES) is None


def read_ago(sessions: Sessions, ago: timedelta, trouble: str | None = None) -> None:
    with sessions() as session, session.begin():
        session.merge(
            Watermark(
                name=cursor_name(ACCOUNT), position=NOW - DAY, read_at=NOW - ago, trouble=trouble
            )
        )


def told(sessions: Sessions, poll_every_s: float = 180) -> list[str]:
    check_all(sessions, settings(timing={"poll_every_s": poll_every_s}), NOW)
    return [incident.key for incident in Incidents(sessions).all_open()]


def test_an_account_never_read_yet_is_no_alarm(sessions: Sessions) -> None:
    assert told(sessions) == []


def test_half_an_hour_without_a_page_is_told_until_one_is_read(sessions: Sessions) -> None:
    read_ago(sessions, 30 * MINUTE)
    assert told(sessions) == []
    read_ago(sessions, 31 * MINUTE, "InternalFailure: Amazon answers with a server error")
    assert told(sessions) == ["poll:eu"]
    [incident] = Incidents(sessions).all_open(ACCOUNT)
    assert "InternalFailure" in incident.text
    read_ago(sessions, MINUTE)
    assert told(sessions) == []


def test_an_account_that_is_seldom_read_is_not_late_after_half_an_hour(sessions: Sessions) -> None:
    read_ago(sessions, 2 * 60 * MINUTE)
    assert told(sessions, poll_every_s=3600) == []
    assert told(sessions) == ["poll:eu"]


def test_a_stopped_account_is_told_once_not_twice(sessions: Sessions) -> None:
    read_ago(sessions, 31 * MINUTE)
    assert told(sessions) == ["poll:eu"]
    Access(sessions, ACCOUNT, lambda: NOW).sign_in_refused(AccountStopped("revoked"))
    assert told(sessions) == ["account:eu"]


def test_each_stage_of_a_secret_closes_the_one_before(sessions: Sessions) -> None:
    given = settings(account={"client_secret_expires": EXPIRES})
    account = given.accounts[ACCOUNT]
    incidents = Incidents(sessions)
    for days, key in ((20, "secret:eu:month"), (3, "secret:eu:week"), (-2, "secret:eu:past")):
        now = NOW.replace(year=2027, month=3, day=1) - days * DAY
        check_all(sessions, given, now)
        assert [incident.key for incident in incidents.all_open()] == [key]
        assert list(alarms_of(sessions, ACCOUNT, account, Timing(), now)) == [key]
    renewed = settings(account={"client_secret_expires": EXPIRES + 180 * DAY})
    check_all(sessions, renewed, NOW)
    assert incidents.all_open() == []


@pytest.mark.parametrize(("minutes", "keys"), [(60, []), (61, ["search:eu"])])
def test_a_refused_search_is_told_after_an_hour(
    sessions: Sessions, minutes: int, keys: list[str]
) -> None:
    incidents = Incidents(sessions)
    refused_search(incidents, ACCOUNT, NOW - minutes * MINUTE, "InvalidInput", NOW)
    assert [incident.key for incident in incidents.all_open()] == keys
