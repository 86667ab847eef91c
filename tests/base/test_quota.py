"""The shared token bucket, on a real Redis: rates are high here, so that waiting takes no time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import redis

from pipeline.base.errors import OverQuota
from pipeline.base.quota import Lane, Plan, Quota, calls_left

SLOW = Plan("slow", rate_per_s=0.01, burst=20)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as opened:
        yield opened


def taken(quota: Quota, plan: Plan, lane: Lane, tries: int) -> int:
    """How many of some tries get a token."""
    count = 0
    for _ in range(tries):
        try:
            quota.take(plan, lane)
        except OverQuota:
            continue
        count += 1
    return count


@pytest.mark.parametrize(
    ("lane", "allowed"), [(Lane.CONFIRM, 20), (Lane.NEW, 18), (Lane.BACKFILL, 10)]
)
def test_a_lane_leaves_its_share_to_those_before_it(
    client: redis.Redis, lane: Lane, allowed: int
) -> None:
    assert taken(Quota(client, "main"), SLOW, lane, 30) == allowed


def test_confirmations_still_go_when_backfill_and_new_orders_have_used_theirs(
    client: redis.Redis,
) -> None:
    quota = Quota(client, "main")
    assert taken(quota, SLOW, Lane.BACKFILL, 30) == 10
    assert taken(quota, SLOW, Lane.NEW, 30) == 8
    assert taken(quota, SLOW, Lane.CONFIRM, 30) == 2


def test_accounts_and_operations_have_buckets_of_their_own(client: redis.Redis) -> None:
    assert taken(Quota(client, "main"), SLOW, Lane.CONFIRM, 30) == 20
    assert taken(Quota(client, "other"), SLOW, Lane.CONFIRM, 30) == 20
    assert taken(Quota(client, "main"), Plan("other", 0.01, 5), Lane.CONFIRM, 30) == 5


def test_what_is_left_is_told_for_all_at_once(client: redis.Redis) -> None:
    other = Plan("other", rate_per_s=0.01, burst=5)
    Quota(client, "main").take(SLOW, Lane.CONFIRM)
    client.hset("orderbridge:quota:main:other", mapping={"tokens": -3, "at": 0, "rate": 1000})
    asked = [("main", SLOW), ("other", SLOW), ("main", other)]
    used, untouched, refilled = calls_left(client, asked)
    assert 19 <= used < 20
    # A bucket of which nothing is known is full, and one that Amazon refills quickly is full again.
    assert (untouched, refilled) == (20, 5)


def test_those_who_have_to_wait_are_told_one_time_after_the_other(client: redis.Redis) -> None:
    quota = Quota(client, "main")
    taken(quota, SLOW, Lane.CONFIRM, 20)
    waits = []
    for _ in range(3):
        with pytest.raises(OverQuota) as refused:
            quota.take(SLOW, Lane.CONFIRM)
        assert refused.value.retry_after_s is not None
        waits.append(refused.value.retry_after_s)
    assert waits == pytest.approx([100, 200, 300], abs=5)


def test_the_bucket_refills_up_to_its_burst(client: redis.Redis) -> None:
    plan = Plan("quick", rate_per_s=200, burst=4)
    quota = Quota(client, "main")
    assert taken(quota, plan, Lane.CONFIRM, 4) == 4
    time.sleep(0.1)  # worth 20 tokens, of which 4 fit
    assert 4 <= taken(quota, plan, Lane.CONFIRM, 6) <= 6


def test_the_rate_that_amazon_tells_counts(client: redis.Redis) -> None:
    quota = Quota(client, "main")
    taken(quota, SLOW, Lane.CONFIRM, 20)
    quota.learn(SLOW, 0.5)
    with pytest.raises(OverQuota) as refused:
        quota.take(SLOW, Lane.CONFIRM)
    assert refused.value.retry_after_s == pytest.approx(2, abs=0.5)


def test_a_rate_that_was_told_outlives_what_redis_kept(client: redis.Redis) -> None:
    quota = Quota(client, "main")
    quota.learn(SLOW, 0.5)
    client.flushdb()
    Quota(client, "main").take(SLOW, Lane.CONFIRM)  # another process, which was told nothing
    quota.refused(SLOW)
    with pytest.raises(OverQuota) as refused:
        quota.take(SLOW, Lane.CONFIRM)
    assert refused.value.retry_after_s == pytest.approx(2, abs=0.5)
    assert quota.rate(SLOW) == 0.5


def test_a_refusal_empties_the_bucket_whatever_was_believed(client: redis.Redis) -> None:
    quota = Quota(client, "main")
    quota.refused(SLOW)
    with pytest.raises(OverQuota) as refused:
        quota.take(SLOW, Lane.CONFIRM)
    assert refused.value.retry_after_s == pytest.approx(100, abs=5)


def test_workers_together_never_take_more_than_there_is(client: redis.Redis) -> None:
    counts: list[int] = []

    def work() -> None:
        counts.append(taken(Quota(client, "main"), SLOW, Lane.CONFIRM, 10))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 20


def test_without_redis_the_call_goes_ahead(away: redis.Redis) -> None:
    quota = Quota(away, "main")
    quota.take(SLOW, Lane.BACKFILL)
    quota.learn(SLOW, 1.0)
    quota.refused(SLOW)


def test_a_clock_that_is_moved_refills_the_bucket(client: redis.Redis) -> None:
    now = [1_000.0]
    quota = Quota(client, "main", clock=lambda: now[0])
    assert taken(quota, SLOW, Lane.CONFIRM, 30) == 20
    now[0] += 350
    assert taken(quota, SLOW, Lane.CONFIRM, 30) == 3
    quota.refused(SLOW)
    now[0] += 100
    assert taken(quota, SLOW, Lane.CONFIRM, 30) == 1
