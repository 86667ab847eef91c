"""The operations that a marketplace must offer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pipeline.base.quota import Lane
from pipeline.orders.amounts import Amounts
from pipeline.orders.channel_order import ChannelOrder, Delivery, Identity

Raw = Mapping[str, Any]

NO_PACKAGE_TO_UPDATE = "PackageToUpdateNotFound"
"""The code of the only refusal of a confirmation that needs its own handling."""


@dataclass(frozen=True, slots=True)
class OrderPage:
    """A page of changed orders, as raw reports, and the token of the next page.

    `next_token` is None on the last page. `upper_bound` is the marketplace's own upper bound of the
    search: the next watermark, once every page has been stored.
    """

    orders: Sequence[Raw]
    next_token: str | None
    upper_bound: datetime | None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The confirmation of a package to the marketplace. `reference` is unique within the order."""

    external_id: str
    marketplace_id: str
    reference: str
    carrier_code: str
    carrier_title: str
    tracking_number: str
    shipped_at: datetime
    quantities: Mapping[str, int]
    country: str = ""
    transparency_codes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    supply_source: str = ""


ParseReport = Callable[[str, Raw], ChannelOrder]
"""Parses a stored report of the account with that name, without a call."""


class Channel(Protocol):
    """A marketplace account. Reads raise Transient, Rejected or AccountStopped; writes also
    OutcomeUnknown."""

    def changed_orders(
        self,
        since: datetime,
        token: str | None,
        before: datetime | None = None,
        lane: Lane = Lane.NEW,
    ) -> OrderPage:
        """A page of orders changed from `since` on; `token` names a further page.

        `before`, if given, is the end of the period; it lies at least two minutes back.
        """
        ...

    def placed_orders(self, after: datetime, before: datetime, token: str | None) -> OrderPage:
        """A page of orders placed in a period, bounds included. New orders have priority over
        it."""
        ...

    def order(self, external_id: str, lane: Lane = Lane.NEW) -> Raw:
        """An order, complete and fresh. `lane` is the call's priority."""
        ...

    def number(self, reply: object) -> str:
        """The order number in a reply that may be unreadable otherwise; empty without a number."""
        ...

    def is_number(self, text: str) -> bool:
        """Whether the text has the form of this marketplace's order numbers."""
        ...

    def identify(self, raw: Raw) -> Identity:
        """The fields needed to store an order. Raises CannotMap when a field is missing."""
        ...

    def delivery(self, raw: Raw) -> Delivery:
        """What a report says of the delivery, however unreadable the rest is."""
        ...

    def parse(self, raw: Raw) -> ChannelOrder:
        """The facts of an order. Raises CannotMap when it cannot be read."""
        ...

    def amounts(self, raw: Raw, *, trust_total: bool = False) -> Amounts:
        """The order's amounts, reconciled. Raises CannotMap naming the line that does not add up.

        With `trust_total` an adjustment makes up the difference instead.
        """
        ...

    def confirm_shipment(self, confirmation: Confirmation) -> None:
        """Confirm a package to the marketplace. A repeated reference edits the confirmation."""
        ...

    def feed_message(self, confirmation: Confirmation) -> dict[str, Any]:
        """The confirmation as a feed's JSON message. Raises CannotMap like `confirm_shipment`."""
        ...
