"""A machine that was suspended: what ran out meanwhile does not count as good."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from sqlalchemy.orm import Session

import pipeline
from pipeline.base import clock
from pipeline.base.db import Sessions
from pipeline.base.errors import Transient
from pipeline.base.lease import Leases
from pipeline.base.retry import call_with_retry, no_try_after
from pipeline.base.shared_clock import SharedClock

KEY = "orderbridge:lease:order:7"
NIGHT_S = 8 * 3600.0
CODE = Path(pipeline.__file__).parent


class Machine:
    """A clock since boot that only the test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="only Linux has it")
def test_what_has_passed_is_counted_since_boot() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    elapsed = clock.elapsed()
    assert before <= elapsed <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_nothing_else_measures_time() -> None:
    """time.monotonic and its like stand still in suspend."""
    still = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "CLOCK_MONOTONIC"}
    found = {
        str(path.relative_to(CODE.parent))
        for folder in (CODE, CODE.with_name("tasks"))
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr in still and _is_time(node.value))
        or (isinstance(node, ast.ImportFrom) and node.module == "time")
    }
    assert found == {"pipeline/base/clock.py"}


def _is_time(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "time"


def test_an_answer_that_slept_on_its_way_is_asked_for_again(sessions: Sessions) -> None:
    machine = Machine()
    nights = iter([NIGHT_S])

    class Sleeping:
        """A session of a machine that is suspended once, between question and answer."""

        def __init__(self, session: Session) -> None:
            self._session = session

        def __enter__(self) -> Sleeping:
            return self

        def __exit__(self, *_: object) -> None:
            self._session.close()

        def connection(self) -> None:
            self._session.connection()

        def scalars(self, question: object) -> object:
            answer = self._session.scalars(question)  # type: ignore[call-overload]
            machine.at += next(nights, 0.0)
            return answer

    shared = SharedClock(lambda: Sleeping(sessions()), machine)  # type: ignore[arg-type, return-value]
    told = shared()
    with sessions() as session:
        now = session.connection().exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    assert abs(told - now) < timedelta(seconds=5)


def test_no_try_after_counts_suspension() -> None:
    machine, calls = Machine(), []

    def call() -> None:
        calls.append(1)
        machine.at += NIGHT_S
        raise Transient("busy", retry_after_s=0.0)

    with no_try_after(60, machine), pytest.raises(Transient):
        call_with_retry(call, lambda _: None, lambda: 0.0)
    assert len(calls) == 1


def test_the_budget_of_a_call_counts_suspension() -> None:
    machine, calls = Machine(), []

    def call() -> None:
        calls.append(1)
        machine.at += NIGHT_S
        raise Transient("busy", retry_after_s=0.0)

    with pytest.raises(Transient):
        call_with_retry(call, lambda _: None, machine)
    assert len(calls) == 1


def until_held(client: redis.Redis) -> None:
    while client.get(KEY) != b"task-1":
        time.sleep(0.005)


def test_a_lease_that_ran_out_in_suspend_is_taken_again(client: redis.Redis) -> None:
    with Leases(client, 3).hold("order:7", "task-1"):
        client.delete(KEY)
        until_held(client)
        assert client.pttl(KEY) > 0


def test_it_is_renewed_as_soon_as_the_machine_is_awake(client: redis.Redis) -> None:
    """What has passed counts, not what the renewer has waited."""
    machine = Machine()
    with Leases(client, 15, machine).hold("order:7", "task-1"):
        client.delete(KEY)
        machine.at += NIGHT_S
        until_held(client)


def test_one_that_another_took_meanwhile_stays_with_them(client: redis.Redis) -> None:
    machine = Machine()
    with Leases(client, 3, machine).hold("order:7", "task-1"):
        client.set(KEY, "task-2", px=60_000)
        for _ in range(3):
            machine.at += NIGHT_S
            time.sleep(0.15)
        assert client.get(KEY) == b"task-2"
    assert client.get(KEY) == b"task-2"
