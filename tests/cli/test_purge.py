"""`orderbridge purge`: counts, or destroys, what names buyers of long ago."""

from __future__ import annotations

import json
from datetime import timedelta

from pipeline.base.db import Sessions
from pipeline.base.shared_clock import SharedClock
from pipeline.orders.tables import Order, Status
from tests.builders import a_raw_order, an_order, loaded, stored
from tests.cli.conftest import Run


def delivered(sessions: Sessions, days_ago: int) -> Order:
    at = SharedClock(sessions)() - timedelta(days=days_ago)
    return an_order(raw=a_raw_order(), status=Status.DONE, due_at=None, deliver_by_at=at)


def test_a_dry_run_only_counts(sessions: Sessions, orderbridge: Run) -> None:
    order_id = stored(sessions, delivered(sessions, 31))
    result = orderbridge("purge", "--dry-run")
    assert (result.exit_code, result.stdout) == (
        0,
        "1 order would be purged: the buyer's data is kept for 30 days at most.\n",
    )
    assert loaded(sessions, order_id).purged_at is None


def test_it_purges_what_is_old_enough_and_says_how_many(
    sessions: Sessions, orderbridge: Run
) -> None:
    old = [stored(sessions, delivered(sessions, 31)) for _ in range(2)]
    young = stored(sessions, delivered(sessions, 29))
    result = orderbridge("purge", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    answer = json.loads(result.stdout)
    assert (answer["orders"], answer["purged"]) == (2, True)
    assert all(loaded(sessions, one).purged_at is not None for one in old)
    assert loaded(sessions, young).purged_at is None
    again = orderbridge("purge")
    assert (again.exit_code, again.stdout) == (
        1,
        "0 orders purged: the buyer's data is kept for 30 days at most.\n",
    )
    shown = orderbridge("orders", "show", loaded(sessions, old[0]).external_id)
    assert "buyer's data" in shown.stdout
    assert "purged 20" in shown.stdout
