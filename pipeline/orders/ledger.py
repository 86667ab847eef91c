"""The effect ledger: it stores every remote write as intended before the call, as done after.

After a crash the write's row tells what comes next. Without a row, send the write. If it is
intended, wait until the remote must have finished, look, and adopt the result or send again. If it
is done, never send it again. Writes that a restored database may have lost count as intended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.errors import (
    AccountStopped,
    CannotMap,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    Transient,
)
from pipeline.base.retry import no_try_after
from pipeline.orders import ledger_rows
from pipeline.orders.ledger_rows import IN_DOUBT
from pipeline.orders.ledger_write import Answer, Made, Trace, Write, key_of
from pipeline.orders.tables import Effect, EffectState, Order

_ANSWERED_ONLY = "reported as done, but nothing of it is in the remote system"


class Ledger:
    """The effects of all orders. Each method is its own short transaction.

    `ask` is called with the order's account and shop before a write is intended, and raises
    WritesStopped when no write may leave.
    """

    def __init__(
        self,
        sessions: Sessions,
        now: Callable[[], datetime],
        ask: Callable[[str, str | None], None] | None = None,
    ) -> None:
        self._sessions = sessions
        self._now = now
        self._ask = ask

    def once(self, order_id: int, write: Write[Answer]) -> Made[Answer]:
        """Make the write unless it has been made; return the result, and whether we made it now.

        Raises CannotMap when the remote refuses the write or an earlier try leaves us unsure,
        Transient when an earlier try may still be landing, WritesStopped when no write may leave,
        and the other errors of `send` and `find`.
        """
        effect, is_first = self._intend(order_id, write, is_to_be_sent=True)
        if effect.state == EffectState.DONE and effect.remote_id:
            return Made(effect.remote_id)
        if not is_first:
            found = self._look(effect, write)
            if found is not None:
                return Made(found)
            if write.when_unsure and effect.state in IN_DOUBT:
                raise CannotMap(write.refused_as, write.when_unsure)
            effect = self._intend_again(effect)
        return self._send(effect, write)

    def made(self, order_id: int, write: Trace) -> str | None:
        """The id of the write's result, or None when the write was never made; sends nothing.

        Raises Transient when an earlier try may still be landing.
        """
        with self._sessions() as session:
            effect = session.scalar(select(Effect).where(Effect.key == write.key))
            forgotten_at = None if effect else ledger_rows.forgets_until(session, order_id)
        if effect is None:
            if forgotten_at is None:
                return None
            self._await_landing(write, forgotten_at)
            if write.find() is None:
                return None
            effect, _ = self._intend(order_id, write)
        if effect.state == EffectState.DONE and effect.remote_id:
            return effect.remote_id
        return self._look(effect, write)

    def seen(self, *keys: str, remote_id: str) -> None:
        """End the begun writes among these: the remote shows their result."""
        if not remote_id:
            raise ValueError("a write was seen without an id")
        with self._sessions() as session, session.begin():
            ledger_rows.end_as_seen(session, keys, remote_id, self._now())

    def landed(self, order_id: int, settles_after: timedelta) -> None:
        """Raise Transient while a write begun for the order may still take effect."""
        with self._sessions() as session:
            begun = session.scalars(
                select(Effect).where(Effect.order_id == order_id, Effect.state.in_(IN_DOUBT))
            ).all()
        for effect in sorted(begun, key=lambda one: one.intended_at, reverse=True):
            self._await(effect.kind, effect.intended_at, settles_after)

    def give_up(self, order_id: int, why: str, key: str | None = None) -> None:
        """End the order's begun writes, or only the write with this key: none is made any more.

        Call it only after `landed`, since a later try of such a write would not wait for it.
        """
        with self._sessions() as session, session.begin():
            ledger_rows.give_up(session, order_id, why, key, self._now())

    def _ask_to_write(self, session: Session, order_id: int) -> None:
        if self._ask is not None:
            whose = select(Order.account, Order.shop).where(Order.id == order_id)
            self._ask(*session.execute(whose).one())

    def _intend(
        self, order_id: int, write: Trace, *, is_to_be_sent: bool = False
    ) -> tuple[Effect, bool]:
        """The write's row, and whether it is certain that no earlier try was made."""
        with self._sessions() as session, session.begin():
            effect = session.scalar(select(Effect).where(Effect.key == write.key))
            if effect is not None:
                return effect, False
            if is_to_be_sent:
                self._ask_to_write(session, order_id)
            forgotten_at = ledger_rows.forgets_until(session, order_id)
            made = ledger_rows.intend(
                session, order_id, write.key, write.kind, forgotten_at or self._now()
            )
            if made is not None:
                return made, forgotten_at is None
            return session.scalars(select(Effect).where(Effect.key == write.key)).one(), False

    def _look(self, effect: Effect, write: Trace) -> str | None:
        if effect.state in IN_DOUBT:
            self._await_landing(write, effect.intended_at)
        found = write.find()
        if found == "":
            raise ValueError(f"a {write.kind} was found without an id")
        if found is not None:
            self._end(effect, EffectState.DONE, remote_id=found, adopted=True)
        return found

    def _await_landing(self, write: Trace, intended_at: datetime) -> None:
        """Raise Transient while a call intended at that time may still take effect."""
        if not write.harmless_twice:
            self._await(write.kind, intended_at, write.settles_after)

    def _await(self, kind: str, intended_at: datetime, settles_after: timedelta) -> None:
        # The request limit counts from the call, which may begin a while after its intent.
        left = intended_at + _longest_stall(settles_after) + settles_after - self._now()
        if left > timedelta(0):
            raise Transient(
                f"an earlier {kind} may still take effect",
                code="settling",
                retry_after_s=left.total_seconds(),
            )

    def _intend_again(self, effect: Effect) -> Effect:
        """Claim the next try, unless another worker has claimed or ended it meanwhile."""
        with self._sessions() as session, session.begin():
            self._ask_to_write(session, effect.order_id)
            again = ledger_rows.intend_again(session, effect, self._now())
        if again is None:
            raise Transient("another worker is making this write", code="settling")
        return again

    def _send(self, effect: Effect, write: Write[Answer]) -> Made[Answer]:
        left = effect.intended_at + _longest_stall(write.settles_after) - self._now()
        if left < timedelta(0):
            # The process stalled after the intent (a suspended machine): other workers may soon
            # take the call as over.
            self._end(
                effect, EffectState.REFUSED, detail="not sent: the worker stalled before the call"
            )
            raise Transient("stalled before the call", code="stalled")
        try:
            with no_try_after(left.total_seconds()):
                answer = write.send()
        except OutcomeUnknown as error:
            self._end(effect, EffectState.UNKNOWN, detail=_detail(error))
            raise
        except AccountStopped as error:
            self._end(effect, EffectState.REFUSED, detail=_detail(error))
            raise
        except Rejected as error:
            self._end(effect, EffectState.REFUSED, detail=_detail(error))
            raise CannotMap(
                write.refused_as,
                f"the {write.kind} was refused: {error}",
                {"code": error.code, "request_id": error.request_id},
            ) from error
        except (CannotMap, Transient) as error:
            self._end(effect, EffectState.REFUSED, detail=_detail(error))
            raise
        remote_id = write.id_of(answer)
        if not remote_id:
            # The write may have been made, so the next try looks first.
            self._end(effect, EffectState.UNKNOWN, detail="answered without an id")
            raise ValueError(f"a {write.kind} without an id")
        if write.is_to_be_seen:
            self._see(effect, write)
        self._end(effect, EffectState.DONE, remote_id=remote_id)
        return Made(remote_id, answer)

    def _see(self, effect: Effect, write: Write[Answer]) -> None:
        """Raise CannotMap when the remote reported success and the write's result is missing."""
        try:
            is_there = write.find() is not None
        except (CannotMap, RemoteError) as error:
            # The remote has answered, so the call is no longer landing: the next try looks first.
            self._end(effect, EffectState.REFUSED, detail=_detail(error))
            raise
        if not is_there:
            self._end(effect, EffectState.REFUSED, detail=_ANSWERED_ONLY)
            raise CannotMap(
                write.refused_as,
                f"the {write.kind} was reported as done but has not happened: find out what "
                "prevents it there, or do it by hand, and this goes on by itself",
                {"write": write.kind},
            )

    def _end(
        self,
        effect: Effect,
        state: EffectState,
        *,
        remote_id: str | None = None,
        adopted: bool = False,
        detail: str | None = None,
    ) -> None:
        """Store how a try ended, unless a later try has begun or it was adopted meanwhile."""
        with self._sessions() as session, session.begin():
            ledger_rows.end(
                session,
                effect,
                state,
                self._now(),
                remote_id=remote_id,
                adopted=adopted,
                detail=detail,
            )


