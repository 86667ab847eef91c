"""The job that does what was decided about many orders, and the sweep that goes on with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import redis
from celery import Celery
from sqlalchemy import event, func, select

from pipeline.base.db import Sessions
from pipeline.operations.acts.many_orders import AHEAD, APART, Act, BulkActs
from pipeline.operations.acts.tables import BulkAct, BulkActOrder
from pipeline.orders.tables import Note, Order, Status
from tasks.engine.runtime import Runtime, build
from tasks.jobs.bulk import run_bulk_acts
from tasks.jobs.search_and_sweep import resume_due
from tests.builders import NOW, a_vault, an_order, settings
from tests.tasks.conftest import close

A_RUN = AHEAD // APART
SECOND = timedelta(seconds=1)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def parts(database_url: str, redis_url: str) -> Iterator[Runtime]:
    built = build(settings(database_url=database_url, redis_url=redis_url), lambda: NOW)
    yield built
    close(built)


def at(parts: Runtime, now: datetime) -> Runtime:
    """The same at another time of ours."""
    return replace(parts, clients=replace(parts.clients, now=lambda: now))


def begin(sessions: Sessions, count: int) -> int:
    """An act that releases so many held orders; its id."""
    held: dict[str, Any] = {"status": Status.HELD, "hold_code": "currency", "due_at": LATER}
    with sessions() as session, session.begin():
        session.add_all([an_order(**held) for _ in range(count)])
    turns = select(Order.id, func.row_number().over(order_by=Order.id))
    return BulkActs(sessions, a_vault()).begin(
        Act.RELEASE, turns, chosen="all of them", author="anna", now=NOW, token="a form's"
    )


def read(sessions: Sessions, act_id: int) -> BulkAct:
    with sessions() as session:
        return session.get_one(BulkAct, act_id)


def test_what_was_released_is_sent_in_its_turn_and_not_before(
    app: Celery, parts: Runtime, sessions: Sessions, redis_url: str
) -> None:
    begin(sessions, 10)

    def sent() -> int:
        with redis.Redis.from_url(redis_url) as broker:
            return sum(int(broker.llen(f"orderbridge:{name}")) for name in ("amazon", "magento"))

    resume_due(app, parts)
    assert sent() == 0
    run_bulk_acts(parts)
    resume_due(app, parts)
    assert sent() == 1
    resume_due(app, at(parts, NOW + SECOND))
    assert sent() == 6
    resume_due(app, at(parts, NOW + 2 * SECOND))
    assert sent() == 10


def test_a_job_that_is_killed_in_the_middle_is_gone_on_with_and_nothing_is_doubled(
    parts: Runtime, sessions: Sessions
) -> None:
    act_id = begin(sessions, A_RUN + 30)
    run_bulk_acts(parts)
    assert read(sessions, act_id).done == A_RUN
    with parts.sessions() as session:
        engine = session.get_bind()

    def die(_: object, __: object, statement: str, *___: object) -> None:
        # Notes and due times are written by then, and nothing is committed.
        if statement.startswith("UPDATE bulk_act_orders"):
            raise KeyboardInterrupt

    event.listen(engine, "before_cursor_execute", die)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_bulk_acts(at(parts, NOW + 10 * SECOND))
    finally:
        event.remove(engine, "before_cursor_execute", die)
    assert read(sessions, act_id).done == A_RUN
    run_bulk_acts(at(parts, NOW + 15 * SECOND))
    act = read(sessions, act_id)
    assert (act.done, act.passed_over, act.ended_at) == (A_RUN + 30, 0, NOW + 15 * SECOND)
    with sessions() as session:
        noted = session.scalars(select(Note.order_id).order_by(Note.id)).all()
        due = session.scalars(select(Order.due_at).order_by(Order.id)).all()
        due_times = session.scalars(select(BulkActOrder.due_at).order_by(BulkActOrder.turn)).all()
        news = session.scalars(select(Order.news).distinct()).all()
    assert len(noted) == len(set(noted)) == A_RUN + 30
    assert due == due_times == [NOW + turn * APART for turn in range(A_RUN + 30)]
    assert news == [1]


def test_a_job_without_acts_does_nothing(parts: Runtime, sessions: Sessions) -> None:
    run_bulk_acts(parts)
    with sessions() as session:
        assert session.scalars(select(BulkAct)).all() == []
