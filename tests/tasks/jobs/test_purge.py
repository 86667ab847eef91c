"""The hourly job that destroys what names a buyer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from pipeline.base.db import Sessions
from pipeline.intake.tables import SeenNotification
from pipeline.monitoring.purging import MARGIN
from pipeline.orders.tables import Status
from tasks.engine.runtime import Runtime, build
from tasks.jobs.purge import purge
from tests.builders import NOW, a_raw_order, an_order, loaded, settings, stored
from tests.tasks.conftest import close

SECOND = timedelta(seconds=1)


@pytest.fixture
def parts(database_url: str, redis_url: str) -> Iterator[Runtime]:
    built = build(settings(database_url=database_url, redis_url=redis_url), lambda: NOW)
    yield built
    close(built)


@pytest.mark.parametrize("days", [1, 30])
def test_it_goes_by_the_days_that_are_set(parts: Runtime, sessions: Sessions, days: int) -> None:
    ends = {"status": Status.DONE, "due_at": None}
    old, young = (
        stored(sessions, an_order(raw=a_raw_order(), deliver_by_at=NOW - since, **ends))
        for since in (timedelta(days=days) - MARGIN, timedelta(days=days) - MARGIN - SECOND)
    )
    chosen = parts.settings.model_copy(update={"purge_after_days": days})
    purge(replace(parts, settings=chosen))
    assert loaded(sessions, old).purged_at == NOW
    assert loaded(sessions, young).purged_at is None


def test_it_deletes_what_is_old_as_well(parts: Runtime, sessions: Sessions) -> None:
    with sessions() as session, session.begin():
        session.add(SeenNotification(notification_id="old", seen_at=NOW - timedelta(days=16)))
        session.add(SeenNotification(notification_id="young", seen_at=NOW - timedelta(days=15)))
    purge(parts)
    with sessions() as session:
        assert [
            notification.notification_id for notification in session.query(SeenNotification)
        ] == ["young"]


def test_it_vacuums_even_if_nothing_was_due(parts: Runtime, sessions: Sessions) -> None:
    vacuums = text("SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'order_private'")
    with sessions() as session:
        before = session.scalars(vacuums).one()
    purge(parts)
    with sessions() as session:
        assert session.scalars(vacuums).one() == before + 1
