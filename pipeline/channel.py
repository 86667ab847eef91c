"""What a marketplace must offer, and the facts of an order in the words every step uses.

Every field that a marketplace may withhold is optional: missing personal data is a normal answer.
Amounts are major units of the order's currency; net means without tax.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from pipeline.money import ZERO
from pipeline.rate_limit import Lane

Raw = Mapping[str, Any]


class FulfilledBy(StrEnum):
    """Who holds and ships the goods."""

    MERCHANT = "FBM"
    AMAZON = "FBA"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a parcel goes, as the marketplace gave it. Empty strings mean: not given."""

    name: str = ""
    company: str = ""
    lines: tuple[str, ...] = ()
    city: str = ""
    district: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""
    phone: str = ""
    is_pickup_point: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One item of an order: what was bought and how much of it has left."""

    item_id: str
    sku: str
    title: str
    quantity: int
    asin: str = ""
    quantity_fulfilled: int = 0
    programs: tuple[str, ...] = ()
    gift_message: str = ""
    promotion_ids: tuple[str, ...] = ()
    buyer_wants_to_cancel: bool = False


class Identity(NamedTuple):
    """What an order must tell to be kept at all."""

    external_id: str
    marketplace_id: str
    status: str
    fulfilled_by: FulfilledBy
    purchased_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Package:
    """A parcel the marketplace knows of."""

    reference: str
    tracking_number: str
    carrier: str
    quantities: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChannelOrder:
    """An order as its marketplace tells it, without amounts (see `Amounts`)."""

    external_id: str
    marketplace_id: str
    status: str
    fulfilled_by: FulfilledBy
    purchased_at: datetime
    updated_at: datetime
    lines: tuple[Line, ...]
    currency: str | None = None
    grand_total: Decimal | None = None
    ship_by_at: datetime | None = None
    deliver_by_at: datetime | None = None
    service_level: str = ""
    programs: tuple[str, ...] = ()
    replaces: str = ""
    buyer_name: str = ""
    buyer_email: str = ""
    buyer_company: str = ""
    purchase_order_number: str = ""
    address: Address | None = None
    packages: tuple[Package, ...] = ()

    @property
    def buyer_wants_to_cancel(self) -> bool:
        return any(line.buyer_wants_to_cancel for line in self.lines)


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """The money of one line, whole quantity. All are zero or more; tax is beside, not inside.

    `row_net` is before discount. `discount_net` and `shipping_discount_net` are what is taken off.
    `tax` belongs to the goods after their discount, `shipping_tax` to shipping after its discount.
    """

    row_net: Decimal = ZERO
    tax: Decimal = ZERO
    discount_net: Decimal = ZERO
    shipping_net: Decimal = ZERO
    shipping_tax: Decimal = ZERO
    shipping_discount_net: Decimal = ZERO
    gift_wrap_net: Decimal = ZERO
    gift_wrap_tax: Decimal = ZERO
    other_net: Decimal = ZERO
    other_tax: Decimal = ZERO
    tax_is_collected_by_marketplace: bool = False

    @property
    def total(self) -> Decimal:
        """What the buyer pays for this line, tax included."""
        return (
            self.row_net
            - self.discount_net
            + self.tax
            + self.shipping_net
            - self.shipping_discount_net
            + self.shipping_tax
            + self.gift_wrap_net
            + self.gift_wrap_tax
            + self.other_net
            + self.other_tax
        )


@dataclass(frozen=True, slots=True)
class Adjustment:
    """An amount of the order that belongs to no item, such as a delivery tip."""

    label: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Amounts:
    """Every amount of an order, reconciled: lines and adjustments sum to `grand_total` exactly."""

    currency: str
    grand_total: Decimal
    lines: Mapping[str, LineAmounts]
    adjustments: tuple[Adjustment, ...] = ()
    mode: str = ""


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One page of changed orders, raw, and where the next page is.

    `next_token` is None on the last page. `upper_bound` is the marketplace's own upper bound of the
    search: the next watermark, once every page has been stored.
    """

    orders: Sequence[Raw]
    next_token: str | None
    upper_bound: datetime | None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A shipment to be confirmed to the marketplace. `reference` is unique within the order."""

    external_id: str
    marketplace_id: str
    reference: str
    carrier_code: str
    carrier_title: str
    tracking_number: str
    shipped_at: datetime
    quantities: Mapping[str, int]
    country: str = ""


class Channel(Protocol):
    """A marketplace account. Reads raise Transient, Rejected or AccountStopped; writes also
    OutcomeUnknown."""

    def changed_orders(self, since: datetime, token: str | None) -> OrderPage:
        """One page of orders changed at or after `since`; `token` names a further page."""
        ...

    def placed_orders(self, after: datetime, before: datetime, token: str | None) -> OrderPage:
        """One page of orders placed in a period, bounds included. Never goes before new orders."""
        ...

    def order(self, external_id: str, lane: Lane = Lane.NEW) -> Raw:
        """One order, whole and fresh. `lane` says how urgent it is."""
        ...

    def identify(self, raw: Raw) -> Identity:
        """The least that is needed to keep an order. Raises CannotMap when that is not there."""
        ...

    def parse(self, raw: Raw) -> ChannelOrder:
        """The facts of an order. Raises CannotMap when it cannot be read."""
        ...

    def amounts(self, raw: Raw) -> Amounts:
        """The order's money, reconciled. Raises CannotMap with the line that does not add up."""
        ...

    def confirm_shipment(self, confirmation: Confirmation) -> None:
        """Tell the marketplace that a package has left. Sending the same reference again edits."""
        ...
