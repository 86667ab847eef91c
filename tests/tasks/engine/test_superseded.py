"""A run that news have overtaken leaves nothing behind: what it found held is held no more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis
from sqlalchemy import select, text

from pipeline.base.db import Sessions
from pipeline.clients import Clients
from pipeline.intake.tables import ToFetch
from pipeline.orders.outcome import Hold, HoldCode, Outcome
from pipeline.orders.tables import Order, Status
from tasks.engine.runner import Runner
from tests.builders import NOW, an_order, stored
from tests.tasks.engine.test_runner import a_runner

HELD = Hold(HoldCode.UNREADABLE_ORDER, "no items")


@pytest.fixture
def runner(sessions: Sessions, redis_url: str) -> Iterator[Runner]:
    with redis.Redis.from_url(redis_url) as broker:
        yield a_runner(sessions, broker)


@pytest.mark.parametrize(("overtaken", "asks"), [(True, 0), (False, 1)])
@pytest.mark.parametrize("held_as", [None, "unreadable_order"])
def test_only_a_hold_that_stands_has_amazon_asked(
    runner: Runner, sessions: Sessions, held_as: str | None, overtaken: bool, asks: int
) -> None:
    status = Status.HELD if held_as else Status.READY
    order_id = stored(sessions, an_order(hold_code=held_as, status=status))

    def step(order: Order, clients: Clients) -> Outcome:
        if overtaken:
            with sessions() as session, session.begin():
                session.execute(text("UPDATE orders SET version = version + 1"))
        return HELD

    assert not runner.run("import_order", step, order_id, "task-1")
    with sessions() as session:
        due = session.scalars(select(ToFetch.due_at)).all()
    assert due == [NOW + (timedelta(0) if held_as else timedelta(minutes=1))] * asks
