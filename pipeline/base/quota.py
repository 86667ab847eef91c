"""A token bucket in Redis for each account and operation, shared by all workers.

Amazon's usage plan: a bucket of `burst` tokens that refills at `rate` per second, a token per call.
No worker sleeps for a token: the call is refused with the seconds to wait, and the order's row
waits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import redis
from redis.exceptions import RedisError

from pipeline.base.clock import elapsed
from pipeline.base.errors import OverQuota
from pipeline.base.log import log


class Lane(StrEnum):
    """The priority of a call, the first lane first."""

    CONFIRM = "confirm"
    NEW = "new"
    BACKFILL = "backfill"

    @property
    def left_share(self) -> float:
        """The share of the bucket that this lane leaves to the lanes before it."""
        return _LEFT_SHARES[self]


_LEFT_SHARES = {Lane.CONFIRM: 0.0, Lane.NEW: 0.1, Lane.BACKFILL: 0.5}


@dataclass(frozen=True, slots=True)
class Plan:
    """An operation's usage plan: calls per second, and calls at once when the bucket is full."""

    operation: str
    rate_per_s: float
    burst: int


# Times come from Redis, whose clock all workers share. A refused caller gets the time of the next
# token for its lane, and a token later for each caller refused lately in the same lane, so that
# they do not all return together. A promise counts for half a minute only: most callers return by
# their own timer, and a caller that never returns must not delay the next.
_TAKE = """
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'rate')
local time = redis.call('TIME')
local now = tonumber(ARGV[4]) or time[1] + time[2] / 1e6
local burst, floor = tonumber(ARGV[2]), tonumber(ARGV[3])
local rate = tonumber(state[3]) or tonumber(ARGV[1])
local tokens = math.min(burst, (tonumber(state[1]) or burst)
  + math.max(0, now - (tonumber(state[2]) or now)) * rate)
local wait = 0
if tokens - 1 >= floor then
  tokens = tokens - 1
else
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[5]))
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '(' .. now, '+inf')
  local ahead = redis.call('ZCARD', KEYS[2])
  wait = (floor + 1 - tokens + ahead) / rate
  redis.call('ZADD', KEYS[2], now, redis.call('HINCRBY', KEYS[1], 'refused', 1))
  redis.call('EXPIRE', KEYS[2], 172800)
end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
redis.call('EXPIRE', KEYS[1], 172800)
return tostring(wait)
"""
# Longer than it takes to refuse a crowd of orders, shorter than the pause of any timer.
_PROMISE_COUNTS_S = 30
# An emptied Redis gets the rate again after this time.
_LEARNED_FOR_S = 30.0
_LEARN = """
local rate = tonumber(ARGV[1])
if tonumber(redis.call('HGET', KEYS[1], 'rate') or '0') ~= rate then
  redis.call('HSET', KEYS[1], 'rate', rate)
end
return 1
"""
# A refusal means that Amazon's bucket is empty, so our count of tokens becomes zero.
_EMPTY = """
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'tokens', math.min(0,
  tonumber(redis.call('HGET', KEYS[1], 'tokens') or '0')),
  'at', tonumber(ARGV[1]) or time[1] + time[2] / 1e6)
return 1
"""


class Quota:
    """The buckets of an account. `clock` returns seconds and replaces Redis' own clock.

    The rates that Amazon reports are kept in Redis and in the process that received them. So an
    emptied Redis does not bring back the plan's rate, which may be a call in three minutes.
    """

    def __init__(
        self, client: redis.Redis, account: str, clock: Callable[[], float] | None = None
    ) -> None:
        self._redis = client
        self._account = account
        self._clock = clock
        self._told: dict[str, float] = {}
        self._learned_at: dict[str, float] = {}
        self._take = client.register_script(_TAKE)
        self._learn = client.register_script(_LEARN)
        self._empty = client.register_script(_EMPTY)

    def take(self, plan: Plan, lane: Lane) -> None:
        """Take a token. Raises OverQuota with the seconds until the next token.

        Without Redis the call goes ahead: then only Amazon's own refusal limits the calls.
        """
        floor = math.floor(plan.burst * lane.left_share)
        try:
            wait_s = float(
                self._take(
                    keys=[self._key(plan), f"{self._key(plan)}:refused:{lane}"],
                    args=[
                        self._known(plan),
                        plan.burst,
                        floor,
                        self._now(),
                        _PROMISE_COUNTS_S,
                    ],
                )
            )
        except RedisError:
            log.warning("quota.unavailable", account=self._account)
            return
        if wait_s > 0:
            raise OverQuota(
                f"{plan.operation}: this account's quota is used up for now",
                code="quota",
                retry_after_s=wait_s,
            )

    def rate(self, plan: Plan) -> float:
        """The calls per second that Amazon reported, or else the plan's."""
        try:
            told = self._redis.hget(self._key(plan), "rate")
        except RedisError:
            return self._known(plan)
        return float(told) if told else self._known(plan)

    def learn(self, plan: Plan, rate_per_s: float) -> None:
        """Keep the rate that Amazon reported: it does so in every answer, and rarely changes it."""
        known = self._told.get(plan.operation), self._learned_at.get(plan.operation, -math.inf)
        self._told[plan.operation] = rate_per_s
        if known[0] == rate_per_s and elapsed() - known[1] < _LEARNED_FOR_S:
            return
        self._learned_at[plan.operation] = elapsed()
        self._quietly(lambda: self._learn(keys=[self._key(plan)], args=[rate_per_s]))

    def refused(self, plan: Plan) -> None:
        """Empty the bucket, because Amazon refused a call."""
        self._quietly(lambda: self._empty(keys=[self._key(plan)], args=[self._now()]))

    def _known(self, plan: Plan) -> float:
        return self._told.get(plan.operation, plan.rate_per_s)

    def _now(self) -> str:
        return "" if self._clock is None else str(self._clock())

    def _key(self, plan: Plan) -> str:
        return _key(self._account, plan)

    def _quietly(self, call: Callable[[], object]) -> None:
        try:
            call()
        except RedisError:
            log.warning("quota.unavailable", account=self._account)


def calls_left(
    client: redis.Redis, asked: Sequence[tuple[str, Plan]], at_s: float | None = None
) -> list[float]:
    """How many calls each account could make now by each plan, in one round trip.

    `at_s` replaces Redis' own clock. Raises RedisError.
    """
    pipeline = client.pipeline(transaction=False)
    pipeline.time()
    for account, plan in asked:
        pipeline.hmget(_key(account, plan), "tokens", "at", "rate")
    (whole_s, micros), *states = pipeline.execute()
    now_s = whole_s + micros / 1e6 if at_s is None else at_s
    return [_left(plan, now_s, *state) for (_, plan), state in zip(asked, states, strict=True)]


def _left(
    plan: Plan, now_s: float, tokens: bytes | None, at: bytes | None, rate: bytes | None
) -> float:
    if tokens is None or at is None:
        return float(plan.burst)
    passed_s = max(0.0, now_s - float(at))
    return min(plan.burst, float(tokens) + passed_s * float(rate or plan.rate_per_s))


def _key(account: str, plan: Plan) -> str:
    return f"orderbridge:quota:{account}:{plan.operation}"
