"""The requests to the effect ledger, and its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from pipeline.orders.outcome import HoldCode

Answer = TypeVar("Answer")
"""The remote's answer to a write; never None."""


def key_of(name: str, whose: str, *parts: str | int) -> str:
    """The key of a write: its name, its account or shop, and the parts that distinguish it."""
    return ":".join((name, whose, *map(str, parts)))


def _not_stopped() -> None:
    """Let the write leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The trace that a remote write leaves, and how to look for it.

    `key` is unique for ever. `find` looks at the remote and returns the id of the write's result,
    or None. `settles_after` is the remote's own request limit: until then a lost call may still
    land. `harmless_twice` says that the remote recognises a repeat by a unique key. `is_shared`
    says that another order may have made the write. `ask` raises WritesStopped when no write may
    leave.
    """

    key: str
    kind: str
    find: Callable[[], str | None]
    settles_after: timedelta
    harmless_twice: bool = False
    is_shared: bool = False
    ask: Callable[[], None] = _not_stopped

    def write(
        self,
        send: Callable[[], Answer],
        refused_as: HoldCode,
        *,
        id_of: Callable[[Answer], str] = str,
        when_unsure: str = "",
        is_to_be_seen: bool | Callable[[Answer], bool] = False,
    ) -> Write[Answer]:
        """The write that leaves this trace."""
        return Write(
            key=self.key,
            kind=self.kind,
            find=self.find,
            settles_after=self.settles_after,
            harmless_twice=self.harmless_twice,
            is_shared=self.is_shared,
            ask=self.ask,
            send=send,
            refused_as=refused_as,
            id_of=id_of,
            when_unsure=when_unsure,
            is_to_be_seen=is_to_be_seen,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Write(Trace, Generic[Answer]):
    """A remote write that must happen once.

    `send` makes it and returns the remote's answer, from which `id_of` takes an id that is never
    empty; read whatever `send` needs before, since its time counts from the intent. `refused_as` is
    the hold code of an order whose write was refused. `when_unsure` is a sentence: with it the
    order is also held when an earlier try may have worked but left no trace. `is_to_be_seen` says,
    of every answer or by the answer, that only a look at the remote shows that the write was made.
    """

    send: Callable[[], Answer]
    refused_as: HoldCode
    id_of: Callable[[Answer], str] = str
    when_unsure: str = ""
    is_to_be_seen: bool | Callable[[Answer], bool] = False


@dataclass(frozen=True, slots=True)
class Made(Generic[Answer]):
    """A write that has been made: the remote's id, and its answer if we made the write just now."""

    remote_id: str
    answer: Answer | None = None

    @property
    def by_us(self) -> bool:
        """Whether we made the write just now, rather than earlier or through somebody else."""
        return self.answer is not None
