"""`orderbridge purge` tells how many old rows of each kind go, and deletes them."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from pipeline.base.db import Sessions
from pipeline.base.shared_clock import SharedClock
from pipeline.base.tables import Incident
from pipeline.intake.tables import SeenNotification
from pipeline.monitoring.tables import AlertDelivery
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def old_rows(sessions: Sessions) -> None:
    then = SharedClock(sessions)() - timedelta(days=200)
    with sessions() as session, session.begin():
        incident = Incident(key="k", text="So.", opened_at=then, last_seen_at=then, ended_at=then)
        session.add(incident)
        session.flush()
        session.add(
            AlertDelivery(incident_id=incident.id, event="opened", channel="mail", due_at=then)
        )
        session.add(SeenNotification(notification_id="n", seen_at=then))


def test_a_dry_run_counts_them_and_deletes_none(orderbridge: Run) -> None:
    expected = (
        "0 orders would be purged: the buyer's data is kept for 30 days at most.\n"
        "Old rows that would be deleted:\n"
        "alert deliveries    1\nincidents           1\nseen notifications  1\n"
    )
    for _ in range(2):
        result = orderbridge("purge", "--dry-run")
        assert (result.exit_code, result.stdout) == (0, expected)


def test_it_deletes_them_and_tells_as_json_too(orderbridge: Run) -> None:
    result = orderbridge("purge", "--json")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)["rows"]
    assert {kind: gone for kind, gone in rows.items() if gone} == {
        "alert deliveries": 1,
        "incidents": 1,
        "seen notifications": 1,
    }
    assert rows["attempts"] == 0
    assert orderbridge("purge").exit_code == 1
