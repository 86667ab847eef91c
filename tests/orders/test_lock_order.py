"""Whoever locks several orders locks them by id: two never wait for each other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.orders.machine import Orders, reopen, wake
from pipeline.orders.state_changes import dismiss
from pipeline.orders.tables import Order, Status
from pipeline.settings.model import Timing
from tests.builders import NOW, a_vault, an_order, stored


def positions(sessions: Sessions, ids: Sequence[int]) -> None:
    Orders(sessions, a_vault(), Timing()).positions(ids, NOW)


def in_session(act: Callable[[Session, Sequence[int]], object]) -> Callable[..., None]:
    def run(sessions: Sessions, ids: Sequence[int]) -> None:
        with sessions() as session, session.begin():
            act(session, ids)

    return run


ACTS: dict[str, tuple[Status, Callable[..., None]]] = {
    "positions": (Status.WAITING, positions),
    "wake": (Status.WAITING, in_session(lambda session, ids: wake(session, ids, NOW))),
    "reopen": (Status.DONE, in_session(lambda session, ids: reopen(session, ids, NOW))),
    "dismiss": (Status.WAITING, in_session(lambda session, ids: dismiss(session, ids, "x", NOW))),
}


@pytest.mark.parametrize("name", ACTS)
def test_an_update_of_many_locks_them_by_id(name: str, sessions: Sessions) -> None:
    status, act = ACTS[name]
    ids = [stored(sessions, an_order(status=status)) for _ in range(2)]
    with sessions() as session, session.begin():
        # Written anew, the first one lies behind the second one, where a scan finds it last.
        session.get_one(Order, ids[0]).last_note = "moved"
    failed: list[Exception] = []

    def run() -> None:
        try:
            act(sessions, ids[::-1])
        except OperationalError as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    with sessions() as session, session.begin():
        session.execute(select(Order.id).where(Order.id == ids[0]).with_for_update())
        thread.start()
        thread.join(0.3)
        session.execute(select(Order.id).where(Order.id == ids[1]).with_for_update())
    thread.join()
    assert failed == []
