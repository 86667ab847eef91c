"""An order's facts as its marketplace reports them, and as every step uses them.

Every field that a marketplace may withhold is optional: missing personal data is normal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

NON_AMAZON = "NON_AMAZON"


class RemoteStatus(StrEnum):
    """An order's status at its marketplace. An unknown status is stored as it is, and held."""

    PENDING_AVAILABILITY = "PENDING_AVAILABILITY"
    PENDING = "PENDING"
    UNSHIPPED = "UNSHIPPED"
    PARTIALLY_SHIPPED = "PARTIALLY_SHIPPED"
    SHIPPED = "SHIPPED"
    CANCELLED = "CANCELLED"
    UNFULFILLABLE = "UNFULFILLABLE"


class Program(StrEnum):
    """What a marketplace says of an order or a line beside its status; the list is not complete."""

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
    """The reason why a marketplace did not give a personal field, in words for a person."""

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
    """A period that may be open at either end."""

    earliest_at: datetime | None = None
    latest_at: datetime | None = None


_ANY_TIME = Window()


@dataclass(frozen=True, slots=True)
class Address:
    """A delivery address as the marketplace gave it. Empty strings mean: not given."""

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
    """An item of an order: the product, its quantity and how many units have left."""

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
    """The fields without which an order cannot be stored."""

    external_id: str
    marketplace_id: str
    status: str
    fulfilled_by: FulfilledBy
    purchased_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Package:
    """A parcel that the marketplace knows of."""

    reference: str
    tracking_number: str
    carrier: str
    quantities: Mapping[str, int] = field(default_factory=dict)
    status: str = ""
    service: str = ""
    shipped_at: datetime | None = None


class Delivery(NamedTuple):
    """What a report says of an order's delivery: the latest promise, when the last package left,
    and whether all packages that it names are delivered."""

    promised_at: datetime | None = None
    left_at: datetime | None = None
    is_delivered: bool = False


@dataclass(frozen=True, slots=True)
class ChannelOrder:
    """An order as its marketplace reports it, without amounts (see `Amounts`).

    `lines` are to be delivered; lines without any units left are in `cancelled_lines`. `missing`
    gives the reason for each empty personal field.
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
