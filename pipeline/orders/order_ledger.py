"""The effect ledger as the steps of one order use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from pipeline.orders.ledger import Ledger
from pipeline.orders.ledger_write import Answer, Made, Trace, Write, key_of
from pipeline.orders.tables import Order


@dataclass(frozen=True, slots=True)
class OrderLedger:
    """The ledger for the writes of `order`.

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
            ask=self._ask,
        )

    def shop_trace(
        self, name: str, *parts: str | int, kind: str, find: Callable[[], str | None]
    ) -> Trace:
        """The trace of a write that all orders of the shop share."""
        key = key_of(name, self.shop, *parts)
        return Trace(
            key=key,
            kind=kind,
            find=find,
            settles_after=self.settles_after,
            is_shared=True,
            ask=self._ask,
        )

    def _ask(self) -> None:
        self.ledger.ask(self.order.account, self.order.shop)

    def once(self, write: Write[Answer]) -> Made[Answer]:
        """Make the write unless it has been made; see `Ledger.once`."""
        if self.order.known_writes is not None:
            self.order.known_writes.add(write.key)
        return self.ledger.once(self.order.id, write)

    def made(self, trace: Trace) -> str | None:
        """The id of the write's result, or None when it was never made; see `Ledger.made`.

        Of an order that had no writes when it was claimed, only those of this claim are looked up.
        """
        known = self.order.known_writes
        if known is not None and trace.key not in known and not trace.is_shared:
            return None
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
