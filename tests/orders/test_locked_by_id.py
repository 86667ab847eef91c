"""What locks several orders says in the statement itself that it does so by id, and waits for the
first of them before it has the second."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, select, text

from pipeline.base.db import Sessions
from pipeline.monitoring.reconcile.compare import Cure, FoundDifference, Kind, Sides
from pipeline.monitoring.reconcile.tables import Reconciliation
from pipeline.monitoring.reconcile.treat import treat
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Order, Status
from tests.builders import ACCOUNT, GERMANY, NOW, a_number, an_order, settings, stored
from tests.orders.test_lock_order import ACTS

BY_ID = re.compile(r"ORDER BY (orders\w*)\.id\s+FOR UPDATE")


@contextmanager
def statements(sessions: Sessions) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_: Any, __: Any, statement: str, *more: Any) -> None:
        seen.append(statement)

    with sessions() as session:
        engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("name", ACTS)
def test_each_statement_that_locks_orders_says_by_id(name: str, sessions: Sessions) -> None:
    status, act = ACTS[name]
    ids = [stored(sessions, an_order(status=status)) for _ in range(2)]
    with statements(sessions) as seen:
        act(sessions, ids[::-1])
    locking = [one for one in seen if "UPDATE orders" in one or "FOR UPDATE" in one]
    assert locking
    # Orders that an earlier statement of the transaction has locked are in nobody's way.
    assert BY_ID.search(locking[0]), locking[0]


def test_a_comparison_that_treats_many_waits_for_the_first_one(sessions: Sessions) -> None:
    numbers = [a_number() for _ in range(2)]
    ids = [
        stored(sessions, an_order(external_id=number, status=Status.WAITING)) for number in numbers
    ]
    with sessions() as session, session.begin():
        run = Reconciliation(
            account=ACCOUNT, author="test", state="running", after_at=NOW, before_at=NOW,
            due_at=NOW, created_at=NOW,
        )  # fmt: skip
        session.add(run)
        session.flush()
        run_id = run.id
    differences = [FoundDifference(Kind.TOTALS, Cure.HOLD, "differ", HoldCode.TOTALS_DIFFER)]
    sides = {}
    with sessions() as session:
        for number, order_id in reversed(list(zip(numbers, ids, strict=True))):
            sides[number] = Sides(
                identity=None,  # type: ignore[arg-type]
                placed=None,
                ours=session.get_one(Order, order_id),
                in_shop=(),
                settings=settings().for_order(ACCOUNT, GERMANY),
                start_from=NOW,
            )

    def work() -> None:
        with sessions() as session, session.begin():
            one = session.get_one(Reconciliation, run_id)
            treat(session, one, dict.fromkeys(sides, differences), sides, NOW)

    thread = threading.Thread(target=work)
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with sessions() as session, session.begin():
        session.execute(select(Order.id).where(Order.id == ids[0]).with_for_update())
        thread.start()
        with sessions() as other:
            while not other.scalar(waiting) and thread.is_alive():
                other.rollback()
        # It has nothing yet that somebody who works in the same order could wait for.
        second = select(Order.id).where(Order.id == ids[1]).with_for_update(nowait=True)
        assert session.scalar(second) == ids[1]
    thread.join()
    with sessions() as session:
        assert set(session.scalars(select(Order.hold_code))) == {HoldCode.TOTALS_DIFFER}
