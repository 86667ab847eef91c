"""The effect ledger for the writes of one order: how they are named, and when they have landed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from pipeline.orders.ledger import Ledger
from pipeline.orders.ledger_write import Answer, Made, Trace, Write, key_of
from pipeline.orders.tables import Order


@dataclass(frozen=True, slots=True)
class OrderLedger:
    """The ledger as an order's steps use it.

    `shop` is the shop the order is in, `settles_after` how long a call to it may still take effect
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
        """What a write leaves that is the order's own, told from its others by name and parts."""
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
        """What a write leaves that all orders of the shop have in common."""
        key = key_of(name, self.shop, *parts)
        return Trace(key=key, kind=kind, find=find, settles_after=self.settles_after)

    def once(self, write: Write[Answer]) -> Made[Answer]:
        """Make the write unless it has been made; see `Ledger.once`."""
        return self.ledger.once(self.order.id, write)

    def made(self, trace: Trace) -> str | None:
        """The id of what the write made, or None when it was never made; see `Ledger.made`."""
        return self.ledger.made(self.order.id, trace)

    def seen(self, *traces: Trace, remote_id: str) -> None:
        """End those of these writes that were begun: what they do has been seen at the remote."""
        self.ledger.seen(*(one.key for one in traces), remote_id=remote_id)

    def landed(self) -> None:
        """Raise Transient while a write begun for the order may still take effect."""
        self.ledger.landed(self.order.id, self.settles_after)

    def give_up(self, why: str, only: Trace | None = None) -> None:
        """End the writes that were begun for the order, or only that one; see `Ledger.give_up`."""
        self.ledger.give_up(self.order.id, why, None if only is None else only.key)
