"""Messages that name an account or a shop that is no longer configured end quietly."""

from __future__ import annotations

import json

import pytest
from celery import Celery

JOBS = {
    **dict.fromkeys(
        (
            *("poll_amazon", "read_notifications", "fetch_orders", "run_feeds"),
            *("read_returns", "read_settlements", "watch_transactions"),
            *("run_invoices", "run_refunds", "read_order_money"),
        ),
        "account",
    ),
    **dict.fromkeys(
        (
            "watch_shipments",
            "watch_new_shipments",
            "watch_confirmed",
            "watch_refunds",
            "refunds_from_amazon",
            "guard_stock",
        ),
        "shop",
    ),
}


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.usefixtures("fresh_runtime")
def test_it_is_one_line_in_the_log(
    app: Celery, job: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app.tasks[f"orderbridge.{job}"]("gone")
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    kind = JOBS[job]
    told = {key: line[key] for key in ("event", "job", kind)}
    assert told == {"event": f"job.unknown_{kind}", "job": job, kind: "gone"}


def test_every_job_that_names_one_is_tried(app: Celery) -> None:
    named = {
        name.removeprefix("orderbridge.")
        for name, task in app.tasks.items()
        if name.startswith("orderbridge.")
        and {"account", "shop"} & set(getattr(task.run, "__annotations__", {}))
    }
    assert named == set(JOBS)


@pytest.mark.usefixtures("fresh_runtime")
def test_an_account_without_a_queue_has_no_notifications(
    app: Celery, capsys: pytest.CaptureFixture[str]
) -> None:
    app.tasks["orderbridge.read_notifications"]("eu")
    assert "KeyError" not in capsys.readouterr().err
