"""What the effect ledger is asked to do, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from pipeline.orders.outcome import HoldCode

Answer = TypeVar("Answer")
"""What the remote answers to a write; never None."""


def key_of(name: str, whose: str, *parts: str | int) -> str:
    """The key of a write: its name, the account or shop that it is of, and what else tells it."""
    return ":".join((name, whose, *map(str, parts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a remote write leaves, and how to look for it.

    `key` is unique for ever. `find` looks at the remote and returns the id of what was made, or
    None. `settles_after` is the remote's own request limit: until then a lost call may still land.
    `harmless_twice` says the remote itself tells a repeat by a unique key.
    """

    key: str
    kind: str
    find: Callable[[], str | None]
    settles_after: timedelta
    harmless_twice: bool = False

    def write(
        self,
        send: Callable[[], Answer],
        refused_as: HoldCode,
        *,
        id_of: Callable[[Answer], str] = str,
        when_unsure: str = "",
        is_to_be_seen: bool = False,
    ) -> Write[Answer]:
        """The write that leaves this trace."""
        return Write(
            key=self.key,
            kind=self.kind,
            find=self.find,
            settles_after=self.settles_after,
            harmless_twice=self.harmless_twice,
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
    empty; whatever it needs is read before, since the time for it is counted from the intent.
    `refused_as` is how an order is held whose write was refused. With `when_unsure`, a sentence, it
    is held as well where an earlier try may have done its work and left no trace.
    """

    send: Callable[[], Answer]
    refused_as: HoldCode
    id_of: Callable[[Answer], str] = str
    when_unsure: str = ""
    is_to_be_seen: bool = False


@dataclass(frozen=True, slots=True)
class Made(Generic[Answer]):
    """A write that has been made: the remote's id of it, and its answer if we made it just now."""

    remote_id: str
    answer: Answer | None = None

    @property
    def by_us(self) -> bool:
        """Whether it was made just now, and neither earlier nor by somebody else."""
        return self.answer is not None
