"""The marketplace's last report of an order: opened when a step needs it, and parsed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from pipeline.base.errors import CannotMap, NotSent
from pipeline.base.master_keys import KeyMissing, Unreadable
from pipeline.base.vault import SealedColumn, Vault
from pipeline.orders.amounts import Amounts
from pipeline.orders.carrier_title import open_title
from pipeline.orders.channel import Channel, Raw
from pipeline.orders.channel_order import ChannelOrder
from pipeline.orders.outcome import HoldCode

Json = Mapping[str, Any]

KEY_MISSING_RETRY_S = 300.0
Read = TypeVar("Read")


def _nothing() -> None:
    return None


def unless_unreadable(read: Callable[[], Read], otherwise: Read) -> Read:
    """What `read` opens, or `otherwise`. Raises NotSent where only this process lacks the key."""
    try:
        return read()
    except KeyMissing as error:
        # Another process may have the key, and this one after its next start.
        raise NotSent(str(error), retry_after_s=KEY_MISSING_RETRY_S) from error
    except Unreadable:
        return otherwise


class Report:
    """The raw reply and the corrected address of an order, for a single claim.

    The channel's results are cached: a later caller within the claim gets the same results.
    """

    def __init__(
        self,
        open_reply: Callable[[], Raw | None] = _nothing,
        open_correction: Callable[[], Json | None] = _nothing,
        title: Callable[[str], str] = str,
    ) -> None:
        """`title` gives a stored carrier's title as the clerk typed it: empty after the purge."""
        self._open_reply = open_reply
        self._open_correction = open_correction
        self.title = title
        self._order: ChannelOrder | None = None
        self._amounts: dict[bool, Amounts] = {}

    @classmethod
    def sealed(
        cls,
        vault: Vault,
        owner: str,
        wrapped_key: bytes | None,
        reply: bytes | None,
        correction: bytes | None,
    ) -> Report:
        """Make a report from stored data. A part that the vault cannot open counts as missing.

        A part under a master key that this process lacks raises NotSent when it is read.
        """

        def opened(
            column: SealedColumn, sealed: bytes | None, unreadable: Json | None
        ) -> Json | None:
            if wrapped_key is None or sealed is None:
                return None
            return unless_unreadable(
                lambda: vault.open(wrapped_key, owner, column, sealed), unreadable
            )

        return cls(
            lambda: opened(SealedColumn.REPORT, reply, None),
            lambda: opened(SealedColumn.CORRECTION, correction, {}),
            lambda stored: unless_unreadable(
                lambda: open_title(vault, wrapped_key, owner, stored), ""
            ),
        )

    @cached_property
    def raw(self) -> Raw | None:
        """The marketplace's reply; None when it was purged or cannot be opened."""
        return self._open_reply()

    @cached_property
    def correction(self) -> Json | None:
        """The corrected address, if any; empty when it cannot be opened."""
        return self._open_correction()

    def order(self, channel: Channel) -> ChannelOrder:
        """The facts of the order. Raises CannotMap when the reply cannot be read."""
        if self._order is None:
            self._order = channel.parse(self._readable())
        return self._order

    def amounts(self, channel: Channel, *, trust_total: bool) -> Amounts:
        """The amounts of the order, see `Channel.amounts`. Raises CannotMap."""
        if trust_total not in self._amounts:
            read = channel.amounts(self._readable(), trust_total=trust_total)
            self._amounts[trust_total] = read
        return self._amounts[trust_total]

    def _readable(self) -> Raw:
        if self.raw is None:
            raise CannotMap(
                HoldCode.UNREADABLE_ORDER,
                "the marketplace's data of this order cannot be opened: it was purged, or "
                "ORDERBRIDGE_MASTER_KEY is not the key it was stored with",
            )
        return self.raw


NO_REPORT = Report()
