"""What a caller that has no token is told is honest, whoever else came, and whenever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline.base.errors import OverQuota
from pipeline.base.quota import Lane, Plan, Quota, calls_left

SEARCH = Plan("searchOrders", rate_per_s=0.0056, burst=20)
MINUTE = 60.0


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as opened:
        yield opened


def wait_s(quota: Quota, plan: Plan, lane: Lane) -> float:
    """What a call is told; zero when it may go."""
    try:
        quota.take(plan, lane)
    except OverQuota as error:
        return error.retry_after_s or 0.0
    return 0.0


def honest_s(client: redis.Redis, plan: Plan, lane: Lane, at_s: float) -> float:
    """When there is a token for the lane, if nobody takes one meanwhile."""
    (left,) = calls_left(client, [("main", plan)], at_s)
    missing = int(plan.burst * lane.left_share) + 1 - left
    return max(0.0, missing / plan.rate_per_s)


def test_six_busy_hours_do_not_push_a_backfill_on(client: redis.Redis) -> None:
    now = [1_000_000.0]
    quota = Quota(client, "main", clock=lambda: now[0])
    for _ in range(6 * 60):
        wait_s(quota, SEARCH, Lane.NEW)  # a timer's, which never comes at the promised time
        now[0] += MINUTE
    honest = honest_s(client, SEARCH, Lane.BACKFILL, now[0])
    assert wait_s(quota, SEARCH, Lane.BACKFILL) == pytest.approx(honest)
    assert 0.3 < honest / 3600 < 0.45


@pytest.mark.parametrize("lane", Lane)
def test_a_timer_that_asks_every_minute_does_not_push_itself_on(
    client: redis.Redis, lane: Lane
) -> None:
    now = [1_000_000.0]
    quota = Quota(client, "main", clock=lambda: now[0])
    for _ in range(6 * 60):
        honest = honest_s(client, SEARCH, lane, now[0])
        assert wait_s(quota, SEARCH, lane) == pytest.approx(honest)
        now[0] += MINUTE


def test_refusals_of_one_lane_do_not_push_on_another(client: redis.Redis) -> None:
    now = [1_000_000.0]
    quota = Quota(client, "main", clock=lambda: now[0])
    for _ in range(60):
        wait_s(quota, SEARCH, Lane.BACKFILL)
    for _ in range(8):
        assert wait_s(quota, SEARCH, Lane.NEW) == 0
    honest = honest_s(client, SEARCH, Lane.NEW, now[0])
    assert wait_s(quota, SEARCH, Lane.NEW) == pytest.approx(honest)


def test_a_clock_that_is_set_back_keeps_no_promise(client: redis.Redis) -> None:
    now = [1_000_000.0]
    quota = Quota(client, "main", clock=lambda: now[0])
    for _ in range(30):
        wait_s(quota, SEARCH, Lane.CONFIRM)
    now[0] -= 3600
    honest = honest_s(client, SEARCH, Lane.CONFIRM, now[0])
    assert wait_s(quota, SEARCH, Lane.CONFIRM) == pytest.approx(honest)


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    calls=st.lists(
        st.tuples(st.sampled_from(Lane), st.floats(min_value=0, max_value=400)), max_size=60
    )
)
def test_a_promise_is_never_early_and_late_by_those_of_the_last_half_minute_only(
    client: redis.Redis, calls: list[tuple[Lane, float]]
) -> None:
    client.flushdb()
    now = [1_000_000.0]
    quota = Quota(client, "main", clock=lambda: now[0])
    refused: list[tuple[Lane, float]] = []
    for lane, pause_s in calls:
        now[0] += pause_s
        told, honest = wait_s(quota, SEARCH, lane), honest_s(client, SEARCH, lane, now[0])
        if told:
            ahead = sum(1 for one, at in refused if one is lane and now[0] - at <= 30)
            refused.append((lane, now[0]))
            assert honest <= told + 1e-3
            assert told <= honest + ahead / SEARCH.rate_per_s + 1e-3
