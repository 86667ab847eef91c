"""Two reports of one lastUpdatedTime: what is told in full heals, and no change is lost."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from pipeline.base.db import Sessions
from pipeline.intake.reports import digest
from pipeline.orders.tables import Order, OrderPrivate, Status
from tests.builders import NOW, a_raw_order, a_vault, loaded
from tests.intake.test_store import opened, taken_in

SECOND = timedelta(seconds=1)
HOLES: list[dict[str, Any]] = [
    {"orderItems": None},
    {"proceeds": None},
    {"fulfillment": None},
    {"recipient": None},
]


def held(sessions: Sessions, code: str = "unreadable_order") -> None:
    with sessions() as session, session.begin():
        later = NOW + timedelta(hours=1)
        session.execute(update(Order).values(status=Status.HELD, hold_code=code, due_at=later))


@pytest.mark.parametrize("hole", HOLES, ids=lambda hole: next(iter(hole)))
def test_a_report_with_a_hole_heals_when_it_is_told_whole(
    sessions: Sessions, hole: dict[str, Any]
) -> None:
    whole = a_raw_order()
    (order_id,) = taken_in(sessions, {**whole, **hole}).new
    held(sessions)
    assert taken_in(sessions, whole).woken == [order_id]
    assert opened(sessions, order_id) == whole
    order = loaded(sessions, order_id)
    assert (order.due_at, order.remote_status) == (NOW, whole["fulfillment"]["fulfillmentStatus"])
    # What is whole is neither told twice, nor spoiled by a hole.
    assert taken_in(sessions, whole).woken == []
    assert taken_in(sessions, {**whole, **hole}).woken == []
    assert opened(sessions, order_id) == whole


def test_who_fulfils_is_learnt_from_the_whole_report(sessions: Sessions) -> None:
    whole = a_raw_order(status="SHIPPED")
    whole["fulfillment"] = {**whole["fulfillment"], "fulfilledBy": "AMAZON"}
    (order_id,) = taken_in(sessions, {**whole, "fulfillment": None}).new
    taken_in(sessions, whole)
    assert loaded(sessions, order_id).fulfilled_by == "FBA"


def test_of_two_changes_in_one_second_none_is_lost(sessions: Sessions) -> None:
    first = a_raw_order()
    second = {**first, "programs": ["PRIME"]}
    (order_id,) = taken_in(sessions, first).new
    assert taken_in(sessions, second, now=NOW + SECOND).woken == [order_id]
    assert opened(sessions, order_id) == second


def test_a_report_that_was_asked_for_earlier_never_overwrites_a_later_one(
    sessions: Sessions,
) -> None:
    first = a_raw_order()
    second = {**first, "programs": ["PRIME"]}
    (order_id,) = taken_in(sessions, second, now=NOW + SECOND).new
    assert taken_in(sessions, first, now=NOW).woken == []
    assert opened(sessions, order_id) == second


def test_a_row_of_before_is_compared_by_its_report(sessions: Sessions) -> None:
    first = a_raw_order()
    (order_id,) = taken_in(sessions, first).new
    with sessions() as session, session.begin():
        session.execute(update(OrderPrivate).values(report_digest=None, report_asked_at=None))
    assert taken_in(sessions, first).woken == []
    assert taken_in(sessions, {**first, "programs": ["PRIME"]}).woken == [order_id]


def test_a_purged_order_is_left_alone(sessions: Sessions) -> None:
    first = a_raw_order()
    (order_id,) = taken_in(sessions, first).new
    with sessions() as session, session.begin():
        session.execute(update(OrderPrivate).values(wrapped_key=None, sealed=None))
    assert taken_in(sessions, {**first, "programs": ["PRIME"]}).woken == []
    with sessions() as session:
        assert session.scalar(select(OrderPrivate.sealed)) is None
    assert loaded(sessions, order_id).news == 0


def test_the_digest_knows_no_order_and_no_signature() -> None:
    vault = a_vault()
    one = {"a": [1, 2], "b": "https://x.example/c.zip?X-Amz-Signature=1"}
    other = {"b": "https://x.example/c.zip?X-Amz-Signature=2", "a": [2, 1]}
    assert digest(vault, one) == digest(vault, other)
    assert digest(vault, one) != digest(vault, {**one, "a": [1, 3]})


def test_a_digest_takes_no_more_than_its_report_however_deep_that_is() -> None:
    deep: Any = "a word"
    for _ in range(20):
        deep = [deep]
    vault = a_vault()
    tracemalloc.start()
    try:
        digest(vault, {"new": deep})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000  # bytes


def test_a_report_from_a_far_future_does_not_make_all_later_ones_old(sessions: Sessions) -> None:
    """What is told a day and more ahead of our clock counts as a day ahead."""
    far = a_raw_order(updated_at=NOW + timedelta(days=365))
    (order_id,) = taken_in(sessions, far).new
    assert loaded(sessions, order_id).remote_updated_at == NOW + timedelta(days=1)
    later = a_raw_order(far["orderId"], updated_at=NOW + timedelta(days=2))
    assert taken_in(sessions, later, now=NOW + timedelta(days=2)).woken == [order_id]
