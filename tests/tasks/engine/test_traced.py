"""All runs of an order are in one trace, and a span says how each ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from pipeline.base.db import Sessions
from pipeline.base.errors import Transient
from pipeline.base.lease import Leases
from pipeline.base.tracing import Tracing, trace_id
from pipeline.clients import Clients
from pipeline.intake.fetch_list import Fetching
from pipeline.orders.machine import Orders
from pipeline.orders.outcome import Done, Hold, HoldCode, Outcome, Wait
from pipeline.orders.tables import Order
from pipeline.settings.model import Timing
from tasks.engine.runner import Runner, Step
from tasks.engine.runs_in_hand import Runs
from tests.builders import ACCOUNT, NOW, a_raw_order, a_vault, an_order, stored
from tests.otlp import Collected, collecting
from tests.servers import celery_runs
from tests.tasks.fakes import clients

CANARY = "Erika Canary"
WORKER = "host:1"


@pytest.fixture
def collected() -> Iterator[Collected]:
    with collecting() as collector:
        yield collector


@pytest.fixture
def runner(sessions: Sessions, redis_url: str, collected: Collected) -> Iterator[Runner]:
    tracing, timing = Tracing(collected.url), Timing()
    with redis.Redis.from_url(redis_url) as broker:
        yield Runner(
            Orders(sessions, a_vault(), timing),
            Leases(broker, 30),
            clients(),
            timing,
            WORKER,
            Fetching(sessions),
            Runs(sessions, WORKER, lambda: NOW),
            tracing,
        )
    tracing.provider.shutdown()


def ends(outcome: Outcome) -> Step:
    return lambda order, clients: outcome


def fails(order: Order, clients: Clients) -> Outcome:
    raise Transient(CANARY, request_id="request-1")


def defect(order: Order, clients: Clients) -> Outcome:
    raise KeyError(CANARY)


def test_the_runs_of_an_order_are_spans_of_one_trace(
    sessions: Sessions, runner: Runner, collected: Collected
) -> None:
    order = an_order(raw=a_raw_order("028-0000000-7000001"))
    order_id = stored(sessions, order)
    assert runner.run("import_order", ends(Done()), order_id, "task-1")
    assert not runner.run("verify_order", ends(Wait(CANARY, timedelta(0))), order_id, "task-2")
    assert not runner.run("verify_order", fails, order_id, "task-3")
    # It waits for a while now: a run that cannot begin is none.
    assert not runner.run("verify_order", ends(Done()), order_id, "task-4")
    assert runner.tracing is not None
    runner.tracing.provider.force_flush()
    assert {span.trace for span in collected.spans} == {trace_id(ACCOUNT, "028-0000000-7000001")}
    assert [(span.name, span.is_failure) for span in collected.spans] == [
        ("import_order", False),
        ("verify_order", False),
        ("verify_order", True),
    ]
    facts = [span.attributes for span in collected.spans]
    assert [one["orderbridge.outcome"] for one in facts] == ["done", "wait", "wait"]
    assert {one["orderbridge.order"] for one in facts} == {order_id}
    assert facts[2]["orderbridge.request_id"] == "request-1"
    assert all(CANARY.encode() not in body for body in collected.bodies)


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (ends(Hold(HoldCode.SKU_NOT_FOUND, CANARY, {CANARY: CANARY})), HoldCode.SKU_NOT_FOUND),
        (defect, HoldCode.PROGRAM_ERROR),
    ],
)
def test_a_hold_is_a_failure_with_its_code(
    sessions: Sessions, runner: Runner, collected: Collected, step: Step, code: HoldCode
) -> None:
    order_id = stored(sessions, an_order(raw=a_raw_order()))
    assert not runner.run("import_order", step, order_id, "task-1")
    assert runner.tracing is not None
    runner.tracing.provider.force_flush()
    (span,) = collected.spans
    assert (span.is_failure, span.attributes["orderbridge.code"]) == (True, code)
    assert all(CANARY.encode() not in body for body in collected.bodies)


def test_a_collector_that_is_away_changes_no_order(sessions: Sessions, runner: Runner) -> None:
    away = Tracing("http://127.0.0.1:1")
    order_id = stored(sessions, an_order(raw=a_raw_order()))
    assert replace(runner, tracing=away).run("import_order", ends(Done()), order_id, "task-1")
    away.provider.shutdown()


_STARTS = """
import sys
sys.modules["opentelemetry.sdk.trace"] = None
from celery.signals import worker_init
from tasks.engine import starting
starting.install()
worker_init.send(sender=None)
"""


def test_a_worker_that_lacks_the_packages_does_not_start(tmp_path: Path) -> None:
    variables = celery_runs.variables(tmp_path, "redis://127.0.0.1:1/0")
    assert celery_runs.run(variables, "-c", _STARTS).returncode == 0
    with open(variables["ORDERBRIDGE_CONFIG"], "a", encoding="utf-8") as file:
        file.write('\n[tracing]\notlp_url = "http://127.0.0.1:4318"\n')
    done = celery_runs.run(variables, "-c", _STARTS)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "Error: [tracing] needs packages that are not installed: pip install "
        "'orderbridge[tracing]'",
    )
