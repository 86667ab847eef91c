"""The short retry within one call: how often, how long, and for what."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.errors import (
    AccountStopped,
    OutcomeUnknown,
    OverQuota,
    Rejected,
    RemoteError,
    Transient,
)
from pipeline.base.retry import call_with_retry, no_try_after


def failing(*errors: RemoteError) -> tuple[Callable[[], str], list[RemoteError]]:
    """A call that fails with each of these in turn and then answers; and what it has raised."""
    left: Iterator[RemoteError] = iter(errors)
    raised: list[RemoteError] = []

    def call() -> str:
        for error in left:
            raised.append(error)
            raise error
        return "answer"

    return call, raised


def busy(retry_after_s: float | None = None) -> Transient:
    return Transient("busy", retry_after_s=retry_after_s)


def test_an_answer_is_returned_without_waiting() -> None:
    slept: list[float] = []
    call, _ = failing()
    assert call_with_retry(call, slept.append) == "answer"
    assert slept == []


def test_a_transient_error_is_tried_again() -> None:
    slept: list[float] = []
    call, raised = failing(busy(), busy(), busy())
    assert call_with_retry(call, slept.append) == "answer"
    assert len(raised) == len(slept) == 3


def test_four_tries_and_then_the_last_error() -> None:
    slept: list[float] = []
    errors = [busy() for _ in range(5)]
    call, raised = failing(*errors)
    with pytest.raises(Transient) as caught:
        call_with_retry(call, slept.append)
    assert raised == errors[:4]
    assert caught.value is errors[3]
    assert len(slept) == 3


@pytest.mark.parametrize("kind", [Rejected, AccountStopped, OutcomeUnknown, OverQuota])
def test_nothing_else_is_tried_again(kind: type[RemoteError]) -> None:
    slept: list[float] = []
    call, raised = failing(kind("no", retry_after_s=1))
    with pytest.raises(kind):
        call_with_retry(call, slept.append)
    assert len(raised) == 1
    assert slept == []


def test_the_remotes_own_wish_is_what_is_waited() -> None:
    slept: list[float] = []
    call, _ = failing(busy(3), busy(0), busy(5))
    assert call_with_retry(call, slept.append) == "answer"
    assert slept == [3, 0, 5]


def test_a_wish_beyond_the_budget_is_handed_on_at_once() -> None:
    slept: list[float] = []
    call, raised = failing(busy(21))
    with pytest.raises(Transient) as caught:
        call_with_retry(call, slept.append)
    assert caught.value.retry_after_s == 21
    assert len(raised) == 1
    assert slept == []


def test_what_was_waited_already_counts_towards_the_budget() -> None:
    slept: list[float] = []
    call, raised = failing(busy(9), busy(9), busy(9))
    with pytest.raises(Transient):
        call_with_retry(call, slept.append)
    assert slept == [9, 9]
    assert len(raised) == 3


@given(st.lists(st.none() | st.floats(min_value=0, max_value=100), min_size=4, max_size=6))
def test_never_more_than_four_tries_nor_twenty_seconds(wishes: list[float | None]) -> None:
    slept: list[float] = []
    call, raised = failing(*map(busy, wishes))
    with pytest.raises(Transient):
        call_with_retry(call, slept.append)
    assert len(raised) <= 4
    assert sum(slept) <= 20
    assert len(slept) == len(raised) - 1


def test_no_try_begins_when_its_time_is_over() -> None:
    call, raised = failing(busy(5.0), busy(5.0))
    slept: list[float] = []
    with no_try_after(4.0), pytest.raises(Transient):
        call_with_retry(call, slept.append)
    assert (len(raised), slept) == (1, [])
    # Outside of the block it counts no more.
    assert call_with_retry(call, slept.append) == "answer"
    assert slept == [5.0]


def test_a_try_within_the_time_is_made() -> None:
    call, _ = failing(busy(3.0))
    slept: list[float] = []
    with no_try_after(4.0):
        assert call_with_retry(call, slept.append) == "answer"
    assert slept == [3.0]
