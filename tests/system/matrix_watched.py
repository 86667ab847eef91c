"""What is done about each write, noted while it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select, true

from pipeline.base.db import Sessions
from pipeline.base.errors import Transient
from pipeline.orders.ledger import Ledger
from pipeline.orders.ledger_write import Answer, Made, Trace, Write
from pipeline.orders.tables import Effect, EffectState


class WatchedLedger(Ledger):
    """Notes what it does about each write, by key."""

    noted: list[tuple[str, str]]
    sending: list[str]
    """The key of the write that is being sent just now."""

    def once(self, order_id: int, write: Write[Answer]) -> Made[Answer]:
        sent: list[str] = []

        def send() -> Answer:
            self.noted.append((write.key, "sends"))
            sent.append(write.key)
            self.sending.append(write.key)
            try:
                return write.send()
            finally:
                self.sending.clear()

        with self._settling(write):
            look = self._looking(write)
            # What its own answer is checked by belongs to the sending.
            find: Callable[[], str | None] = lambda: write.find() if sent else look()  # noqa: E731
            return super().once(order_id, replace(write, find=find, send=send))

    def made(self, order_id: int, write: Trace) -> str | None:
        with self._settling(write):
            return super().made(order_id, replace(write, find=self._looking(write)))

    def landed(self, order_id: int, settles_after: timedelta) -> None:
        try:
            super().landed(order_id, settles_after)
        except Transient:
            begun = (EffectState.INTENDED, EffectState.UNKNOWN)
            self.noted += [
                (key, "waits") for key, state in states(self._sessions).items() if state in begun
            ]
            raise

    def seen(self, *keys: str, remote_id: str) -> None:
        for key, state in states(self._sessions).items():
            if key in keys and state != EffectState.DONE:
                self.noted.append((key, "sees it"))
        super().seen(*keys, remote_id=remote_id)

    def _looking(self, write: Trace) -> Callable[[], str | None]:
        def find() -> str | None:
            found = write.find()
            self.noted.append((write.key, "looks"))
            if found is not None:
                self.noted.append((write.key, "adopts"))
            return found

        return find

    @contextmanager
    def _settling(self, write: Trace) -> Iterator[None]:
        try:
            yield
        except Transient as error:
            if error.code == "settling":
                self.noted.append((write.key, "waits"))
            raise


def states(sessions: Sessions, kind: str = "") -> dict[str, str]:
    """How far each write is, by key and in the order of their intents; all, or those of a kind."""
    with sessions() as session:
        rows = session.execute(
            select(Effect.key, Effect.state)
            .where(Effect.kind == kind if kind else true())
            .order_by(Effect.id)
        )
        return {row.key: row.state for row in rows}
