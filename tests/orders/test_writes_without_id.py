"""A write without an id proves nothing: the ledger calls none of them done."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from pipeline.base.db import Sessions
from pipeline.base.errors import CannotMap, Transient
from pipeline.orders.ledger import Ledger
from pipeline.orders.ledger_write import Write
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Effect, EffectState
from tests.builders import NOW, an_order, stored

LIMIT = timedelta(seconds=60)


class Remote:
    """What it answers to a write, and what is seen of it."""

    def __init__(self, answer: str, seen: str | None) -> None:
        self.answer, self.seen = answer, seen
        self.sent = 0
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def send(self) -> str:
        self.sent += 1
        return self.answer

    def write(self, **changes: Any) -> Write[str]:
        return Write(
            **{
                "key": "cancel:eu:1",
                "kind": "cancellation",
                "send": self.send,
                "find": lambda: self.seen,
                "settles_after": LIMIT,
                "refused_as": HoldCode.CANCEL_REFUSED,
                **changes,
            }
        )


def row(sessions: Sessions) -> tuple[str, str | None]:
    with sessions() as session:
        row = session.scalars(select(Effect)).one()
        return row.state, row.remote_id


def test_an_empty_answer_is_a_defect_and_is_looked_for_next(sessions: Sessions) -> None:
    remote = Remote("", None)
    order_id = stored(sessions, an_order())
    ledger = Ledger(sessions, remote.now)
    with pytest.raises(ValueError, match="a cancellation without an id"):
        ledger.once(order_id, remote.write())
    assert row(sessions) == (EffectState.UNKNOWN, None)
    remote.at += 2 * LIMIT
    remote.seen = "canceled"
    assert ledger.once(order_id, remote.write()).remote_id == "canceled"
    assert (remote.sent, row(sessions)) == (1, (EffectState.DONE, "canceled"))


@pytest.mark.parametrize("state", [EffectState.UNKNOWN, EffectState.REFUSED, EffectState.DONE])
def test_what_is_found_without_an_id_is_a_defect(sessions: Sessions, state: EffectState) -> None:
    remote = Remote("7", "")
    order_id = stored(sessions, an_order())
    begun(sessions, order_id, state)
    remote.at += 2 * LIMIT
    ledger = Ledger(sessions, remote.now)
    with pytest.raises(ValueError, match="a cancellation was found without an id"):
        ledger.once(order_id, remote.write())
    with pytest.raises(ValueError, match="a cancellation was found without an id"):
        ledger.made(order_id, remote.write())
    with pytest.raises(ValueError, match="without an id"):
        ledger.seen("cancel:eu:1", remote_id="")
    assert (remote.sent, row(sessions)) == (0, (state, ""))


@pytest.mark.parametrize("seen", [None, "canceled"])
def test_one_that_was_written_down_as_done_without_an_id_is_looked_for(
    sessions: Sessions, seen: str | None
) -> None:
    remote = Remote("closed", seen)
    order_id = stored(sessions, an_order())
    begun(sessions, order_id, EffectState.DONE)
    ledger = Ledger(sessions, remote.now)
    assert ledger.made(order_id, remote.write()) == seen
    assert ledger.once(order_id, remote.write()).remote_id == (seen or "closed")
    assert remote.sent == (0 if seen else 1)
    assert row(sessions) == (EffectState.DONE, seen or "closed")


def test_what_a_step_sees_ends_one_without_an_id(sessions: Sessions) -> None:
    order_id = stored(sessions, an_order())
    begun(sessions, order_id, EffectState.DONE)
    Ledger(sessions, lambda: NOW).seen("cancel:eu:1", remote_id="closed")
    assert row(sessions) == (EffectState.DONE, "closed")


def test_a_yes_that_nobody_can_see_is_no_end(sessions: Sessions) -> None:
    remote = Remote("7", None)
    order_id = stored(sessions, an_order())
    ledger = Ledger(sessions, remote.now)
    for sent in (1, 2):
        with pytest.raises(CannotMap, match="was reported as done but has not happened") as held:
            ledger.once(order_id, remote.write(is_to_be_seen=True))
        assert (held.value.code, remote.sent) == (HoldCode.CANCEL_REFUSED, sent)
        assert row(sessions) == (EffectState.REFUSED, None)
    remote.seen = "7"
    assert ledger.once(order_id, remote.write(is_to_be_seen=True)).remote_id == "7"
    assert (remote.sent, row(sessions)) == (2, (EffectState.DONE, "7"))


def test_a_look_that_fails_leaves_it_to_the_next_one(sessions: Sessions) -> None:
    remote = Remote("7", "7")
    order_id = stored(sessions, an_order())
    ledger = Ledger(sessions, remote.now)

    def away() -> str:
        raise Transient("the shop is away")

    with pytest.raises(Transient):
        ledger.once(order_id, remote.write(is_to_be_seen=True, find=away))
    assert ledger.once(order_id, remote.write(is_to_be_seen=True)).remote_id == "7"
    assert remote.sent == 1


def begun(sessions: Sessions, order_id: int, state: EffectState) -> None:
    with sessions() as session, session.begin():
        session.execute(
            insert(Effect).values(
                order_id=order_id,
                key="cancel:eu:1",
                kind="cancellation",
                state=state,
                intended_at=NOW,
                remote_id="",
            )
        )
