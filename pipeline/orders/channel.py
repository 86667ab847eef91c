"""What a marketplace must offer, and the facts of an order in the words every step uses.

Every field that a marketplace may withhold is optional: missing personal data is a normal answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from pipeline.base.quota import Lane
from pipeline.orders.amounts import Amounts

Raw = Mapping[str, Any]


NON_AMAZON = "NON_AMAZON"
NO_PACKAGE_TO_UPDATE = "PackageToUpdateNotFound"
"""The code of the one refusal of a confirmation that has to be told apart."""


class RemoteStatus(StrEnum):
    """Where an order stands at its marketplace. Any other word is kept as it is, and held."""

    PENDING_AVAILABILITY = "PENDING_AVAILABILITY"
    PENDING = "PENDING"
    UNSHIPPED = "UNSHIPPED"
    PARTIALLY_SHIPPED = "PARTIALLY_SHIPPED"
    SHIPPED = "SHIPPED"
    CANCELLED = "CANCELLED"
    UNFULFILLABLE = "UNFULFILLABLE"


class Program(StrEnum):
    """What a marketplace says of an order or a line beside its status; it may say others."""

    PRIME = "PRIME"
    BUSINESS = "AMAZON_BUSINESS"
    FBM_SHIP_PLUS = "FBM_SHIP_PLUS"
    PREMIUM = "PREMIUM"
    PREORDER = "PREORDER"
    EASY_SHIP = "AMAZON_EASY_SHIP"
    INVOICE_BY_AMAZON = "INVOICE_BY_AMAZON"
    IN_STORE_PICK_UP = "IN_STORE_PICK_UP"
    DELIVERY_BY_AMAZON = "DELIVERY_BY_AMAZON"
    BAZAAR = "AMAZON_BAZAAR"
    HAUL = "AMAZON_HAUL"
    TRANSPARENCY = "TRANSPARENCY"


class FulfilledBy(StrEnum):
    """Who holds and ships the goods."""

    MERCHANT = "FBM"
    AMAZON = "FBA"


class Missing(StrEnum):
    """Why a marketplace did not give a personal field, in words for a person."""

    NOT_REQUESTED = "not requested"
    ROLE = 'not entitled: the role "Direct-to-Consumer Delivery" is missing'
    TAX_ROLE = "not entitled: only a tax role gets it"
    NOT_YET = "not available yet: the payment is not verified"
    CANCELLED = "withheld: the order is cancelled"
    BY_AMAZON = "withheld: Amazon delivers it"
    PICK_UP = "withheld: the buyer picks it up"
    DELIVERED = "withheld: the delivery date is over"
    NOT_GIVEN = "not given"


class Window(NamedTuple):
    """A span of time of which either end may be open."""

    earliest_at: datetime | None = None
    latest_at: datetime | None = None


_ANY_TIME = Window()


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
    buyer_cancel_reason: str = ""
    cancelled_by: str = ""
    cancel_reason: str = ""
    gift_wrap: str = ""
    condition: str = ""
    price_designation: str = ""
    customization_url: str = ""
    measurement: str = ""
    substitution: str = ""
    serial_number_required: bool = False
    serial_numbers: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    delivery: Window = _ANY_TIME
    ioss_number: str = ""
    points: int = 0
    tax_collected_by: str = ""
    tax_schemes: tuple[str, ...] = ()
    belongs_to: tuple[str, ...] = ()


class TaxRegistration(NamedTuple):
    """A tax number of the buyer, the merchant or the marketplace; `kind` is VAT, CPF, CNPJ, ..."""

    entity: str
    kind: str
    number: str
    legal_name: str = ""
    country: str = ""


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
    status: str = ""
    service: str = ""
    shipped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChannelOrder:
    """An order as its marketplace tells it, without amounts (see `Amounts`).

    `lines` are what is to be delivered; lines of which nothing is left are in `cancelled_lines`.
    `missing` says for each personal field that is empty why it is.
    """

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
    cancelled_lines: tuple[Line, ...] = ()
    missing: Mapping[str, Missing] = field(default_factory=dict)
    channel: str = ""
    marketplace_name: str = ""
    aliases: tuple[str, ...] = ()
    exchanges: str = ""
    ship_from_at: datetime | None = None
    deliver_from_at: datetime | None = None
    label_from_at: datetime | None = None
    drop_off: str = ""
    delivery_instruction: str = ""
    tax_registrations: tuple[TaxRegistration, ...] = ()
    invoice_preference: str = ""
    invoice_status: str = ""
    payment_methods: tuple[str, ...] = ()

    @property
    def buyer_wants_to_cancel(self) -> bool:
        return any(line.buyer_wants_to_cancel for line in self.lines)


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
    transparency_codes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    supply_source: str = ""


ParseReport = Callable[[str, Raw], ChannelOrder]
"""Reads a stored report of an account, by the account's name, without a call."""


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
        """One page of orders changed from `since` on; `token` names a further page.

        `before`, where given, is the last moment that counts; it lies two minutes back or more.
        """
        ...

    def placed_orders(self, after: datetime, before: datetime, token: str | None) -> OrderPage:
        """One page of orders placed in a period, bounds included. Never goes before new orders."""
        ...

    def order(self, external_id: str, lane: Lane = Lane.NEW) -> Raw:
        """One order, whole and fresh. `lane` says how urgent it is."""
        ...

    def number(self, reply: object) -> str:
        """The number in a reply of which nothing else may be readable; empty without one."""
        ...

    def is_number(self, text: str) -> bool:
        """Whether an order can be asked for by this number."""
        ...

    def identify(self, raw: Raw) -> Identity:
        """The least that is needed to keep an order. Raises CannotMap when that is not there."""
        ...

    def parse(self, raw: Raw) -> ChannelOrder:
        """The facts of an order. Raises CannotMap when it cannot be read."""
        ...

    def amounts(self, raw: Raw, *, trust_total: bool = False) -> Amounts:
        """The order's money, reconciled. Raises CannotMap with the line that does not add up.

        With `trust_total` what does not add up is levelled out by an adjustment instead.
        """
        ...

    def confirm_shipment(self, confirmation: Confirmation) -> None:
        """Tell the marketplace that a package has left. Sending the same reference again edits."""
        ...

    def feed_message(self, confirmation: Confirmation) -> dict[str, Any]:
        """The same as a message for a feed, as JSON. Raises CannotMap as confirming would."""
        ...
