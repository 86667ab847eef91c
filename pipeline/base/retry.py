"""The only use of Tenacity: a short retry inside a call. Longer waits are the order's `due_at`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from pipeline.base.clock import elapsed
from pipeline.base.errors import NotSent, Transient

T = TypeVar("T")

TRIES = 4
BUDGET_S = 20.0
_left_s: ContextVar[Callable[[], float] | None] = ContextVar("left_s", default=None)
_backoff = wait_random_exponential(multiplier=0.5, max=8)


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Transient) and error.retry_after_s is not None:
        return error.retry_after_s
    return _backoff(state)


@contextmanager
def no_try_after(left_s: float, clock: Callable[[], float] = elapsed) -> Iterator[None]:
    """Within this block no call is retried once `left_s` seconds have passed."""
    ends_at = clock() + left_s
    token = _left_s.set(lambda: ends_at - clock())
    try:
        yield
    finally:
        _left_s.reset(token)


def _may_try_again(error: BaseException) -> bool:
    return isinstance(error, Transient) and not isinstance(error, NotSent)


def call_with_retry(
    call: Callable[[], T],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = elapsed,
) -> T:
    """Call, and call again on Transient: at most 4 tries and 20 s in all. Never on NotSent.

    Honours the remote's Retry-After. When that pause exceeds the 20 s, the error is raised at
    once with its `retry_after_s`, so that the caller waits outside a worker.
    """
    begun = clock()
    try:
        return call()
    except Transient as error:
        if not _may_try_again(error):
            raise
        outcomes = iter((error,))

    def call_after_the_first() -> T:
        for first in outcomes:
            raise first
        return call()

    def no_time_left(state: RetryCallState) -> bool:
        waited_s = max(clock() - begun, state.idle_for)
        left_s = _left_s.get()
        return (
            state.attempt_number >= TRIES
            or waited_s + state.upcoming_sleep > BUDGET_S
            or (left_s is not None and state.upcoming_sleep > left_s())
        )

    retrying = Retrying(
        retry=retry_if_exception(_may_try_again),
        wait=_wait_s,
        stop=no_time_left,
        sleep=sleep,
        reraise=True,
    )
    return retrying(call_after_the_first)
