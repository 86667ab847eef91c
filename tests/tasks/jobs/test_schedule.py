"""The table of jobs: what each function takes, and what beat sends for whom and when."""

from __future__ import annotations

import inspect

import pytest

from tasks.jobs.schedule import JOBS, Job, Scope, timetable
from tests.builders import settings

QUEUE = {
    "queue_url": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
    "aws_region": "eu-west-1",
}
# Entry, task, seconds and expiry with the settings at their defaults.
ALWAYS = {
    ("sweep", "resume_due", 5, 30),
    ("poll eu", "poll_amazon", 180, 180),
    ("fetch", "fetch_due", 5, 30),
    ("backfills", "run_backfills", 30, 30),
    ("watch main", "watch_shipments", 60, 60),
    ("watch new main", "watch_new_shipments", 15, 30),
    ("watch confirmed main", "watch_confirmed", 60, 60),
    ("refunds main", "watch_refunds", 900, 900),
    ("settlements eu", "read_settlements", 14400, 14400),
    ("returns eu", "read_returns", 120, 120),
    ("refunds from Amazon main", "refunds_from_amazon", 300, 300),
    ("transactions eu", "watch_transactions", 7200, 7200),
    ("order money eu", "read_order_money", 60, 60),
    ("invoices eu", "run_invoices", 120, 120),
    ("guard stock main", "guard_stock", 3600, 3600),
    ("bulk acts", "run_bulk_acts", 5, 30),
    ("webhooks", "send_webhooks", 5, 30),
    ("reconcile", "reconcile", 60, 60),
    ("check accounts", "check_accounts", 300, 300),
    ("alert", "alert", 30, 30),
    ("digests", "send_digests", 300, 300),
    ("purge", "purge", 3600, 3600),
}


@pytest.mark.parametrize(
    ("account", "more"),
    [
        ({}, set()),
        (
            {"seller_id": "A1SELLER"},
            {
                ("feeds eu", "run_feeds", 30, 30),
                ("refunds to Amazon eu", "run_refunds", 120, 120),
            },
        ),
        ({"notifications": QUEUE}, {("notifications eu", "read_notifications", 10, 30)}),
    ],
    ids=["neither", "with a seller id", "with a queue"],
)
def test_beat_sends_each_job_for_whom_it_is(
    account: dict[str, object], more: set[tuple[str, str, int, int]]
) -> None:
    entries = timetable(settings(account=account))
    assert {
        (
            name,
            entry["task"].removeprefix("orderbridge."),
            entry["schedule"],
            entry["options"]["expires"],
        )
        for name, entry in entries.items()
    } == ALWAYS | more
    for name, entry in entries.items():
        owner = [one for one in ("eu", "main") if name.endswith(f" {one}")]
        assert list(entry["args"]) == owner


def test_a_period_follows_its_setting() -> None:
    named = [job for job in JOBS if isinstance(job.period, str)]
    every = {str(job.period): 7 + number for number, job in enumerate(named)}
    account = {"seller_id": "A1SELLER", "notifications": QUEUE}
    entries = timetable(settings(account=account, timing=every)).values()
    seconds = {entry["task"]: entry["schedule"] for entry in entries}
    assert len({*every.values()}) == len({job.period for job in named}) == 11
    for job in named:
        if job.scope is Scope.ACCOUNT_WHEN_DUE:
            assert f"orderbridge.{job.task}" not in seconds
            continue
        assert seconds[f"orderbridge.{job.task}"] == every[str(job.period)]


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.task)
def test_a_job_gets_what_its_function_takes(job: Job) -> None:
    parameters = inspect.signature(job.function).parameters.values()
    kinds = [str(parameter.annotation) for parameter in parameters]
    named = [] if job.scope is Scope.ONCE else ["str"]
    assert kinds == [*(["Celery"] if job.sends else []), "Runtime", *named]


def test_no_two_jobs_share_a_name_or_a_task() -> None:
    assert len({job.name for job in JOBS}) == len({job.task for job in JOBS}) == len(JOBS)
