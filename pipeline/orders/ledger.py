"""The effect ledger: it stores every remote write as intended before the call, as done after.

After a crash the write's row tells what comes next. Without a row, send the write. If it is
intended, wait until the remote must have finished, look, and adopt the result or send again. If it
is done, never send it again. Writes that a restored database may have lost count as intended.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from pipeline.base.db import Sessions
from pipeline.base.errors import (
    NO_WORDS,
    AccountStopped,
    CannotMap,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    Transient,
    WritesStopped,
)
from pipeline.base.retry import no_try_after
from pipeline.orders import ledger_rows
from pipeline.orders.ledger_rows import IN_DOUBT, EffectRow
from pipeline.orders.ledger_write import Answer, Made, Trace, Write
from pipeline.orders.order_words import ARE_SEALED, WordKeeper
from pipeline.orders.tables import EffectState

_LONGEST_DETAIL = 500
_ANSWERED_ONLY = "reported as done, but nothing of it is in the remote system"


class Ledger:
    """The effects of all orders. Each method is its own short transaction.

    `ask` is called with an order's account and shop before a write is intended, and raises
    WritesStopped when no write may leave. `words` seals what a remote says of a failure; without it
    that is dropped.
    """

    _words: WordKeeper | None = None

    def __init__(
        self,
        sessions: Sessions,
        now: Callable[[], datetime],
        ask: Callable[[str, str | None], None] | None = None,
        words: WordKeeper | None = None,
    ) -> None:
        self._sessions = sessions
        self._now = now
        self.ask = ask or _never_stopped
        self._words = words

    def sentence(self, order_id: int, about: str, error: RemoteError | CannotMap) -> str:
        """The error as a sentence in clear; the remote's own words are sealed with the order."""
        if self._words is None or not isinstance(error, RemoteError):
            return str(error)
        words, error.words = error.words, NO_WORDS  # they are kept once
        is_kept = self._words.keep(order_id, about, words, self._now())
        return f"{error}{ARE_SEALED}" if is_kept else str(error)

    def once(self, order_id: int, write: Write[Answer]) -> Made[Answer]:
        """Make the write unless it has been made; return the result, and whether we made it now.

        Raises CannotMap when the remote refuses the write or an earlier try leaves us unsure,
        Transient when an earlier try may still be landing, WritesStopped when no write may leave,
        and the other errors of `send` and `find`.
        """
        effect, is_first = self._intend_if_allowed(order_id, write)
        if effect.state == EffectState.DONE and effect.remote_id:
            return Made(effect.remote_id)
        if not is_first:
            found = self._look(effect, write)
            if found is not None:
                return Made(found)
            if write.when_unsure and effect.state in IN_DOUBT:
                raise CannotMap(write.refused_as, write.when_unsure)
            write.ask()
            effect = self._intend_again(effect)
        return self._send(effect, write)

    def made(self, order_id: int, write: Trace) -> str | None:
        """The id of the write's result, or None when the write was never made; sends nothing.

        Raises Transient when an earlier try may still be landing.
        """
        effect, forgotten_at = ledger_rows.look_up(self._sessions, order_id, write.key)
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
        ledger_rows.end_as_seen(self._sessions, keys, remote_id, self._now())

    def landed(self, order_id: int, settles_after: timedelta) -> None:
        """Raise Transient while a write begun for the order may still take effect."""
        begun = ledger_rows.in_doubt(self._sessions, order_id)
        for effect in sorted(begun, key=lambda one: one.intended_at, reverse=True):
            self._await(effect.kind, effect.intended_at, settles_after)

    def give_up(self, order_id: int, why: str, key: str | None = None) -> None:
        """End the order's begun writes, or only the write with this key: none is made any more.

        Call it only after `landed`, since a later try of such a write would not wait for it.
        """
        ledger_rows.give_up(self._sessions, order_id, why, key, self._now())

    def _intend_if_allowed(self, order_id: int, write: Trace) -> tuple[EffectRow, bool]:
        """The write's row. A row that exists counts even while no write may leave."""
        try:
            write.ask()
        except WritesStopped:
            effect = ledger_rows.find(self._sessions, write.key)
            if effect is None:
                raise
            return effect, False
        return self._intend(order_id, write)

    def _intend(self, order_id: int, write: Trace) -> tuple[EffectRow, bool]:
        """The write's row, and whether it is certain that no earlier try was made."""
        intended = ledger_rows.intend(self._sessions, order_id, write.key, write.kind, self._now())
        if intended is not None:
            return intended
        effect = ledger_rows.find(self._sessions, write.key)
        if effect is None:
            raise LookupError(f"order {order_id} was deleted")
        return effect, False

    def _look(self, effect: EffectRow, write: Trace) -> str | None:
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

    def _intend_again(self, effect: EffectRow) -> EffectRow:
        """Claim the next try, unless another worker has claimed or ended it meanwhile."""
        again = ledger_rows.intend_again(self._sessions, effect, self._now())
        if again is None:
            raise Transient("another worker is making this write", code="settling")
        return again

    def _send(self, effect: EffectRow, write: Write[Answer]) -> Made[Answer]:
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
            self._failed(effect, EffectState.UNKNOWN, error)
            raise
        except AccountStopped as error:
            self._failed(effect, EffectState.REFUSED, error)
            raise
        except Rejected as error:
            sentence = self._failed(effect, EffectState.REFUSED, error)
            raise CannotMap(
                write.refused_as,
                f"the {write.kind} was refused: {sentence}",
                {"code": error.code, "request_id": error.request_id},
            ) from error
        except (CannotMap, Transient) as error:
            self._failed(effect, EffectState.REFUSED, error)
            raise
        remote_id = write.id_of(answer)
        if not remote_id:
            # The write may have been made, so the next try looks first.
            self._end(effect, EffectState.UNKNOWN, detail="answered without an id")
            raise ValueError(f"a {write.kind} without an id")
        look = write.is_to_be_seen
        if look(answer) if callable(look) else look:
            self._see(effect, write)
        self._end(effect, EffectState.DONE, remote_id=remote_id)
        return Made(remote_id, answer)

    def _see(self, effect: EffectRow, write: Write[Answer]) -> None:
        """Raise CannotMap when the remote reported success and the write's result is missing."""
        try:
            is_there = write.find() is not None
        except (CannotMap, RemoteError) as error:
            # The remote has answered, so the call is no longer landing: the next try looks first.
            self._failed(effect, EffectState.REFUSED, error)
            raise
        if not is_there:
            self._end(effect, EffectState.REFUSED, detail=_ANSWERED_ONLY)
            raise CannotMap(
                write.refused_as,
                f"the {write.kind} was reported as done but has not happened: find out what "
                "prevents it there, or do it by hand, and this goes on by itself",
                {"write": write.kind},
            )

    def _failed(self, effect: EffectRow, state: EffectState, error: RemoteError | CannotMap) -> str:
        """Store that a try failed, and return the error as a sentence."""
        sentence = self.sentence(effect.order_id, f"{effect.kind} (write {effect.id})", error)
        detail = f"{error.code}: {sentence}" if error.code else sentence
        self._end(effect, state, detail=detail[:_LONGEST_DETAIL])
        return sentence

    def _end(
        self,
        effect: EffectRow,
        state: EffectState,
        *,
        remote_id: str | None = None,
        adopted: bool = False,
        detail: str | None = None,
    ) -> None:
        """Store how a try ended, unless a later try has begun or it was adopted meanwhile."""
        ledger_rows.end(
            self._sessions,
            effect,
            state,
            self._now(),
            remote_id=remote_id,
            adopted=adopted,
            detail=detail,
        )


def _never_stopped(account: str, shop: str | None) -> None:
    """Let every write leave."""


def _longest_stall(settles_after: timedelta) -> timedelta:
    """How long after its intent a call may begin at the latest."""
    return settles_after / 4
