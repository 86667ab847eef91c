"""People are told when personal data is kept too long, and before a live order ends for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.monitoring.purge_checks import ending_soon, kept_too_long
from pipeline.monitoring.purging import ENDS_SOON, MARGIN, OVERDUE, SPARED, Purging
from pipeline.orders.tables import Status
from tests.builders import NOW, an_order, stored

DAYS_30, SECOND = timedelta(days=30), timedelta(seconds=1)
HELD: dict[str, Any] = {
    "status": Status.HELD,
    "hold_code": "currency",
    "step": "enrich_order",
}
OLD: dict[str, Any] = {"created_at": NOW - DAYS_30}


def test_three_missed_runs_are_told_while_there_is_time(sessions: Sessions) -> None:
    limit = NOW - DAYS_30 + OVERDUE
    order = an_order(status=Status.DONE, due_at=None, deliver_by_at=limit)
    stored(sessions, order)
    assert kept_too_long(sessions, 30, NOW) == ""
    late = kept_too_long(sessions, 30, NOW + SECOND)
    assert late.startswith("personal data is kept for 29 days and 15 hours after the delivery")
    assert kept_too_long(sessions, 29, NOW) != ""
    Purging(sessions, NOW, 30).run()
    assert kept_too_long(sessions, 30, NOW + DAYS_30) == ""


def test_nothing_is_kept_too_long_where_nothing_is_kept(sessions: Sessions) -> None:
    assert kept_too_long(sessions, 30, NOW) == ""
    assert ending_soon(sessions, 30, NOW) == ""


@pytest.mark.parametrize("status", [Status.HELD, Status.WAITING])
def test_a_live_order_is_told_days_before_it_ends(sessions: Sessions, status: Status) -> None:
    told_from = NOW - DAYS_30 + MARGIN + ENDS_SOON
    stored(sessions, an_order(**{**HELD, **OLD, "status": status}, deliver_by_at=told_from))
    assert ending_soon(sessions, 30, NOW - SECOND) == ""
    assert ending_soon(sessions, 30, NOW) == (
        "1 order(s) that are held or wait lose the buyer's data and end, the first on "
        "2026-11-27 12:00 UTC: settle or dismiss them before; `orderbridge orders list "
        "--status held` tells why they are held"
    )
    assert Purging(sessions, NOW + ENDS_SOON - SECOND, 30).count() == 0
    assert Purging(sessions, NOW + ENDS_SOON, 30).count() == 1


def test_an_old_order_of_a_backfill_is_told_by_its_own_time(sessions: Sessions) -> None:
    came_at = NOW - SPARED + ENDS_SOON
    stored(sessions, an_order(**HELD, created_at=came_at, deliver_by_at=NOW - DAYS_30 * 9))
    assert ending_soon(sessions, 30, NOW - SECOND) == ""
    assert "the first on 2026-11-27 12:00 UTC" in ending_soon(sessions, 30, NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"step": "ship_order"},
        {"status": Status.DONE},
        {"purged_at": NOW},
        {"deliver_by_at": NOW},
        {"created_at": NOW},
    ],
)
def test_no_other_order_is_told(sessions: Sessions, changes: dict[str, Any]) -> None:
    stored(sessions, an_order(**{**HELD, **OLD, "deliver_by_at": NOW - DAYS_30, **changes}))
    assert ending_soon(sessions, 30, NOW) == ""
