"""Incidents: one row each, told once when they begin and once when they are over."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.base.tables import Incident
from tests.builders import NOW

KEY = "account:eu"
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def incidents(sessions: Sessions) -> Incidents:
    return Incidents(sessions)


def told(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str, str]]:
    """Event, level and code of every line logged so far."""
    lines = map(json.loads, capsys.readouterr().err.splitlines())
    return [(line["event"], line["level"], line["code"]) for line in lines]


def rows(sessions: Sessions) -> list[Incident]:
    with sessions() as session:
        return list(session.scalars(select(Incident).order_by(Incident.id)))


def test_an_incident_is_one_row_however_often_it_is_seen(
    sessions: Sessions, incidents: Incidents, capsys: pytest.CaptureFixture[str]
) -> None:
    assert incidents.open(KEY, "first words", NOW, account="eu")
    assert not incidents.open(KEY, "newer words", LATER, account="eu")
    [row] = rows(sessions)
    assert (row.key, row.account, row.text) == (KEY, "eu", "newer words")
    assert (row.opened_at, row.last_seen_at, row.ended_at) == (NOW, LATER, None)
    assert told(capsys) == [("incident.opened", "error", KEY)]


def test_what_is_over_is_closed_once_and_may_open_again(
    sessions: Sessions, incidents: Incidents, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not incidents.close(KEY, NOW)
    incidents.open(KEY, "words", NOW)
    assert incidents.close(KEY, LATER)
    assert not incidents.close(KEY, LATER)
    assert told(capsys) == [("incident.opened", "error", KEY), ("incident.closed", "info", KEY)]
    assert incidents.all_open() == []
    assert incidents.open(KEY, "again", LATER)
    assert [row.ended_at for row in rows(sessions)] == [LATER, None]


def test_of_threads_that_open_it_at_once_one_tells_it(
    sessions: Sessions, incidents: Incidents
) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: incidents.open(KEY, "words", NOW), range(32)))
        assert answers.count(True) == 1
        closed = list(pool.map(lambda _: incidents.close(KEY, LATER), range(32)))
        assert closed.count(True) == 1
    assert len(rows(sessions)) == 1


def test_open_ones_are_listed_by_account(incidents: Incidents) -> None:
    incidents.open("account:eu", "one", NOW, account="eu")
    incidents.open("account:na", "two", NOW, account="na")
    incidents.open("general", "three", NOW)
    assert [incident.key for incident in incidents.all_open()] == [
        "account:eu",
        "account:na",
        "general",
    ]
    assert [incident.key for incident in incidents.all_open("na")] == ["account:na"]