@dataclass(frozen=True, slots=True)
class OrderLedger:
    """The ledger as an order's steps use it.

    `shop` is the order's shop, `settles_after` how long a call to the shop may still take effect
    after we gave up on it.
    """

    ledger: Ledger
    order: Order
    shop: str
    settles_after: timedelta

    def trace(
        self,
        name: str,
        *parts: str | int,
        kind: str,
        find: Callable[[], str | None],
        harmless_twice: bool = False,
    ) -> Trace:
        """The trace of the order's own write; name and parts distinguish it from its other
        writes."""
        key = key_of(name, self.order.account, self.order.external_id, *parts)
        return Trace(
            key=key,
            kind=kind,
            find=find,
            settles_after=self.settles_after,
            harmless_twice=harmless_twice,
        )

    def shop_trace(
        self, name: str, *parts: str | int, kind: str, find: Callable[[], str | None]
    ) -> Trace:
        """The trace of a write that all orders of the shop share."""
        key = key_of(name, self.shop, *parts)
        return Trace(key=key, kind=kind, find=find, settles_after=self.settles_after)

    def once(self, write: Write[Answer]) -> Made[Answer]:
        """Make the write unless it has been made; see `Ledger.once`."""
        return self.ledger.once(self.order.id, write)

    def made(self, trace: Trace) -> str | None:
        """The id of the write's result, or None when it was never made; see `Ledger.made`."""
        return self.ledger.made(self.order.id, trace)

    def seen(self, *traces: Trace, remote_id: str) -> None:
        """End the begun writes among these: the remote shows their result."""
        self.ledger.seen(*(one.key for one in traces), remote_id=remote_id)

    def landed(self) -> None:
        """Raise Transient while a write begun for the order may still take effect."""
        self.ledger.landed(self.order.id, self.settles_after)

    def give_up(self, why: str, only: Trace | None = None) -> None:
        """End the order's begun writes, or only this write; see `Ledger.give_up`."""
        self.ledger.give_up(self.order.id, why, None if only is None else only.key)


def _longest_stall(settles_after: timedelta) -> timedelta:
    """How long after its intent a call may begin at the latest."""
    return settles_after / 4


def _detail(error: RemoteError | CannotMap) -> str:
    return f"{error.code}: {error}"[:500] if error.code else str(error)[:500]
