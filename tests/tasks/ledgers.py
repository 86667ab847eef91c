"""The real ledger for the tests of the steps, in the database that the test's fixture emptied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.orders.ledger import Ledger
from pipeline.orders.ledger_write import Answer, Made, Trace, Write
from pipeline.orders.tables import Effect, EffectState
from tests.builders import NOW, an_order, stored

# Two calls of a test are so far apart that an earlier write has landed.
_APART = timedelta(hours=1)
_BEGUN = (EffectState.INTENDED, EffectState.UNKNOWN)

_emptied: list[Sessions] = []


@pytest.fixture(autouse=True)
def ledger_database(sessions: Sessions) -> None:
    """Every ledger of a test is in its database; a folder's conftest takes this in."""
    _emptied[:] = [sessions]


class SeededLedger(Ledger):
    """A ledger with writes that were done or begun before, and a list of what went through it.

    An order of a test that is in no database stands for the one order that the ledger stores.
    """

    def __init__(self, done: Mapping[str, str] | None = None, begun: Sequence[str] = ()) -> None:
        # Asked for when it is first used: most tests make a ledger that nothing is written to.
        super().__init__(lambda: _emptied[0](), lambda: self._time)
        self._time: datetime = NOW
        self._order_id: int | None = None
        self.writes: list[Write[Any]] = []
        for key, remote_id in (done or {}).items():
            self._seed(key, EffectState.DONE, remote_id)
        self.begin(*begun)

    @property
    def keys(self) -> list[str]:
        """The keys of the writes that were asked for, in their order."""
        return [write.key for write in self.writes]

    @property
    def done(self) -> dict[str, str | None]:
        """The remote's id of each write that is done, by its key."""
        return {row.key: row.remote_id for row in self._rows() if row.state == EffectState.DONE}

    @property
    def begun(self) -> set[str]:
        """The keys of the writes of which nobody knows how they ended."""
        return {row.key for row in self._rows() if row.state in _BEGUN}

    def begin(self, *keys: str) -> None:
        """Have these writes been begun, so long ago that they have landed."""
        for key in keys:
            self._seed(key, EffectState.INTENDED)

    def once(self, order_id: int | None, write: Write[Answer]) -> Made[Answer]:
        self.writes.append(write)
        return super().once(self._later(order_id), write)

    def made(self, order_id: int | None, write: Trace) -> str | None:
        return super().made(self._later(order_id), write)

    def landed(self, order_id: int | None, settles_after: timedelta) -> None:
        super().landed(self._later(order_id), settles_after)

    def give_up(self, order_id: int | None, why: str, key: str | None = None) -> None:
        super().give_up(self._later(order_id), why, key)

    def _later(self, order_id: int | None) -> int:
        self._time += _APART
        return self._order() if order_id is None else order_id

    def _order(self) -> int:
        if self._order_id is None:
            self._order_id = stored(self._sessions, an_order())
        return self._order_id

    def _rows(self) -> Sequence[Effect]:
        with self._sessions() as session:
            return session.scalars(select(Effect)).all()

    def _seed(self, key: str, state: EffectState, remote_id: str | None = None) -> None:
        effect = Effect(
            order_id=self._order(),
            key=key,
            kind="write",
            state=state,
            intended_at=NOW - timedelta(days=1),
            remote_id=remote_id,
        )
        with self._sessions() as session, session.begin():
            session.add(effect)
